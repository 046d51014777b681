// chain=auto: the decision against its definition in 128 bits, and the promise that nothing overflows.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/kernels/multiply.hpp"
#include "tests/support/operand_support.hpp"

namespace precsim::kernels {
namespace {

using arith::Atom;
using oracle::Int128;
using support::in_oracle_words;
using support::Sample;

constexpr std::int64_t top = (std::int64_t{1} << 31) - 1;

/// A matrix of codes, one exponent, cut into blocks.
Matrix matrix(std::int64_t groups, std::int64_t rows, std::int64_t taps, std::int64_t period, std::int64_t block,
              std::vector<std::int16_t> codes) {
  Matrix out;
  out.kind = formats::OperandKind::integer;
  out.groups = groups;
  out.rows = rows;
  out.taps = taps;
  out.period = period;
  out.block = block;
  out.codes = std::move(codes);
  out.exponents.assign(out.codes.size(), 0);
  return out;
}
Matrix row(std::vector<std::int16_t> codes) {
  const auto length = static_cast<std::int64_t>(codes.size());
  return matrix(1, 1, 1, length, 0, std::move(codes));
}

bool fits(const Matrix& a, const Matrix& b, std::int64_t length) {
  return oracle::norms_prove(in_oracle_words(a, b), length);
}
bool never_overflows(const Matrix& a, const Matrix& b, std::int64_t length) {
  return oracle::stays_in_range(in_oracle_words(a, b), length);
}
std::vector<std::int16_t> squares_to(std::int64_t total) {
  const std::vector<std::int32_t> codes = oracle::squares_to(total);
  return {codes.begin(), codes.end()};
}

class ProveChain : public ::testing::Test {
 protected:
  void SetUp() override { omp_set_num_threads(1); }
};

TEST_F(ProveChain, EqualsTheDefinitionForRandomOperandsGroupsAndBlocks) {
  Sample sample(61);
  int by_length[10] = {};
  int unproved = 0;
  const int runs = support::sample_size(1200);
  for (int i = 0; i < runs; ++i) {
    const std::int64_t groups = 1 + static_cast<std::int64_t>(sample.below(3));
    const std::int64_t taps = 1 + static_cast<std::int64_t>(sample.below(4));
    const bool long_rows = i % 2 == 0;
    const std::int64_t period = 2 * (1 + static_cast<std::int64_t>(sample.below(long_rows ? 700 : 40)));
    constexpr std::int64_t blocks[] = {0, 2, 4, 6, 32, 64};
    const auto draw = [&](std::int64_t rows) {
      std::vector<std::int16_t> codes(static_cast<std::size_t>(groups * rows * taps * period));
      const int shift = static_cast<int>(sample.below(5));
      for (std::int16_t& code : codes) {
        code = static_cast<std::int16_t>(static_cast<std::int16_t>(sample.word()) >> shift);
        code = i % 5 == 0 && sample.below(30) == 0 ? std::int16_t{-32768} : code;
      }
      return matrix(groups, rows, taps, period, long_rows ? 0 : blocks[sample.below(6)], std::move(codes));
    };
    const Matrix a = draw(1 + static_cast<std::int64_t>(sample.below(4)));
    const Matrix b = draw(1 + static_cast<std::int64_t>(sample.below(4)));
    const Atom atom = i % 3 == 0 ? Atom::pair4 : i % 3 == 1 ? Atom::pair : Atom::single;
    const ProvedChain chain = prove_chain(a, b, atom);
    const oracle::LongestChain expected = oracle::longest_chain(in_oracle_words(a, b), arith::chain_multiple(atom));
    ASSERT_EQ(chain.length, expected.length);
    ASSERT_EQ(chain.proved, expected.proved);
    if (chain.proved) {
      ASSERT_TRUE(never_overflows(a, b, chain.length));
    }
    for (const std::int64_t length : {std::int64_t{0}, std::int64_t{2}, std::int64_t{10}, std::int64_t{64}}) {
      ASSERT_EQ(is_proved(a, b, length), fits(a, b, length)) << length;
    }
    ++by_length[static_cast<int>(std::log2(static_cast<double>(chain.length)))];
    unproved += chain.proved ? 0 : 1;
  }
  if (!support::slow_build) {
    for (int power = 1; power <= 9; ++power) {
      EXPECT_GT(by_length[power], 0) << "no case with N = 2^" << power;
    }
    EXPECT_GT(unproved, 0);
  }
}

TEST_F(ProveChain, OnTheBoundIsProvedAndOneAboveIsNot) {
  Sample sample(62);
  int checked = 0;
  for (int i = 0; i < 60; ++i) {
    const std::int64_t b_squares = i == 0 ? top : 3 * (std::int64_t{1} << 29) + sample.word() % (1u << 30);
    const auto limit = static_cast<std::int64_t>(Int128{top} * top / b_squares);
    const std::vector<std::int16_t> b = squares_to(b_squares);
    ASSERT_EQ(b.size(), 4u);
    for (const std::int64_t a_squares : {limit - 1, limit, limit + 1}) {
      const std::vector<std::int16_t> a = squares_to(a_squares);
      ASSERT_EQ(a.size(), 4u);
      ASSERT_EQ(is_proved(row(a), row(b), arith::chain_to_end), a_squares <= limit);
      ASSERT_EQ(prove_chain(row(a), row(b), Atom::pair).length == 512, a_squares <= limit);
      ASSERT_EQ(prove_chain(row(a), row(b), Atom::pair4).proved, a_squares <= limit);
      ++checked;
    }
  }
  EXPECT_EQ(checked, 180);
  const std::vector<std::int16_t> equal = squares_to(top);
  EXPECT_TRUE(never_overflows(row(equal), row(equal), arith::chain_to_end));
}

TEST_F(ProveChain, ZerosAreProvedAndTheMostNegativeCodeIsNot) {
  const Matrix zeros = row(std::vector<std::int16_t>(1024));
  const Matrix lowest = row(std::vector<std::int16_t>(1024, -32768));
  for (const Atom atom : {Atom::single, Atom::pair, Atom::pair4}) {
    EXPECT_EQ(prove_chain(zeros, zeros, atom).length, 512);
    EXPECT_TRUE(prove_chain(zeros, lowest, atom).proved);
    EXPECT_EQ(prove_chain(zeros, lowest, atom).length, 512);
    EXPECT_EQ(prove_chain(lowest, zeros, atom).length, 512);
    EXPECT_FALSE(prove_chain(lowest, lowest, atom).proved);
    EXPECT_EQ(prove_chain(lowest, lowest, atom).length, atom == Atom::pair4 ? 8 : 2);
  }
  const Matrix highest = row(std::vector<std::int16_t>(1024, 32767));
  EXPECT_EQ(prove_chain(highest, highest, Atom::pair).length, 2);
  EXPECT_TRUE(prove_chain(highest, highest, Atom::pair).proved);
}

TEST_F(ProveChain, OneLargeRowOfOneGroupDecidesForAll) {
  std::vector<std::int16_t> a(std::size_t{2 * 3 * 64}, 1);
  std::vector<std::int16_t> b(std::size_t{2 * 2 * 64}, 1);
  EXPECT_EQ(prove_chain(matrix(2, 3, 1, 64, 0, a), matrix(2, 2, 1, 64, 0, b), Atom::pair).length, 512);
  std::fill_n(a.end() - 64, 64, std::int16_t{32767});
  std::fill_n(b.begin(), 64, std::int16_t{32767});
  EXPECT_EQ(prove_chain(matrix(2, 3, 1, 64, 0, a), matrix(2, 2, 1, 64, 0, b), Atom::pair).length, 512);
  std::fill_n(b.end() - 64, 64, std::int16_t{32767});
  EXPECT_EQ(prove_chain(matrix(2, 3, 1, 64, 0, a), matrix(2, 2, 1, 64, 0, b), Atom::pair).length, 2);
}

TEST_F(ProveChain, BlocksEndChainsBeforeTheyGrow) {
  const std::vector<std::int16_t> codes(std::size_t{64}, 16383);
  EXPECT_EQ(prove_chain(row(codes), row(codes), Atom::pair).length, 8);
  EXPECT_EQ(prove_chain(matrix(1, 1, 1, 64, 8, codes), row(codes), Atom::pair).length, 512);
  EXPECT_EQ(prove_chain(matrix(1, 1, 8, 8, 0, codes), matrix(1, 1, 8, 8, 32, codes), Atom::pair4).length, 512);
}

}  // namespace
}  // namespace precsim::kernels
