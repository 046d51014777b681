// Error statistics of a conversion: reference x against converted y (numerics 10).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "formats/statistics_kernel.hpp"

namespace precsim::formats {

inline constexpr int octave_bins = 40;  ///< E(absmax) - E(x) = 0 .. 38, then all deeper

/// Of the finite elements of x.
struct ReferenceStatistics {
  std::uint64_t count = 0;                                 ///< finite elements
  std::uint64_t nonfinite = 0;                             ///< the rest
  std::uint64_t zeros = 0;                                 ///< x = 0
  double min = 0, max = 0, absmax = 0, mean = 0, std = 0;  ///< std with divisor count
  std::array<std::uint64_t, exponent_bins> exponents{};    ///< zeros apart
};

/// Over the elements where both x and y are finite.
struct ConversionErrors {
  std::uint64_t lost = 0;         ///< finite x whose y is not finite
  double sqnr_db = 0;             ///< 10 log10(sum x^2 / sum (x-y)^2); +inf without noise, NaN without signal and noise
  double mean_squared_error = 0;  ///< mean (x-y)^2
  double max_abs_error = 0;
  double max_relative_error = 0;                           ///< over x != 0
  double mean_error = 0;                                   ///< mean (y-x): the bias
  double cosine = 0;                                       ///< NaN where a norm is 0
  std::uint64_t flushed = 0;                               ///< x != 0, y = 0
  std::uint64_t saturated = 0;                             ///< as the conversion counted; 0 from error_statistics()
  std::array<std::uint64_t, octave_bins> octave_counts{};  ///< by octaves below absmax, zeros apart
  std::array<double, octave_bins> octave_rms_error{};      ///< root mean square of (x-y)/x; NaN in empty bins
};

struct ErrorStatistics : ReferenceStatistics, ConversionErrors {};

/// Both in one, over pairs: an x whose y is not finite counts as `nonfinite` and enters no figure; `lost` is 0. x and y
/// have the same size. The order of the sums is that of statistics_sums.hpp.
ErrorStatistics error_statistics(std::span<const float> x, std::span<const float> y,
                                 const StatisticsKernel& kernel = best_statistics_kernel());

/// 10 log10(signal / noise) with the conventions of `sqnr_db`.
double sqnr_db(double signal, double noise);

}  // namespace precsim::formats
