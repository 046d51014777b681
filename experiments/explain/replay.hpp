// Computing a recorded run again, up to one product.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "experiments/explain/recorded_run.hpp"
#include "sim/nn/observer.hpp"

namespace precsim::explain {

struct ProductTarget {
  std::string layer;
  kernels::Pass pass = kernels::Pass::forward;
  std::int64_t step = 0;
};

struct ReplayHooks {
  std::function<void(std::int64_t done)> on_step = {};  ///< steps since the start
  std::function<bool()> stop_requested = {};
};

/// Trains from `start` (null: the beginning), which is not after the target's step, and calls `see` with the product.
/// False if it was asked to stop before. Raises UserError where the run diverges before it.
bool replay(RecordedRun& run, const ProductTarget& target, const nn::TrainingState* start,
            const std::function<void(const nn::CallReport&)>& see, const ReplayHooks& hooks);

}  // namespace precsim::explain
