// The reference reductions against the oracle's recount: results, events, chain ends, exact sums.
#include "sim/arith/reduce.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/arith/float_accumulate.hpp"
#include "tests/oracle/product_oracle.hpp"
#include "tests/support/sample.hpp"

namespace precsim::arith {
namespace {

using support::Sample;

/// Operands of one output with exponents of their own for every block.
struct Operands {
  ReductionLayout layout;
  std::vector<std::int16_t> a, b, exponents_a, exponents_b;

  IntegerOperand left() const { return {a, exponents_a.data(), layout.block_a == 0 ? 0 : 1}; }
  IntegerOperand right() const { return {b, exponents_b.data(), layout.block_b == 0 ? 0 : 1}; }
};

Operands draw(Sample& sample, const ReductionLayout& layout, int shift) {
  Operands out;
  out.layout = layout;
  for (auto* codes : {&out.a, &out.b}) {
    for (std::int64_t k = 0; k < layout.length; ++k) {
      const auto code = static_cast<std::int16_t>(sample.word());
      codes->push_back(sample.below(4) == 0 ? std::int16_t{-32768} : static_cast<std::int16_t>(code >> shift));
    }
  }
  for (std::int64_t i = 0; i < layout.blocks(layout.block_a); ++i) {
    out.exponents_a.push_back(static_cast<std::int16_t>(static_cast<int>(sample.below(240)) - 170));
  }
  for (std::int64_t i = 0; i < layout.blocks(layout.block_b); ++i) {
    out.exponents_b.push_back(static_cast<std::int16_t>(static_cast<int>(sample.below(20)) - 10));
  }
  return out;
}

/// The oracle's account of one output.
struct Account {
  float result = 0;
  OutputTrace trace;
};
Account recount(const Operands& x, const IntegerAccumulator& accumulator) {
  Account out;
  const bool one_pair = x.layout.block_a == 0 && x.layout.block_b == 0;
  oracle::Int128 total = 0;
  double fused = 0;
  int exponent = 0;
  std::size_t block_a = 0;
  std::size_t block_b = 0;
  for (const oracle::Piece& piece : oracle::cut(x.layout.length, x.layout.period, x.layout.block_a, x.layout.block_b,
                                                accumulator.chain == chain_to_end ? 0 : accumulator.chain)) {
    const auto starts = [&](std::int64_t block) {
      return block != 0 && piece.begin != 0 &&
             (piece.begin % x.layout.period == 0 || piece.begin % x.layout.period % block == 0);
    };
    block_a += starts(x.layout.block_a) ? 1 : 0;
    block_b += starts(x.layout.block_b) ? 1 : 0;
    exponent = x.exponents_a[block_a] + x.exponents_b[block_b];
    std::vector<std::int64_t> products;
    for (auto k = static_cast<std::size_t>(piece.begin); k < static_cast<std::size_t>(piece.end); ++k) {
      products.push_back(std::int64_t{x.a[k]} * x.b[k]);
      fused = std::fma(static_cast<double>(products.back()), std::ldexp(1.0, exponent), fused);
    }
    const oracle::Lane lane = oracle::run_lane(products, accumulator.atom == Atom::single ? 1 : 2,
                                               accumulator.overflow == OverflowRule::saturate);
    out.result = oracle::spill(lane.value, exponent, out.result);
    if (lane.events != 0 && out.trace.overflow_events == 0) {
      out.trace.first_overflow = piece.begin + lane.first;
    }
    out.trace.overflow_events += lane.events;
    const auto size = static_cast<std::uint64_t>(lane.true_sum < 0 ? -lane.true_sum : lane.true_sum);
    out.trace.max_chain_sum = std::max(out.trace.max_chain_sum, size);
    ++out.trace.chain_bits[static_cast<std::size_t>(oracle::bits_of(lane.true_sum) - 1)];
    total += lane.true_sum;
  }
  out.trace.exact = one_pair ? std::ldexp(static_cast<double>(static_cast<std::int64_t>(total)), exponent) : fused;
  out.result = out.result == 0 ? 0.0f : out.result;
  return out;
}

void expect_same(const OutputTrace& here, const OutputTrace& there) {
  EXPECT_EQ(here.overflow_events, there.overflow_events);
  EXPECT_EQ(here.first_overflow, there.first_overflow);
  EXPECT_EQ(here.max_chain_sum, there.max_chain_sum);
  EXPECT_EQ(here.chain_bits, there.chain_bits);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(here.exact), std::bit_cast<std::uint64_t>(there.exact));
}

TEST(Reduce, EveryAtomRuleChainAndBlockingEqualsTheRecount) {
  Sample sample(31);
  std::uint64_t outputs = 0;
  std::uint64_t with_events = 0;
  const std::vector<ReductionLayout> layouts = {{150, 6, 0, 0},   {96, 32, 32, 0},  {98, 14, 4, 0}, {98, 14, 4, 6},
                                                {40, 40, 0, 8},   {2, 2, 0, 0},     {2, 2, 2, 2},   {37, 37, 0, 0},
                                                {600, 600, 0, 0}, {90, 10, 32, 32}, {1, 1, 0, 0}};
  for (const ReductionLayout& layout : layouts) {
    for (const Atom atom : {Atom::single, Atom::pair, Atom::pair4}) {
      for (const OverflowRule rule : {OverflowRule::wrap, OverflowRule::saturate}) {
        for (const std::int64_t chain : {chain_to_end, std::int64_t{2}, std::int64_t{8}, std::int64_t{64}}) {
          const IntegerAccumulator accumulator{atom, rule, chain};
          const std::vector<Chain> chains = cut(layout, chain);
          for (int i = 0; i < support::sample_size(60); ++i) {
            const Operands x = draw(sample, layout, static_cast<int>(sample.below(6)));
            OutputTrace trace;
            const float result = reduce(x.left(), x.right(), chains, accumulator, &trace);
            const Account expected = recount(x, accumulator);
            ASSERT_EQ(std::bit_cast<std::uint32_t>(result), std::bit_cast<std::uint32_t>(expected.result));
            ASSERT_EQ(std::bit_cast<std::uint32_t>(result),
                      std::bit_cast<std::uint32_t>(reduce(x.left(), x.right(), chains, accumulator, nullptr)));
            expect_same(trace, expected.trace);
            ASSERT_FALSE(HasFailure()) << accumulator.name() << ", length " << layout.length;
            with_events += trace.overflow_events != 0 ? 1 : 0;
            ++outputs;
          }
        }
      }
    }
  }
  EXPECT_GE(outputs, 11u * 3 * 2 * 4 * 2);
  EXPECT_GT(with_events, outputs / 10);
}

/// One chain over everything, both exponents 0.
float one_chain(const std::vector<std::int16_t>& a, const std::vector<std::int16_t>& b, OverflowRule rule,
                OutputTrace& trace, Atom atom = Atom::pair) {
  static constexpr std::int16_t zero = 0;
  const auto length = static_cast<std::int64_t>(a.size());
  return reduce({a, &zero, 0}, {b, &zero, 0}, cut({length, length, 0, 0}, chain_to_end), {atom, rule, chain_to_end},
                &trace);
}

TEST(Reduce, WrapIsOrderFreeWithinAChainAndSaturateIsNot) {
  const std::vector<std::int16_t> a{32767, 32767, 32767, 32767, -32767, -32767, -32767, -32767};
  const std::vector<std::int16_t> ones(8, 32767);
  const std::vector<std::int16_t> mixed{32767, -32767, 32767, -32767, 32767, -32767, 32767, -32767};
  OutputTrace trace;
  EXPECT_EQ(one_chain(a, ones, OverflowRule::wrap, trace), 0.0f);
  EXPECT_EQ(one_chain(mixed, ones, OverflowRule::wrap, trace), 0.0f);
  EXPECT_NE(one_chain(a, ones, OverflowRule::saturate, trace), 0.0f);
  EXPECT_EQ(one_chain(mixed, ones, OverflowRule::saturate, trace), 0.0f);

  Sample sample(32);
  for (int i = 0; i < support::sample_size(2000); ++i) {
    std::vector<std::int16_t> x(64);
    std::vector<std::int16_t> y(64);
    for (std::size_t k = 0; k < x.size(); ++k) {
      x[k] = static_cast<std::int16_t>(sample.word());
      y[k] = static_cast<std::int16_t>(sample.word());
    }
    OutputTrace before;
    OutputTrace after;
    const float straight = one_chain(x, y, OverflowRule::wrap, before);
    for (std::size_t k = x.size() - 1; k > 0; --k) {
      const std::size_t other = sample.below(k + 1);
      std::swap(x[k], x[other]);
      std::swap(y[k], y[other]);
    }
    ASSERT_EQ(one_chain(x, y, OverflowRule::wrap, after), straight);
    ASSERT_EQ(one_chain(x, y, OverflowRule::wrap, after, Atom::single), straight);
    ASSERT_EQ(before.max_chain_sum, after.max_chain_sum);
  }
}

TEST(Reduce, AWrappedPrefixIsHarmlessButCounted) {
  const std::vector<std::int16_t> a{32767, 32767, 32767, 32767, -32767, -32767, 0, 0};
  const std::vector<std::int16_t> b(8, 32767);
  OutputTrace trace;
  EXPECT_EQ(one_chain(a, b, OverflowRule::wrap, trace), 2 * 32767.0f * 32767.0f);
  EXPECT_EQ(trace.overflow_events, 2u);
  EXPECT_EQ(trace.first_overflow, 2);
  EXPECT_EQ(trace.max_chain_sum, std::uint64_t{2} * 32767 * 32767);
  EXPECT_EQ(trace.exact, 2.0 * 32767 * 32767);
}

TEST(Reduce, ASaturatingRunMayEqualAWrappingRunThoughOverflowHappened) {
  // The first clamp loses 1, the last one gives 1 back.
  const std::vector<std::int16_t> a{-32768, -32768, -32768, -32768, -32768, -32768, -32768, 0};
  const std::vector<std::int16_t> b{-32768, -32768, 32767, 32767, 32767, 32767, 4, 0};
  OutputTrace wrapping;
  OutputTrace saturating;
  EXPECT_EQ(one_chain(a, b, OverflowRule::wrap, wrapping), -2147483648.0f);
  EXPECT_EQ(one_chain(a, b, OverflowRule::saturate, saturating), -2147483648.0f);
  EXPECT_EQ(saturating.overflow_events, 2u);
  EXPECT_EQ(saturating.max_chain_sum, std::uint64_t{1} << 31);
}

TEST(Reduce, TheRulesMayDifferThoughTheTrueSumFits) {
  const std::vector<std::int16_t> a{32767, 32767, 32767, 32767, -32767, -32767, 0, 0};
  const std::vector<std::int16_t> b(8, 32767);
  OutputTrace trace;
  EXPECT_NE(one_chain(a, b, OverflowRule::saturate, trace), one_chain(a, b, OverflowRule::wrap, trace));
  EXPECT_LT(trace.max_chain_sum, std::uint64_t{1} << 31);
}

TEST(Reduce, AFinishedZeroIsPositive) {
  const std::vector<std::int16_t> codes{-1, 1};
  const std::vector<std::int16_t> ones{1, 1};
  const std::int16_t tiny = -150;
  OutputTrace trace;
  const std::vector<std::int16_t> minus{-1, 0};
  for (const auto* a : {&codes, &minus}) {
    const float result = reduce({*a, &tiny, 0}, {ones, &tiny, 0}, cut({2, 2, 0, 0}, 2), {}, &trace);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(result), 0u);
  }
  const std::vector<float> floats{-0x1p-100f};
  const std::vector<float> small{0x1p-100f};
  const float result = reduce(floats, small, FloatAccumulator{}, {}, 0);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(result), 0u);
}

TEST(Reduce, BitsOfTwosComplement) {
  EXPECT_EQ(bits_needed(0), 1);
  EXPECT_EQ(bits_needed(-1), 1);
  EXPECT_EQ(bits_needed(1), 2);
  EXPECT_EQ(bits_needed(INT64_MAX), 64);
  EXPECT_EQ(bits_needed(INT64_MIN), 64);
  for (int bit = 0; bit < 62; ++bit) {
    for (std::int64_t off = -2; off <= 2; ++off) {
      const std::int64_t sum = (std::int64_t{1} << bit) + off;
      EXPECT_EQ(bits_needed(sum), oracle::bits_of(sum));
      EXPECT_EQ(bits_needed(-sum), oracle::bits_of(-sum));
    }
  }
}

TEST(Reduce, FloatsRunInOrderWithOneWordPerProduct) {
  Sample sample(34);
  const formats::RandomBits bits{77, formats::Stream::rounding, 3, 5, 1};
  for (const char* name : {"fp32", "fp16", "bf16@stochastic:bits=6", "bf16:product=fp16@stochastic", "fp16@to_odd"}) {
    const FloatAccumulator accumulator = parse_float_accumulator(name);
    for (int i = 0; i < support::sample_size(400); ++i) {
      std::vector<float> a(1 + sample.below(60));
      std::vector<float> b(a.size());
      for (std::size_t k = 0; k < a.size(); ++k) {
        a[k] = sample.normal_float(-6, 2);
        b[k] = sample.normal_float(-6, 2);
      }
      const std::uint64_t first = sample.next() >> 30;
      formats::RandomBits product_bits = bits;
      product_bits.use += 1;
      float c = 0;
      double exact = 0;
      for (std::size_t k = 0; k < a.size(); ++k) {
        c = accumulate(accumulator, c, a[k], b[k], {bits.word(first + k), product_bits.word(first + k)});
        exact = std::fma(static_cast<double>(a[k]), static_cast<double>(b[k]), exact);
      }
      ASSERT_EQ(reduce(a, b, accumulator, bits, first), c) << name;
      ASSERT_EQ(exact_reduction(a, b), exact);
    }
  }
}

}  // namespace
}  // namespace precsim::arith
