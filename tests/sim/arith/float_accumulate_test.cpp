// The floating-point step: exact sums and products, every accumulator and rounding against the oracle.
#include "sim/arith/float_accumulate.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "formats/float_format.hpp"
#include "tests/oracle/product_oracle.hpp"
#include "tests/support/oracle_bridge.hpp"
#include "tests/support/sample.hpp"

namespace precsim::arith {
namespace {

using formats::Rounding;
using formats::RoundingMode;
using support::Sample;

/// The accumulators of the tests by name, and what the oracle knows of them.
struct Case {
  std::string name;
  oracle::FloatKind kind;
};
const std::vector<Case>& cases() {
  using oracle::Overflow;
  static const std::vector<Case> all = {{"fp32", {23, -126, 0x1.fffffep127, Overflow::infinity}},
                                        {"fp16", {10, -14, 65504, Overflow::infinity}},
                                        {"bf16", {7, -126, 0x1.fep127, Overflow::infinity}},
                                        {"tf32", {10, -126, 0x1.ffcp127, Overflow::infinity}},
                                        {"fp8_e5m2", {2, -14, 57344, Overflow::infinity}},
                                        {"fp8_e4m3fn", {3, -6, 448, Overflow::nan}},
                                        {"fp6_e3m2", {2, -2, 28, Overflow::saturate}},
                                        {"fp4_e2m1", {1, 0, 6, Overflow::saturate}},
                                        {"fp16:overflow=saturate", {10, -14, 65504, Overflow::saturate}}};
  return all;
}

bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

/// An operand of an accumulator: one of few significands at an exponent of the format's range or just outside.
float operand(Sample& sample, const oracle::FloatKind& kind) {
  const int top = std::ilogb(kind.largest);
  const int bottom = kind.smallest_exponent - kind.fraction_bits;
  const int spread = (top - bottom) / 2;
  const int exponent = bottom / 2 - 1 + static_cast<int>(sample.below(static_cast<std::uint64_t>(spread) + 3));
  const std::uint64_t kind_of = sample.below(8);
  if (kind_of == 0) {
    return sample.below(2) == 0 ? 0.0f : -0.0f;
  }
  const int bits = kind_of < 5 ? kind.fraction_bits : 23;
  const auto significand = static_cast<double>((1u << bits) + (kind_of == 1 ? 0 : sample.below(1u << bits)));
  return static_cast<float>(std::ldexp(sample.below(2) == 0 ? significand : -significand, exponent - bits));
}

/// A value of the format: finite, anywhere in its range.
float value_in(Sample& sample, const formats::FloatFormat& format) {
  const std::uint32_t code = static_cast<std::uint32_t>(sample.below(format.largest_code() + 1));
  return formats::decode(format, sample.below(2) == 0 ? code : code | format.sign_bit());
}

/// a * b + c whose exact sum lies on or a hair beside a midpoint or a value of the format.
struct Triple {
  float a, b, c;
};
Triple structured(Sample& sample, const oracle::FloatKind& kind, const formats::FloatFormat& format) {
  Triple t{operand(sample, kind), operand(sample, kind), value_in(sample, format)};
  switch (sample.below(4)) {
    case 0:  // near cancellation
      t.c = oracle::round(kind, oracle::Wide::product(-t.a, t.b), oracle::Mode::toward_zero, 32, 0);
      break;
    case 1:  // the product is a half, a quarter or a tiny part of the sum's last place
      t.c = value_in(sample, format);
      t.a = static_cast<float>(std::ldexp(1.0, std::max(-149, std::ilogb(t.c == 0 ? 1.0f : t.c) - kind.fraction_bits -
                                                                  static_cast<int>(sample.below(4)))));
      t.b = sample.below(2) == 0 ? 1.0f : -0.99999994f;
      break;
    default:
      break;
  }
  t.c = std::isfinite(t.c) ? t.c : 0.0f;
  return t;
}

float by_oracle(const oracle::FloatKind& kind, const Triple& t, Rounding rounding, std::uint32_t word) {
  return oracle::round(kind, oracle::Wide::product(t.a, t.b) + oracle::Wide::from(t.c),
                       support::oracle_mode(rounding.mode), rounding.bits, word);
}

TEST(FloatAccumulate, EveryAccumulatorAndRoundingAgreesWithTheOracle) {
  int checked = 0;
  for (const Case& one : cases()) {
    FloatAccumulator accumulator = parse_float_accumulator(one.name);
    for (const Rounding rounding : support::every_rounding()) {
      accumulator.rounding = rounding;
      Sample sample(11);
      for (int i = 0; i < support::sample_size(8000); ++i) {
        const Triple t = structured(sample, one.kind, accumulator.sum);
        const std::uint32_t word = sample.below(4) == 0 ? 0 : sample.word();
        const float result = accumulate(accumulator, t.c, t.a, t.b, {word, 0});
        ASSERT_TRUE(same(result, by_oracle(one.kind, t, rounding, word)))
            << one.name << ' ' << formats::name(rounding) << ": " << t.a << " * " << t.b << " + " << t.c << ", word "
            << word << " gives " << result;
        ++checked;
      }
    }
  }
  EXPECT_GE(checked, 9 * 13 * 200);
}

TEST(FloatAccumulate, Fp32IsTheHardwareFma) {
  const FloatAccumulator fp32;
  Sample sample(12);
  const int count = support::sample_size(2000000);
  for (int i = 0; i < count; ++i) {
    Triple t{};
    if (i % 2 == 0) {
      t = {sample.finite_float(), sample.finite_float(), sample.finite_float()};
    } else {
      t.a = sample.normal_float(-70, 60);
      t.b = sample.normal_float(-70, 60);
      const float product = t.a * t.b;
      const int distance = static_cast<int>(sample.below(56)) - 28;
      t.c = std::ldexp(i % 4 == 1 ? -product : std::ldexp(sample.normal_float(0, 0), std::ilogb(product)), distance);
      t.c = std::isfinite(t.c) ? t.c : product;
    }
    ASSERT_TRUE(same(accumulate(fp32, t.c, t.a, t.b, {}), std::fmaf(t.a, t.b, t.c)))
        << t.a << " * " << t.b << " + " << t.c;
  }
}

TEST(FloatAccumulate, EveryDifferenceOfExponentsWithCancellationAndTies) {
  const FloatAccumulator fp32;
  const std::vector<std::uint32_t> fractions{0u, 1u, 0x400000u, 0x7fffffu, 0x7ffffeu, 0x3fffffu, 0x555555u};
  int checked = 0;
  for (int exponent = -149; exponent <= 127; exponent += support::slow_build ? 13 : 1) {
    for (const std::uint32_t fraction : fractions) {
      for (const std::uint32_t other : fractions) {
        for (const float sign : {1.0f, -1.0f}) {
          const float c =
              sign * static_cast<float>(std::ldexp(static_cast<double>(0x800000u | other) / 0x800000u, exponent));
          const float a = std::bit_cast<float>(0x3f800000u | fraction);
          for (const float b : {1.0f, 0x1.000002p0f, 0x1.fffffep0f, 0x1p-24f, 0x1p-100f, 0x1p100f}) {
            ASSERT_TRUE(same(accumulate(fp32, c, a, b, {}), std::fmaf(a, b, c))) << a << " * " << b << " + " << c;
            ++checked;
          }
        }
      }
    }
  }
  EXPECT_GT(checked, 10000);
}

TEST(FloatAccumulate, DirectedCaseWhereAnFp32FmaAndASecondRoundingFail) {
  const FloatAccumulator bf16 = parse_float_accumulator("bf16");
  EXPECT_EQ(accumulate(bf16, 0x1p-30f, 1.203125f, 1.25f, {}), 1.5078125f);
  EXPECT_EQ(accumulate(bf16, -0x1p-30f, -1.203125f, 1.25f, {}), -1.5078125f);
  EXPECT_EQ(accumulate(bf16, 0.0f, 1.203125f, 1.25f, {}), 1.5f);
  const float twice =
      formats::decode(bf16.sum, *formats::encode(bf16.sum, std::fmaf(1.203125f, 1.25f, 0x1p-30f), {}, 0));
  EXPECT_EQ(twice, 1.5f);
}

TEST(FloatAccumulate, MidpointsWithTinyAddendsOfEitherSign) {
  int checked = 0;
  for (const char* name : {"fp16", "bf16", "fp8_e4m3fn", "fp8_e5m2"}) {
    const FloatAccumulator accumulator = parse_float_accumulator(name);
    const double half = std::ldexp(1.0, -accumulator.sum.fraction_bits - 1);
    for (int odd = 0; odd < 2; ++odd) {
      const auto midpoint = static_cast<float>(1 + (2 * odd + 1) * half);
      const auto below = static_cast<float>(1 + 2 * odd * half);
      const auto above = static_cast<float>(1 + (2 * odd + 2) * half);
      const float tiny = accumulator.sum.smallest_exponent() < -100 ? 0x1p-126f : formats::decode(accumulator.sum, 1);
      EXPECT_EQ(accumulate(accumulator, tiny, midpoint, 1.0f, {}), above) << name;
      EXPECT_EQ(accumulate(accumulator, -tiny, midpoint, 1.0f, {}), below) << name;
      EXPECT_EQ(accumulate(accumulator, 0.0f, midpoint, 1.0f, {}), odd == 0 ? below : above) << name;
      checked += 3;
    }
  }
  EXPECT_EQ(checked, 24);
}

TEST(FloatAccumulate, AProductFormatRoundsTwiceEachTimeAsTheOracleDoes) {
  const std::vector<std::pair<std::size_t, std::size_t>> pairs{{0, 1}, {0, 2}, {2, 1}, {1, 4}, {0, 5}, {5, 5}, {1, 8}};
  int checked = 0;
  int differ = 0;
  for (const auto& [sum, product] : pairs) {
    FloatAccumulator accumulator = parse_float_accumulator(cases()[sum].name);
    accumulator.product = parse_float_accumulator(cases()[product].name).sum;
    for (const Rounding rounding : support::every_rounding()) {
      accumulator.rounding = rounding;
      Sample sample(13);
      for (int i = 0; i < support::sample_size(3000); ++i) {
        const Triple t = structured(sample, cases()[sum].kind, accumulator.sum);
        const StepWords words{sample.word(), sample.word()};
        const float stored = oracle::round(cases()[product].kind, oracle::Wide::product(t.a, t.b),
                                           support::oracle_mode(rounding.mode), rounding.bits, words.product);
        const float expected =
            std::isfinite(stored) ? by_oracle(cases()[sum].kind, {stored, 1.0f, t.c}, rounding, words.sum) : stored;
        const float result = accumulate(accumulator, t.c, t.a, t.b, words);
        if (std::isfinite(stored) || cases()[sum].kind.overflow == oracle::Overflow::infinity) {
          ASSERT_TRUE(same(result, expected)) << cases()[sum].name << ':' << cases()[product].name << ' '
                                              << formats::name(rounding) << ": " << t.a << " * " << t.b << " + " << t.c;
          ++checked;
          differ += same(expected, by_oracle(cases()[sum].kind, t, rounding, words.sum)) ? 0 : 1;
        }
      }
    }
  }
  EXPECT_GT(checked, 1000);
  EXPECT_GT(differ, 100);
}

TEST(FloatAccumulate, StochasticSumsAreUnbiasedOverAllDraws) {
  Sample sample(14);
  FloatAccumulator accumulator = parse_float_accumulator("fp8_e4m3fn@stochastic:bits=8");
  int checked = 0;
  for (int i = 0; i < support::sample_size(4000); ++i) {
    const auto small = [&] { return static_cast<float>(static_cast<int>(sample.below(31)) - 15); };
    const float a = small();
    const float b = small() / 64;
    const float c = formats::decode(accumulator.sum, static_cast<std::uint32_t>(sample.below(0x60)));
    const double exact = static_cast<double>(a) * static_cast<double>(b) + static_cast<double>(c);
    if (std::fabs(exact) >= 448 || (exact != 0 && std::fabs(exact) < 0x1p-6)) {
      continue;
    }
    double sum = 0;
    for (std::uint32_t draw = 0; draw < 256; ++draw) {
      sum += static_cast<double>(accumulate(accumulator, c, a, b, {draw << 24 | 0xffffffu, 0}));
    }
    const bool representable = std::fmod(exact, std::ldexp(1.0, std::ilogb(exact == 0 ? 1.0 : exact) - 3 - 8)) == 0;
    if (representable) {
      ASSERT_EQ(sum, 256 * exact) << a << " * " << b << " + " << c;
      ++checked;
    }
  }
  EXPECT_GT(checked, support::sample_size(1000));
}

TEST(FloatAccumulate, NonFiniteOperandsFollowIeee) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const char* name : {"fp32", "fp16", "bf16@toward_zero", "fp32:product=fp16", "bf16@stochastic"}) {
    const FloatAccumulator accumulator = parse_float_accumulator(name);
    const auto step = [&](float c, float a, float b) { return accumulate(accumulator, c, a, b, {}); };
    EXPECT_EQ(step(1, inf, 2), inf) << name;
    EXPECT_EQ(step(1, -inf, 2), -inf) << name;
    EXPECT_EQ(step(-inf, 1, 2), -inf) << name;
    EXPECT_TRUE(std::isnan(step(-inf, inf, 2))) << name;
    EXPECT_TRUE(std::isnan(step(1, inf, 0))) << name;
    EXPECT_TRUE(std::isnan(step(nan, 1, 1))) << name;
    EXPECT_TRUE(std::isnan(step(1, nan, 0))) << name;
  }
}

TEST(FloatAccumulate, AProductThatOverflowsItsFormatMeetsAnInfiniteSumToo) {
  const float inf = std::numeric_limits<float>::infinity();
  const FloatAccumulator accumulator = parse_float_accumulator("fp32:product=fp16");
  EXPECT_TRUE(std::isnan(accumulate(accumulator, -inf, 400, 400, {})));
  EXPECT_EQ(accumulate(accumulator, inf, 400, 400, {}), inf);
  EXPECT_EQ(accumulate(accumulator, -inf, 100, 100, {}), -inf);
  EXPECT_EQ(accumulate(parse_float_accumulator("fp32:product=fp6_e3m2"), -inf, 400, 400, {}), -inf);
}

TEST(FloatAccumulate, SaturatingAccumulatorsStayAtTheLargestValue) {
  const FloatAccumulator fp4 = parse_float_accumulator("fp4_e2m1");
  EXPECT_EQ(accumulate(fp4, 6, 6, 6, {}), 6.0f);
  EXPECT_EQ(accumulate(fp4, -6, -6, 6, {}), -6.0f);
  EXPECT_EQ(accumulate(parse_float_accumulator("fp8_e4m3fn@toward_zero"), 448, 448, 448, {}), 448.0f);
  EXPECT_TRUE(std::isnan(accumulate(parse_float_accumulator("fp8_e4m3fn"), 448, 448, 448, {})));
  EXPECT_EQ(accumulate(parse_float_accumulator("fp16@toward_positive"), -65504, -65504, 1, {}), -65504.0f);
}

/// |a + b| in units of 2^-36 and its sign, in 128 bits.
struct Counted {
  bool negative;
  oracle::Int128 units;
};
Counted count_sum(const formats::Exact& a, const formats::Exact& b) {
  const auto units = [](const formats::Exact& x) {
    const oracle::Int128 magnitude = oracle::Int128{x.magnitude} << (x.exponent + 36);
    return x.negative ? -magnitude : magnitude;
  };
  const oracle::Int128 sum = units(a) + units(b);
  return {sum < 0, sum < 0 ? -sum : sum};
}

TEST(ExactSum, IsTheSumOrItsLeadingPlacesWithAStickyBit) {
  Sample sample(15);
  int exact = 0;
  int sticky = 0;
  for (int i = 0; i < support::sample_size(400000); ++i) {
    const auto draw = [&] {
      const std::uint64_t ones = (std::uint64_t{1} << sample.below(49)) - 1;
      const std::uint64_t magnitude = sample.below(4) == 0 ? ones : sample.next() >> (16 + sample.below(48));
      return formats::Exact{sample.below(2) == 0, magnitude, static_cast<int>(sample.below(71)) - 35};
    };
    const formats::Exact a = draw();
    formats::Exact b = draw();
    if (i % 5 == 0) {
      b = {!a.negative, a.magnitude ^ sample.below(3), a.exponent};
    }
    const formats::Exact sum = add(a, b);
    const Counted expected = count_sum(a, b);
    const int place = sum.exponent + 36;
    ASSERT_LE(std::bit_width(sum.magnitude), 63);
    if (expected.units == 0) {
      ASSERT_EQ(sum.magnitude, 0u);
      continue;
    }
    ASSERT_EQ(sum.negative, expected.negative);
    if (place <= 0) {
      ASSERT_TRUE(oracle::Int128{sum.magnitude} == expected.units << -place);
      ++exact;
      continue;
    }
    const oracle::Int128 kept = expected.units >> place;
    const bool lost = kept << place != expected.units;
    ASSERT_TRUE(oracle::Int128{sum.magnitude} == (kept | (lost ? 1 : 0)));
    ASSERT_TRUE(!lost || std::bit_width(sum.magnitude) >= 60);
    (lost ? sticky : exact) += 1;
  }
  EXPECT_GT(exact, support::sample_size(1000));
  EXPECT_GT(sticky, support::sample_size(1000));
}

TEST(ExactProduct, EqualsThe48BitProductOfTheSignificands) {
  Sample sample(16);
  for (int i = 0; i < support::sample_size(200000); ++i) {
    const float a = sample.finite_float();
    const float b = sample.finite_float();
    const formats::Exact product = multiply(a, b);
    ASSERT_EQ(product.negative, std::signbit(a) != std::signbit(b));
    ASSERT_EQ(std::ldexp(static_cast<double>(product.magnitude), product.exponent),
              std::fabs(static_cast<double>(a) * static_cast<double>(b)));
  }
}

}  // namespace
}  // namespace precsim::arith
