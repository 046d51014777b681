// Error statistics; see statistics.hpp.
#include "formats/statistics.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include "formats/array_kernel.hpp"
#include "formats/elementary.hpp"
#include "formats/error.hpp"
#include "formats/exact.hpp"
#include "formats/statistics_sums.hpp"

namespace precsim::formats {
namespace {

/// A run of pairs; its x is NaN where y is not finite.
struct PairRun {
  explicit PairRun(const StatisticsKernel& kernel) : run(kernel) {}

  void set(std::span<const float> x, std::span<const float> y) {
    if (best_array_kernel().extent(y.data(), static_cast<std::int64_t>(y.size())).first_nonfinite < 0) {
      run.set(x);
      return;
    }
    for (std::size_t j = 0; j < x.size(); ++j) {
      masked[j] = is_nonfinite(y[j]) ? std::numeric_limits<float>::quiet_NaN() : x[j];
    }
    run.set({masked.data(), x.size()});
  }

  StatisticsRun run;
  std::array<float, statistics_run> masked{};
};

}  // namespace

double sqnr_db(double signal, double noise) {
  if (noise == 0) {
    return signal == 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  }
  return 10 * log10(signal / noise);
}

ErrorStatistics error_statistics(std::span<const float> x, std::span<const float> y, const StatisticsKernel& kernel) {
  PRECSIM_CHECK(x.size() == y.size(), "sizes " + std::to_string(x.size()) + " and " + std::to_string(y.size()));
  ReferenceSums reference;
  ErrorSums errors;
  const auto pairs = std::make_unique<PairRun>(kernel);
  constexpr std::size_t segment = statistics_segment;
  constexpr std::size_t run = statistics_run;
  for (std::size_t start = 0; start < x.size(); start += segment) {
    const std::size_t end = std::min(x.size(), start + segment);
    ReferenceSums reference_here;
    ErrorSums errors_here;
    for (std::size_t at = start; at < end; at += run) {
      const std::size_t size = std::min(run, end - at);
      pairs->set(x.subspan(at, size), y.subspan(at, size));
      reference_here.add(pairs->run);
      errors_here.add(pairs->run, y.subspan(at, size));
    }
    reference.join(reference_here);
    errors.join(errors_here);
  }
  return {reference.statistics(), errors.errors(reference)};
}

}  // namespace precsim::formats
