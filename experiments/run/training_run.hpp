// One training run: from a configuration to a result and a record.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/config/config.hpp"
#include "experiments/run/run_recorder.hpp"
#include "sim/nn/trainer.hpp"

namespace precsim::experiments {

/// What a run ends with.
struct RunResult {
  nn::TrainingResult training;
  std::array<RoleSqnr, nn::role_count> sqnr;
  std::int64_t skipped_steps = 0;
  double last_loss = 0;
  std::string configuration_hash;
  std::string state_hash;
  double seconds = 0;
};

/// Runs a configuration. Nothing is printed; `hooks` follow the run, with the number of all its steps told first.
/// Raises UserError for what cannot be run or written; a run that diverges or is stopped returns, with its record
/// whole.
RunResult run_training(const config::Config& config,
                       const std::function<RunRecorder::Hooks(std::int64_t steps)>& hooks);

/// Figures of a result as (name, value, unit): the rows of /summary.
struct Figure {
  std::string name;
  double value;
  std::string unit;
};
std::vector<Figure> figures(const RunResult& result);

}  // namespace precsim::experiments
