// Tests of drawn numbers: ends, and Box and Muller by the C library.
#include "formats/draws.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "formats/random_bits.hpp"

namespace precsim::formats {
namespace {

TEST(Draws, UniformLiesWithinItsEnds) {
  static_assert(uniform(0) == 0x1p-33);
  static_assert(uniform(0x80000000u) == 0.5 + 0x1p-33);
  static_assert(uniform(0xffffffffu) == 1 - 0x1p-33);
}

TEST(Draws, NormalPairIsThatOfBoxAndMuller) {
  const RandomBits bits{.seed = 5, .stream = Stream::fill};
  constexpr std::uint64_t pairs = 10000;
  double squares = 0;
  for (std::uint64_t i = 0; i < pairs; ++i) {
    const std::uint32_t radius = bits.word(2 * i);
    const std::uint32_t angle = bits.word(2 * i + 1);
    const auto [x, y] = normal_pair(radius, angle);
    const double length = std::sqrt(-2 * std::log((radius + 0.5) * 0x1p-32));
    const double turn = 2 * std::acos(-1.0) * ((angle + 0.5) * 0x1p-32);
    EXPECT_NEAR(x, length * std::cos(turn), 1e-14) << i;
    EXPECT_NEAR(y, length * std::sin(turn), 1e-14) << i;
    squares += x * x + y * y;
  }
  EXPECT_NEAR(squares / (2 * pairs), 1, 0.05);
}

TEST(Draws, NormalIsLargestForTheSmallestWord) {
  const auto [x, y] = normal_pair(0, 0);
  EXPECT_GT(x, 6.7);
  EXPECT_LT(x, 6.8);
  EXPECT_NEAR(y, 0, 1e-8);
}

}  // namespace
}  // namespace precsim::formats
