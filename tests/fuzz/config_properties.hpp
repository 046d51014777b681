// What is promised of every configuration that is accepted, wherever it came from.
#pragma once

#include "experiments/config/config.hpp"
#include "experiments/run/run_options.hpp"
#include "sim/nn/optimizer.hpp"
#include "tests/fuzz/target.hpp"

namespace precsim::fuzz {

inline config::Config read_back(const std::string& text) {
  config::Config config(experiments::check_value);
  config.read_ini(text, "read back");
  return config;
}

/// Its texts read back to equal configurations, its canonical form is final, and it becomes options or is refused.
inline void check_config(config::Config config) {
  promise(read_back(config.to_ini(config::ProvenanceKeys::marked)) == config, "the marked text reads back");
  promise(read_back(config::print_config(config)) == config, "the printed configuration reads back");
  experiments::canonicalize(config);
  config::Config again = read_back(config.to_ini());
  promise(again.to_ini() == config.to_ini(), "the recorded text reads back");
  experiments::canonicalize(again);
  promise(again.hash().hex() == config.hash().hex(), "the recorded text has the same hash");
  accepts([&] { experiments::check_effect(config); });
  accepts([&] { experiments::precision_plan(config); });
  accepts([&] {
    const nn::TrainingOptions options = experiments::training_options(config);
    nn::check_schedule(options.schedule);
    nn::LossScale scale(options.loss_scale);
  });
}

}  // namespace precsim::fuzz
