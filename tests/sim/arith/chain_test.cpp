// Cutting against brute force; spills against exact arithmetic; the norm bound against 128 bits.
#include "sim/arith/chain.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "sim/arith/accumulator.hpp"
#include "tests/oracle/product_oracle.hpp"
#include "tests/support/sample.hpp"

namespace precsim::arith {
namespace {

using support::Sample;

/// Number of the block of product k, by counting block starts.
std::int64_t count_blocks(const ReductionLayout& layout, std::int64_t block, std::int64_t k) {
  std::int64_t index = -1;
  for (std::int64_t i = 0; i <= k; ++i) {
    index += i == 0 || (block != 0 && (i % layout.period == 0 || i % layout.period % block == 0)) ? 1 : 0;
  }
  return index;
}

TEST(Chain, CutsAsBruteForceDoes) {
  int layouts = 0;
  for (const std::int64_t taps : {1, 2, 3, 9}) {
    for (const std::int64_t period : {1, 2, 5, 6, 7, 16, 33}) {
      for (const std::int64_t block_a : {0, 2, 4, 6, 32, 64}) {
        for (const std::int64_t block_b : {0, 2, 4, 10, 32}) {
          for (const std::int64_t length : {chain_to_end, std::int64_t{2}, std::int64_t{4}, std::int64_t{6},
                                            std::int64_t{8}, std::int64_t{64}, std::int64_t{1} << 40}) {
            const ReductionLayout layout{taps * period, period, block_a, block_b};
            const std::vector<Chain> chains = cut(layout, length);
            const std::vector<oracle::Piece> pieces =
                oracle::cut(layout.length, period, block_a, block_b, length == chain_to_end ? 0 : length);
            ASSERT_EQ(chains.size(), pieces.size());
            for (std::size_t i = 0; i < chains.size(); ++i) {
              ASSERT_EQ(chains[i].begin, pieces[i].begin);
              ASSERT_EQ(chains[i].end, pieces[i].end);
              ASSERT_EQ(chains[i].block_a, count_blocks(layout, block_a, chains[i].begin));
              ASSERT_EQ(chains[i].block_b, count_blocks(layout, block_b, chains[i].begin));
            }
            ASSERT_EQ(layout.blocks(block_a), chains.back().block_a + 1);
            ASSERT_EQ(layout.blocks(block_b), chains.back().block_b + 1);
            ++layouts;
          }
        }
      }
    }
  }
  EXPECT_EQ(layouts, 4 * 7 * 6 * 5 * 7);
}

TEST(Chain, WithoutBlocksChainsRunOverTaps) {
  const std::vector<Chain> chains = cut({18, 6, 0, 0}, 8);
  ASSERT_EQ(chains.size(), 3u);
  EXPECT_EQ(chains[0].end, 8);
  EXPECT_EQ(chains[1].end, 16);
  EXPECT_EQ(chains[2].end, 18);
}

std::vector<std::int32_t> edge_lanes() {
  std::vector<std::int32_t> lanes{INT32_MIN, INT32_MIN + 1, -1, 0, 1, INT32_MAX - 1, INT32_MAX};
  for (int bit = 1; bit < 31; ++bit) {
    for (int off = -1; off <= 1; ++off) {
      lanes.push_back((std::int32_t{1} << bit) + off);
      lanes.push_back(-(std::int32_t{1} << bit) + off);
    }
  }
  for (const std::int32_t tie : {16777217, 16777219, 33554434, 33554438, 33554433, 1073741888, 1073741952}) {
    lanes.push_back(tie);
    lanes.push_back(-tie);
  }
  return lanes;
}

std::vector<float> edge_sums() {
  std::vector<float> sums{0.0f, -0.0f};
  for (const std::uint32_t bits : {1u, 2u, 0x7fffffu, 0x800000u, 0x800001u, 0x3f800000u, 0x3f7fffffu, 0x3f800001u,
                                   0x4b800000u, 0x4b800001u, 0x7f7fffffu, 0x7f000000u}) {
    sums.push_back(std::bit_cast<float>(bits));
    sums.push_back(std::bit_cast<float>(bits | 0x80000000u));
  }
  return sums;
}

/// Equal bits, where a spill to zero may have either sign: only a finished reduction promises +0.
bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (a == 0 && b == 0);
}

TEST(Spill, EqualsExactArithmeticAtEveryExponent) {
  const std::vector<std::int32_t> lanes = edge_lanes();
  const std::vector<float> sums = edge_sums();
  std::uint64_t checked = 0;
  const int stride = support::slow_build ? 29 : 1;
  for (int exponent = -400; exponent <= 400; exponent += stride) {
    for (std::size_t i = static_cast<std::size_t>(exponent + 400) % 5; i < lanes.size(); i += 5) {
      for (const float c : sums) {
        const float expected = oracle::spill(lanes[i], exponent, c);
        ASSERT_TRUE(same(spill(lanes[i], exponent, c), expected)) << lanes[i] << " * 2^" << exponent << " + " << c;
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 10000u);
}

TEST(Spill, EqualsExactArithmeticNearTheSum) {
  Sample sample(3);
  for (int i = 0; i < support::sample_size(200000); ++i) {
    const auto lane = static_cast<std::int32_t>(sample.word()) >> sample.below(31);
    const float c = sample.finite_float();
    const int near = std::ilogb(c == 0 ? 1e-45f : c) - 31 + static_cast<int>(sample.below(64)) - 16;
    ASSERT_TRUE(same(spill(lane, near, c), oracle::spill(lane, near, c))) << lane << " * 2^" << near << " + " << c;
  }
}

TEST(Spill, IsAnFp32FmaWhileTheScaleIsANormalNumber) {
  Sample sample(4);
  for (int i = 0; i < support::sample_size(200000); ++i) {
    const auto lane = static_cast<std::int32_t>(sample.word()) >> sample.below(31);
    const int exponent = static_cast<int>(sample.below(254)) - 126;
    const float c = sample.finite_float();
    const float fma = std::fmaf(static_cast<float>(lane), std::ldexp(1.0f, exponent), c);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(spill(lane, exponent, c)), std::bit_cast<std::uint32_t>(fma));
  }
}

TEST(Spill, LaneIsRoundedBeforeTheSum) {
  EXPECT_EQ(spill(16777217, 0, 1.0f), 16777216.0f);
  EXPECT_EQ(spill(INT32_MAX, 0, 0), 2147483648.0f);
  EXPECT_EQ(spill(INT32_MIN, 0, 2147483648.0f), 0.0f);
  EXPECT_EQ(spill(1, -149, 0), 0x1p-149f);
  EXPECT_EQ(spill(1, -150, 0), 0.0f);
  EXPECT_EQ(spill(3, -151, 0), 0x1p-149f);
}

TEST(Spill, AnInfiniteSumStaysAtEveryExponent) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (int exponent = -300; exponent <= 300; ++exponent) {
    for (const std::int32_t lane : {INT32_MIN, -1, 0, 1, INT32_MAX}) {
      ASSERT_EQ(spill(lane, exponent, infinity), infinity) << lane << " * 2^" << exponent;
      ASSERT_EQ(spill(lane, exponent, -infinity), -infinity) << lane << " * 2^" << exponent;
    }
  }
}

TEST(NormBound, IsExactAtTheLimit) {
  const std::uint64_t limit = (std::uint64_t{1} << 31) - 1;
  EXPECT_TRUE(proved(limit * limit, 1));
  EXPECT_FALSE(proved(limit * limit + 1, 1));
  EXPECT_TRUE(proved(~std::uint64_t{0}, 0));
  EXPECT_TRUE(proved(limit, limit));
  EXPECT_FALSE(proved(limit + 1, limit));
  Sample sample(5);
  int near = 0;
  for (int i = 0; i < support::sample_size(100000); ++i) {
    const std::uint64_t b = 1 + (sample.next() >> (1 + sample.below(63)));
    const auto at_limit = static_cast<std::uint64_t>(oracle::Int128{limit} * limit / b);
    for (std::uint64_t a = at_limit > 1 ? at_limit - 1 : 0; a <= at_limit + 1; ++a) {
      ASSERT_EQ(proved(a, b), oracle::norms_fit(oracle::Int128{a}, oracle::Int128{b})) << a << ' ' << b;
      ++near;
    }
  }
  EXPECT_GT(near, 1000);
}

}  // namespace
}  // namespace precsim::arith
