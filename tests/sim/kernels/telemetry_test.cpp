// Result against exact sum: signal to noise, largest and mean error.
#include "sim/kernels/telemetry.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/support/sample.hpp"

namespace precsim::kernels {
namespace {

TEST(Telemetry, ErrorsFollowTheirDefinitions) {
  support::Sample sample(71);
  int checked = 0;
  for (int run = 0; run < 50; ++run) {
    std::vector<float> result(1 + sample.below(200));
    std::vector<double> exact(result.size());
    double signal = 0;
    double noise = 0;
    double sum = 0;
    double largest = 0;
    for (std::size_t i = 0; i < result.size(); ++i) {
      exact[i] = static_cast<double>(sample.normal_float(-10, 10));
      result[i] = static_cast<float>(exact[i] * (1 + 1e-4 * static_cast<double>(sample.below(100))));
      const double error = static_cast<double>(result[i]) - exact[i];
      signal += exact[i] * exact[i];
      noise += error * error;
      sum += error;
      largest = std::fmax(largest, std::fabs(error));
    }
    Telemetry telemetry;
    compare_with_exact(result, exact, telemetry);
    EXPECT_EQ(telemetry.max_abs_error, largest);
    EXPECT_EQ(telemetry.mean_error, sum / static_cast<double>(result.size()));
    EXPECT_NEAR(telemetry.sqnr_db, 10 * std::log10(signal / noise), 1e-9);
    ++checked;
  }
  EXPECT_EQ(checked, 50);
}

TEST(Telemetry, EdgesOfTheSignalToNoiseRatio) {
  const std::vector<float> zero{0.0f};
  const std::vector<float> one{1.0f};
  Telemetry telemetry;
  compare_with_exact(one, std::vector<double>{1.0}, telemetry);
  EXPECT_EQ(telemetry.sqnr_db, std::numeric_limits<double>::infinity());
  compare_with_exact(zero, std::vector<double>{0.0}, telemetry);
  EXPECT_TRUE(std::isnan(telemetry.sqnr_db));
  compare_with_exact({}, {}, telemetry);
  EXPECT_EQ(telemetry.mean_error, 0);
  Telemetry sign;
  compare_with_exact(one, std::vector<double>{3.0}, sign);
  EXPECT_EQ(sign.mean_error, -2);
  EXPECT_EQ(sign.max_abs_error, 2);
}

}  // namespace
}  // namespace precsim::kernels
