// Taking numbers apart: values, exponents by bits, rounding to a step.
#include "formats/exact.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tests/support/sample.hpp"

namespace precsim::formats {
namespace {

using support::Sample;

TEST(Exact, PartsMakeTheNumberAgain) {
  Sample sample(61);
  for (int i = 0; i < 20000; ++i) {
    const float x = i % 2 == 0 ? sample.finite_float() : std::bit_cast<float>(sample.word() & 0x807fffffu);
    const Exact parts = exact(x);
    const double value = std::ldexp(static_cast<double>(parts.magnitude), parts.exponent);
    ASSERT_EQ(parts.negative ? -value : value, static_cast<double>(x));
    ASSERT_EQ(parts.negative, std::signbit(x));
  }
}

TEST(Exact, PartsOfDoublesMakeTheNumberAgain) {
  Sample sample(62);
  for (int i = 0; i < 20000; ++i) {
    std::uint64_t bits = sample.next();
    bits &= i % 2 == 0 ? ~std::uint64_t{0} : 0x800fffffffffffffu;
    const auto x = std::bit_cast<double>(bits);
    if (std::isfinite(x)) {
      const Exact parts = exact(x);
      const double value = std::ldexp(static_cast<double>(parts.magnitude), parts.exponent);
      ASSERT_EQ(parts.negative ? -value : value, x);
    }
  }
}

TEST(Exact, ExponentAtEveryPowerOfTwoAndBeside) {
  for (int exponent = -149; exponent <= 127; ++exponent) {
    const float power = std::ldexp(1.0f, exponent);
    ASSERT_EQ(exponent_of(power), exponent);
    ASSERT_EQ(exponent_of(-power), exponent);
    ASSERT_EQ(exponent_of(std::nextafter(power, 0.0f)), exponent == -149 ? -149 : exponent - 1);
    ASSERT_EQ(exponent_of(std::nextafter(power, std::numeric_limits<float>::infinity())),
              exponent == -149 ? -148 : exponent);
  }
  EXPECT_EQ(exponent_of(0.0f), -149);
  EXPECT_EQ(exponent_of(-0.0f), -149);
  EXPECT_EQ(exponent_of(std::numeric_limits<float>::max()), 127);
}

TEST(Exact, NonfiniteByBits) {
  EXPECT_TRUE(is_nonfinite(std::numeric_limits<float>::infinity()));
  EXPECT_TRUE(is_nonfinite(std::bit_cast<float>(0xff800001u)));
  EXPECT_FALSE(is_nonfinite(std::numeric_limits<float>::max()));
  EXPECT_TRUE(is_nan(std::bit_cast<float>(0x7f800001u)));
  EXPECT_TRUE(is_nan(std::bit_cast<float>(0xffffffffu)));
  EXPECT_FALSE(is_nan(-std::numeric_limits<float>::infinity()));
}

TEST(Exact, PowersOfTwo) {
  for (int exponent = -1022; exponent <= 1023; ++exponent) {
    ASSERT_EQ(power_of_two(exponent), std::ldexp(1.0, exponent));
  }
}

TEST(Exact, RoundingToAStepMovesBothWays) {
  const Exact three{false, 3, 0};
  EXPECT_EQ(round_to_step(three, 0, {}, 0), 3u);
  EXPECT_EQ(round_to_step(three, -1, {}, 0), 6u);
  EXPECT_EQ(round_to_step(three, 1, {}, 0), 2u);
  EXPECT_EQ(round_to_step(three, -61, {}, 0), std::uint64_t{3} << 61);
  EXPECT_EQ(round_to_step(three, 1000, {RoundingMode::to_odd}, 0), 1u);
  EXPECT_EQ(round_to_step(three, 1000, {}, 0), 0u);
}

TEST(Exact, StepsTooSmallGiveTheMark) {
  constexpr std::uint64_t mark = std::uint64_t{1} << 63;
  EXPECT_EQ(round_to_step({false, 3, 0}, -62, {}, 0), mark);
  EXPECT_EQ(round_to_step({false, 1, 0}, -62, {}, 0), std::uint64_t{1} << 62);
  EXPECT_EQ(round_to_step({false, 1, 0}, -63, {}, 0), mark);
  EXPECT_EQ(round_to_step({false, 1, 0}, -64, {}, 0), mark);
  EXPECT_EQ(round_to_step({true, 0xffffff, 104}, -163, {}, 0), mark);
  EXPECT_EQ(round_to_step({false, 1, 0}, -100000, {}, 0), mark);
  EXPECT_EQ(round_to_step({false, 0, 0}, -100000, {}, 0), 0u);
}

}  // namespace
}  // namespace precsim::formats
