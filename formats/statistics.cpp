// Error statistics; see statistics.hpp.
#include "formats/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "formats/elementary.hpp"
#include "formats/error.hpp"
#include "formats/exact.hpp"

namespace precsim::formats {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Sums {
  double x = 0, xx = 0, yy = 0, xy = 0, noise = 0, error = 0;
};

void add_element(ErrorStatistics& s, Sums& sums, std::array<double, octave_bins>& octave_noise, int top, double x,
                 double y, int exponent) {
  const double error = y - x;
  s.min = s.count == 0 ? x : std::min(s.min, x);
  s.max = s.count == 0 ? x : std::max(s.max, x);
  ++s.count;
  s.max_abs_error = std::max(s.max_abs_error, std::abs(error));
  sums.x += x;
  sums.xx += x * x;
  sums.yy += y * y;
  sums.xy += x * y;
  sums.noise += error * error;
  sums.error += error;
  if (x == 0) {
    ++s.zeros;
    return;
  }
  const double relative = error / x;
  s.max_relative_error = std::max(s.max_relative_error, std::abs(relative));
  s.flushed += y == 0 ? 1 : 0;
  ++s.exponents[static_cast<std::size_t>(exponent - exponent_of_zero)];
  const auto octave = static_cast<std::size_t>(std::min(top - exponent, octave_bins - 1));
  ++s.octave_counts[octave];
  octave_noise[octave] += relative * relative;
}

}  // namespace

double sqnr_db(double signal, double noise) {
  if (noise == 0) {
    return signal == 0 ? nan : std::numeric_limits<double>::infinity();
  }
  return 10 * log10(signal / noise);
}

ErrorStatistics error_statistics(std::span<const float> x, std::span<const float> y) {
  PRECSIM_CHECK(x.size() == y.size(), "sizes " + std::to_string(x.size()) + " and " + std::to_string(y.size()));
  ErrorStatistics s;
  const auto counts = [&](std::size_t i) { return !is_nonfinite(x[i]) && !is_nonfinite(y[i]); };
  float absmax = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    absmax = counts(i) ? std::max(absmax, std::abs(x[i])) : absmax;
  }
  const int top = exponent_of(absmax);
  Sums sums;
  std::array<double, octave_bins> octave_noise{};
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (counts(i)) {
      add_element(s, sums, octave_noise, top, static_cast<double>(x[i]), static_cast<double>(y[i]), exponent_of(x[i]));
    }
  }
  s.nonfinite = x.size() - s.count;
  s.absmax = static_cast<double>(absmax);
  const auto n = static_cast<double>(s.count);
  s.mean = s.count == 0 ? nan : sums.x / n;
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double deviation = counts(i) ? static_cast<double>(x[i]) - s.mean : 0;
    squares += deviation * deviation;
  }
  s.std = s.count == 0 ? nan : std::sqrt(squares / n);
  s.sqnr_db = sqnr_db(sums.xx, sums.noise);
  s.mean_squared_error = s.count == 0 ? nan : sums.noise / n;
  s.mean_error = s.count == 0 ? nan : sums.error / n;
  const double norms = std::sqrt(sums.xx * sums.yy);  // exact for x = y; FP32 squares stay far from both ends of double
  s.cosine = norms == 0 ? nan : sums.xy / norms;
  for (std::size_t o = 0; o < octave_bins; ++o) {
    const auto in_octave = static_cast<double>(s.octave_counts[o]);
    s.octave_rms_error[o] = s.octave_counts[o] == 0 ? nan : std::sqrt(octave_noise[o] / in_octave);
  }
  return s;
}

}  // namespace precsim::formats
