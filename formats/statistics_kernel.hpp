// The statistics kernels: sums over one run of elements, one row per instruction set.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace precsim::formats {

inline constexpr std::int64_t statistics_run = 4096;      ///< elements that are summed at once
inline constexpr int exponent_bins = 277;                 ///< E(x) = -149 .. 127
inline constexpr int magnitude_bins = 1 + exponent_bins;  ///< zeros, then one per E(x)

/// The order of every sum: element j goes to lane j & 7 of eight doubles, in rising order; lanes are joined as
/// ((0+4)+(2+6)) + ((1+5)+(3+7)). Every operation is one IEEE operation in double.
inline constexpr int statistics_lanes = 8;

/// Figures of one run of finite x.
struct ReferenceRun {
  double sum = 0, min = 0, max = 0;
  std::array<std::uint16_t, statistics_run> bins{};    ///< of each element
  std::array<std::uint16_t, magnitude_bins> counts{};  ///< elements of each bin
};

/// Figures of one run of x against y. A y that is not finite leaves `noise` infinite or NaN, and the rest undefined.
struct ErrorRun {
  double signal = 0, converted = 0, product = 0;  ///< sums of x^2, y^2, x y
  double noise = 0, error = 0;                    ///< sums of (y-x)^2, y-x
  double max_abs = 0, max_relative = 0;           ///< of y-x, and of (y-x)/x over x != 0
  std::uint64_t flushed = 0;                      ///< x != 0, y = 0
  std::array<double, magnitude_bins> relative{};  ///< sums of ((y-x)/x)^2; only bins in which the run has elements
};

/// Figures of one part of a block.
struct BlockPart {
  double signal = 0, noise = 0, max_abs = 0;
};

/// One row of the table. All functions of all rows give the same bits. A smallest or largest x that is zero may have
/// the sign of any zero of the run.
struct StatisticsKernel {
  std::string_view name;
  std::string_view architecture;
  bool (*usable)();
  /// `count` is a multiple of 8, at most statistics_run.
  void (*reference)(const float* x, std::int64_t count, ReferenceRun& run);
  /// Sum of (x - center)^2.
  double (*deviation)(const float* x, std::int64_t count, double center);
  void (*errors)(const float* x, const float* y, std::int64_t count, const ReferenceRun& reference, ErrorRun& run);
  /// Any count; x and y finite, or `noise` is not.
  BlockPart (*block)(const float* x, const float* y, std::int64_t count);
};

/// Fastest first; the portable row is last and always usable.
std::span<const StatisticsKernel> statistics_kernels();
/// The first usable row.
const StatisticsKernel& best_statistics_kernel();

}  // namespace precsim::formats
