// Fixed point: known answers, the oracle over samples, saturation, what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "formats/catalogue.hpp"
#include "formats/convert.hpp"
#include "formats/error.hpp"
#include "tests/oracle/exact_oracle.hpp"
#include "tests/support/known_answers.hpp"
#include "tests/support/oracle_bridge.hpp"
#include "tests/support/sample.hpp"

namespace precsim::formats {
namespace {

using support::Sample;

constexpr float infinity = std::numeric_limits<float>::infinity();

ConvertedArray converted(const std::string& format, const std::vector<float>& x, const std::string& rounding = "",
                         const RandomBits& bits = {}) {
  const Rounding mode = rounding.empty() ? Rounding{} : parse_rounding(rounding);
  return convert(x, static_cast<std::int64_t>(x.size()), {parse_format(format), mode}, bits, "array");
}

/// x in steps of 2^-fraction_bits, rounded, before saturation.
std::int64_t oracle_steps(float x, int fraction_bits, Rounding rounding, std::uint32_t word) {
  const oracle::Place place = oracle::place_on_grid(std::bit_cast<std::uint32_t>(x), -fraction_bits);
  const auto magnitude = static_cast<std::int64_t>(
      oracle::decide(place, std::signbit(x), support::oracle_mode(rounding.mode), rounding.bits, word));
  return std::signbit(x) ? -magnitude : magnitude;
}

std::int64_t saturated(std::int64_t steps, int width) {
  const std::int64_t limit = std::int64_t{1} << (width - 1);
  return std::clamp(steps, -limit, limit - 1);
}

/// The columns of stochastic roundings hold for a given word, which no RandomBits can be asked for: they are
/// compared through the oracle, the others through the library's conversion.
TEST(FixedPoint, KnownAnswers) {
  const std::vector<std::string> modes = {
      "nearest_even", "nearest_away", "toward_zero",        "toward_positive",   "toward_negative",  "to_odd",
      "biased",       "stochastic",   "stochastic:bits=16", "stochastic:bits=8", "stochastic:bits=1"};
  std::size_t checked = 0;
  for (const support::KnownAnswer& answer : support::known_answers("fixed")) {
    ASSERT_EQ(answer.columns.size(), 3 + modes.size()) << "line " << answer.line;
    const std::string& format = answer.columns[0];
    const auto x = std::bit_cast<float>(support::hex32(answer.columns[1]));
    const std::vector<std::string> digits = support::split(std::string_view(format).substr(3), '.');
    const int fraction_bits = support::number<int>(digits.at(1));
    for (std::size_t m = 0; m < modes.size(); ++m, ++checked) {
      const auto code = support::number<std::int64_t>(answer.columns[3 + m]);
      const Rounding rounding = parse_rounding(modes[m]);
      if (rounding.is_stochastic()) {
        if (std::isfinite(x)) {
          const std::int64_t steps = oracle_steps(x, fraction_bits, rounding, support::hex32(answer.columns[2]));
          EXPECT_EQ(saturated(steps, support::number<int>(digits.at(0)) + fraction_bits), code)
              << "line " << answer.line;
        }
        continue;
      }
      const ConvertedArray out = converted(format, {x}, modes[m]);
      const float value = static_cast<float>(std::ldexp(static_cast<double>(code), -fraction_bits));
      EXPECT_EQ(out.values[0], value) << "line " << answer.line << ", " << modes[m];
      EXPECT_FALSE(out.values[0] == 0 && std::signbit(out.values[0])) << "line " << answer.line;
      ASSERT_EQ(out.codes.size(), parse_format(format)->width() <= 16 ? 1u : 0u);
      if (!out.codes.empty()) {
        EXPECT_EQ(out.codes[0], code) << "line " << answer.line << ", " << modes[m];
      }
    }
  }
  EXPECT_GE(checked, 10000u);
}

TEST(FixedPoint, EveryWidthAgreesWithTheOracle) {
  Sample sample(31);
  int formats_checked = 0;
  for (int width = 2; width <= 16; ++width) {
    for (int integer_bits = 1; integer_bits <= width; ++integer_bits, ++formats_checked) {
      const int fraction_bits = width - integer_bits;
      const std::string format = "fix" + std::to_string(integer_bits) + "." + std::to_string(fraction_bits);
      std::vector<float> x(static_cast<std::size_t>(support::sample_size(1000)));
      for (float& value : x) {
        value = sample.below(8) == 0 ? sample.finite_float() : sample.normal_float(-fraction_bits - 3, integer_bits);
      }
      for (const Rounding rounding : support::every_rounding()) {
        const RandomBits bits{.seed = sample.word()};
        const ConvertedArray out = converted(format, x, name(rounding), bits);
        std::uint64_t beyond = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
          const std::int64_t steps = oracle_steps(x[i], fraction_bits, rounding, bits.word(i));
          beyond += steps != saturated(steps, width) ? 1 : 0;
          ASSERT_EQ(out.codes[i], saturated(steps, width)) << format << ' ' << name(rounding) << ' ' << x[i];
        }
        ASSERT_EQ(out.counts.saturated, beyond) << format << ' ' << name(rounding);
      }
    }
  }
  EXPECT_EQ(formats_checked, 135);
}

TEST(FixedPoint, EveryCodeRoundTrips) {
  std::vector<float> x;
  for (int code = -32768; code <= 32767; ++code) {
    x.push_back(static_cast<float>(code) / 256);
  }
  const ConvertedArray out = converted("fix8.8", x, "stochastic");
  for (std::size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(out.codes[i], static_cast<int>(i) - 32768);
    ASSERT_EQ(out.values[i], x[i]);
  }
  EXPECT_EQ(out.counts.saturated, 0u);
  EXPECT_EQ(out.exponents, std::vector<std::int16_t>{-8});
}

TEST(FixedPoint, SaturatesToTheAsymmetricRange) {
  const ConvertedArray out = converted("fix4.4", {7.9375f, 7.96f, 7.97f, 1e30f, -8.0f, -8.03f, -8.04f, -1e30f});
  EXPECT_EQ(out.codes, (std::vector<std::int16_t>{127, 127, 127, 127, -128, -128, -128, -128}));
  EXPECT_EQ(out.counts.saturated, 4u);
}

TEST(FixedPoint, InfinitiesSaturateAndNanIsRefused) {
  const ConvertedArray out = converted("fix2.6", {infinity, -infinity});
  EXPECT_EQ(out.codes, (std::vector<std::int16_t>{127, -128}));
  EXPECT_EQ(out.counts.saturated, 0u) << "only finite elements count";
  EXPECT_THROW(converted("fix2.6", {0.0f, std::numeric_limits<float>::quiet_NaN()}), UserError);
}

TEST(FixedPoint, WideFormatsAreForStorage) {
  EXPECT_EQ(parse_format("fix8.8")->kind(), OperandKind::integer);
  EXPECT_EQ(parse_format("fix8.9")->kind(), OperandKind::storage_only);
  const ConvertedArray out = converted("fix16.16", {1.5f, -0x1p15f, 0x1p15f, 0x1.8p-17f});
  EXPECT_TRUE(out.codes.empty());
  EXPECT_EQ(out.values, (std::vector<float>{1.5f, -0x1p15f, 0x1p15f, 0x1p-16f}))
      << "2^15 - 2^-16 has no FP32 number of its own";
  EXPECT_EQ(out.counts.saturated, 1u);
}

}  // namespace
}  // namespace precsim::formats
