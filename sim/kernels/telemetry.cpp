// Telemetry of product calls.
#include "sim/kernels/telemetry.hpp"

#include <algorithm>
#include <cmath>

#include "formats/statistics.hpp"

namespace precsim::kernels {

void compare_with_exact(std::span<const float> result, std::span<const double> exact, Telemetry& telemetry) {
  double signal = 0;
  double noise = 0;
  double error_sum = 0;
  for (std::size_t i = 0; i < result.size(); ++i) {
    const double error = static_cast<double>(result[i]) - exact[i];
    signal += exact[i] * exact[i];
    noise += error * error;
    error_sum += error;
    telemetry.max_abs_error = std::max(telemetry.max_abs_error, std::abs(error));
  }
  telemetry.sqnr_db = formats::sqnr_db(signal, noise);
  telemetry.mean_error = result.empty() ? 0 : error_sum / static_cast<double>(result.size());
}

}  // namespace precsim::kernels
