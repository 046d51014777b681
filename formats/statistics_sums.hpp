// Streaming, mergeable sums behind the error statistics, in an order that no caller can change.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "formats/statistics.hpp"

namespace precsim::formats {

/// The order of every sum of a tensor: elements in runs of statistics_run, runs in segments of statistics_segment (the
/// last ones shorter). Within a run, eight lanes (statistics_kernel.hpp); runs are added in order to the sums of their
/// segment, segments in order to those of the tensor. So segments can be formed anywhere, by any number of threads, and
/// joined: the bits are the same for every instruction set, chunking and thread count.
inline constexpr std::int64_t statistics_segment = std::int64_t{1} << 20;

/// One run of a reference, ready to be compared with any number of its conversions. Elements that are not finite stand
/// as zeros in x(), and enter nothing. Large: reuse it.
class StatisticsRun {
 public:
  explicit StatisticsRun(const StatisticsKernel& kernel = best_statistics_kernel()) : kernel_(kernel) {}

  /// At most statistics_run elements, which must outlive the use of the run.
  void set(std::span<const float> x);

  /// The elements of the run, those that are not finite replaced by 0: what to convert.
  std::span<const float> x() const { return {x_, static_cast<std::size_t>(size_)}; }
  std::uint64_t nonfinite() const { return nonfinite_; }

 private:
  friend class ReferenceSums;
  friend class ErrorSums;
  bool is_finite(std::size_t j) const;
  void set_range();
  void set_squares();

  const StatisticsKernel& kernel_;
  const float* given_ = nullptr;
  const float* x_ = nullptr;
  std::int64_t size_ = 0, padded_ = 0;
  std::uint64_t nonfinite_ = 0;
  bool copied_ = false;
  double squares_ = 0;  ///< of the deviations from the run's mean
  ReferenceRun reference_;
  alignas(64) std::array<float, statistics_run> copy_{};
};

/// Sums of the reference.
class ReferenceSums {
 public:
  void add(const StatisticsRun& run);
  /// Adds what follows these sums.
  void join(const ReferenceSums& next);
  ReferenceStatistics statistics() const;

 private:
  friend class ErrorSums;
  void add_squares(std::uint64_t count, double sum, double squares);

  std::uint64_t count_ = 0, nonfinite_ = 0;
  double sum_ = 0, squares_ = 0, min_ = 0, max_ = 0;
  std::array<std::uint64_t, magnitude_bins> counts_{};
};

/// Sums of one conversion.
class ErrorSums {
 public:
  /// y has the size of the run; `saturated` of its elements were clipped (ConversionCounts), where that is known.
  void add(const StatisticsRun& run, std::span<const float> y, std::uint64_t saturated = 0);
  void join(const ErrorSums& next);
  /// `reference` has the same elements.
  ConversionErrors errors(const ReferenceSums& reference) const;

 private:
  void add_sums(const ErrorRun& run, const std::array<std::uint16_t, magnitude_bins>& counts);

  double signal_ = 0, converted_ = 0, product_ = 0, noise_ = 0, error_ = 0, max_abs_ = 0, max_relative_ = 0;
  std::uint64_t flushed_ = 0, saturated_ = 0;
  std::array<double, magnitude_bins> relative_{};
  std::array<std::uint64_t, magnitude_bins> lost_{};  ///< finite x whose y is not finite
};

}  // namespace precsim::formats
