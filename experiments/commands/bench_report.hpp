// What `precsim bench` prints, and the exit code it ends with.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "experiments/bench/measure.hpp"
#include "experiments/cli/options.hpp"

namespace precsim::experiments {

struct BenchRequest {
  std::string_view kernel;
  bench::MeasureOptions options;
};

/// The machine, a row per contender, peers compared, totals of networks, wrong results. `catalogue`: all cases, which
/// say when a total is whole.
std::string bench_text(const BenchRequest& request, std::span<const bench::Case> catalogue,
                       const bench::Measurements& measurements);
/// The same as JSON.
std::string bench_json(const BenchRequest& request, std::span<const bench::Case> catalogue,
                       const bench::Measurements& measurements);
/// `mismatch` if any result is wrong.
cli::ExitCode bench_exit_code(const bench::Measurements& measurements);

}  // namespace precsim::experiments
