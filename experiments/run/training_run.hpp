// One training run: from a configuration to a result and a record.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "experiments/config/config.hpp"
#include "experiments/run/run_recorder.hpp"
#include "experiments/run/run_result.hpp"

namespace precsim::experiments {

/// Runs a configuration, or goes on with it (run.resume). Nothing is printed; `hooks` follow the run, with the number
/// of all its steps told first, and `note` gets sentences about what it goes on from. Raises UserError for what cannot
/// be run or written; a run that diverges or is stopped returns, with its record whole.
RunResult run_training(const config::Config& config, const std::function<RunRecorder::Hooks(std::int64_t steps)>& hooks,
                       const std::function<void(const std::string&)>& note = {});

}  // namespace precsim::experiments
