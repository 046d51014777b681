// What `precsim bench train` prints.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "experiments/step_bench/turns.hpp"

namespace precsim::experiments {

struct StepBenchRequest {
  std::string_view kernel;
  int rounds;
};

/// The machine, a row per contender, and the split of each by kind of work. At least one result.
std::string step_bench_text(const StepBenchRequest& request, std::span<const step_bench::Result> results);
/// The same as JSON.
std::string step_bench_json(const StepBenchRequest& request, std::span<const step_bench::Result> results);

}  // namespace precsim::experiments
