// The signature: a hash of every weight bit after short pinned runs that together touch all of the arithmetic.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/kernels/engine.hpp"

namespace precsim::experiments {

/// One pinned run: settings as `--set` takes them, blank-separated, on top of those all runs share.
struct PinnedRun {
  std::string_view name;
  std::string_view settings;
};
std::span<const PinnedRun> pinned_runs();

struct RunSignature {
  std::string name;
  std::string state_hash;  ///< of parameters, momentum and buffers
  std::int64_t steps = 0;
  std::int64_t skipped_steps = 0;
  std::uint64_t overflow_events = 0;
};

/// Runs one pinned run with this many threads (0: all) and this kernel (empty: see chosen_kernel()).
RunSignature run_pinned(const PinnedRun& run, std::int64_t threads, std::string_view kernel = {},
                        kernels::Engine engine = kernels::Engine::simulate);

/// 16 hex digits over all runs.
std::string signature(std::span<const RunSignature> runs);

}  // namespace precsim::experiments
