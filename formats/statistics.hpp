// Error statistics of a conversion: reference x against converted y (numerics 10).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace precsim::formats {

inline constexpr int exponent_bins = 277;  ///< E(x) = -149 .. 127
inline constexpr int octave_bins = 40;     ///< E(absmax) - E(x) = 0 .. 38, then all deeper

/// Over the elements where both x and y are finite, summed in double in element order.
struct ErrorStatistics {
  std::uint64_t count = 0;                                 ///< finite pairs
  std::uint64_t nonfinite = 0;                             ///< the rest
  std::uint64_t zeros = 0;                                 ///< x = 0
  double min = 0, max = 0, absmax = 0, mean = 0, std = 0;  ///< of x; std with divisor count
  double sqnr_db = 0;             ///< 10 log10(sum x^2 / sum (x-y)^2); +inf without noise, NaN without signal and noise
  double mean_squared_error = 0;  ///< mean (x-y)^2
  double max_abs_error = 0;
  double max_relative_error = 0;                           ///< over x != 0
  double mean_error = 0;                                   ///< mean (y-x): the bias
  double cosine = 0;                                       ///< NaN where a norm is 0
  std::uint64_t flushed = 0;                               ///< x != 0, y = 0
  std::array<std::uint64_t, exponent_bins> exponents{};    ///< of x, zeros apart
  std::array<std::uint64_t, octave_bins> octave_counts{};  ///< by octaves below absmax, zeros apart
  std::array<double, octave_bins> octave_rms_error{};      ///< root mean square of (x-y)/x; NaN in empty bins
};

/// x and y have the same size.
ErrorStatistics error_statistics(std::span<const float> x, std::span<const float> y);

/// 10 log10(signal / noise) with the conventions of `sqnr_db`.
double sqnr_db(double signal, double noise);

}  // namespace precsim::formats
