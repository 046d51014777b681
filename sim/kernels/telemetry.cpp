// Telemetry of product calls.
#include "sim/kernels/telemetry.hpp"

#include <algorithm>
#include <cmath>

#include "formats/statistics.hpp"

namespace precsim::kernels {

void ErrorSums::add(std::span<const float> result, std::span<const double> exact) {
  double signal = signal_;
  double noise = noise_;
  double sum = error_;
  double largest = largest_;
  for (std::size_t i = 0; i < result.size(); ++i) {
    const double error = static_cast<double>(result[i]) - exact[i];
    signal += exact[i] * exact[i];
    noise += error * error;
    sum += error;
    largest = std::max(largest, std::abs(error));
  }
  outputs_ += result.size();
  signal_ = signal;
  noise_ = noise;
  error_ = sum;
  largest_ = largest;
}

void ErrorSums::report(Telemetry& telemetry) const {
  telemetry.sqnr_db = formats::sqnr_db(signal_, noise_);
  telemetry.max_abs_error = largest_;
  telemetry.mean_error = outputs_ == 0 ? 0 : error_ / static_cast<double>(outputs_);
}

void compare_with_exact(std::span<const float> result, std::span<const double> exact, Telemetry& telemetry) {
  ErrorSums errors;
  errors.add(result, exact);
  errors.report(telemetry);
}

}  // namespace precsim::kernels
