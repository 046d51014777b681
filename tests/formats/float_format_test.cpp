// Floating-point formats: known answers, every code of every small format, bracketing, order, exact unbiasedness.
#include "formats/float_format.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/known_answers.hpp"
#include "tests/support/oracle_bridge.hpp"
#include "tests/support/sample.hpp"

namespace precsim::formats {
namespace {

using support::catalogue_floats;
using support::every_rounding;
using support::float_record;
using support::Sample;

constexpr float infinity = std::numeric_limits<float>::infinity();

float from_bits(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}
std::uint32_t to_bits(float x) {
  return std::bit_cast<std::uint32_t>(x);
}

std::uint32_t encoded(const FloatFormat& format, float x, Rounding rounding = {}, std::uint32_t word = 0) {
  return encode(format, x, rounding, word).value();
}
std::uint32_t encoded(const FloatFormat& format, double x, Rounding rounding = {}, std::uint32_t word = 0) {
  return encode(format, exact(x), rounding, word);
}

/// The catalogue's formats of up to 16 bits (tf32 as well where tests run fast) and some that it does not list.
std::vector<std::string> small_floats() {
  std::vector<std::string> names = catalogue_floats(support::slow_build ? 16 : 19);
  for (const char* more : {"e2m13", "e3m1", "e5m8", "e8m1", "e8m2", "fp16:overflow=saturate", "fp16:overflow=nan",
                           "fp8_e4m3fn:overflow=saturate"}) {
    names.emplace_back(more);
  }
  return names;
}

TEST(FloatFormat, KnownAnswers) {
  const std::vector<std::string> modes = {
      "nearest_even", "nearest_away", "toward_zero",        "toward_positive",   "toward_negative",  "to_odd",
      "biased",       "stochastic",   "stochastic:bits=16", "stochastic:bits=8", "stochastic:bits=1"};
  std::size_t checked = 0;
  for (const support::KnownAnswer& answer : support::known_answers("float")) {
    ASSERT_EQ(answer.columns.size(), 3 + modes.size()) << "line " << answer.line;
    const FloatFormat format = float_record(answer.columns[0]);
    const float x = from_bits(support::hex32(answer.columns[1]));
    const std::uint32_t word = support::hex32(answer.columns[2]);
    for (std::size_t m = 0; m < modes.size(); ++m, ++checked) {
      const std::string& expected = answer.columns[3 + m];
      const auto code = encode(format, x, parse_rounding(modes[m]), word);
      ASSERT_EQ(code.has_value(), expected != "-") << "line " << answer.line;
      if (code) {
        EXPECT_EQ(*code, support::hex32(expected)) << "line " << answer.line << ", " << modes[m];
      }
    }
  }
  EXPECT_GE(checked, 25000u);
}

TEST(FloatFormat, TheDefaultIsFp32) {
  EXPECT_EQ(FloatFormat{}, ieee_format(8, 23));
}

TEST(FloatFormat, EveryCodeRoundTrips) {
  std::size_t checked = 0;
  const std::vector<Rounding> all = every_rounding();
  for (const std::string& name : small_floats()) {
    const FloatFormat format = float_record(name);
    for (std::uint32_t code = 0; code < 2 * format.sign_bit(); ++code) {
      const float value = decode(format, code);
      const std::uint32_t magnitude = code & format.magnitude_mask();
      const bool special = magnitude > format.largest_code();
      const bool is_infinite = format.has_infinity && magnitude == format.largest_code() + 1;
      ASSERT_EQ(is_nonfinite(value), special) << name << ' ' << code;
      ASSERT_EQ(is_nan(value), special && !is_infinite) << name << ' ' << code;
      ASSERT_EQ(std::signbit(value), (code & format.sign_bit()) != 0) << name << ' ' << code;
      if (is_infinite && format.overflow != Overflow::infinity) {
        continue;
      }
      const std::uint32_t quiet = is_nan(value) && format.nan_codes > 1 ? 1u << (format.fraction_bits - 1) : 0;
      for (const Rounding rounding : all) {
        ASSERT_EQ(encoded(format, value, rounding, 0), code | quiet) << name << ' ' << formats::name(rounding);
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 3u << 16);
}

TEST(FloatFormat, CodesOfOneSignRiseWithTheirValues) {
  for (const std::string& name : small_floats()) {
    const FloatFormat format = float_record(name);
    EXPECT_EQ(to_bits(decode(format, 0)), 0u);
    EXPECT_EQ(to_bits(decode(format, format.sign_bit())), 0x80000000u);
    for (std::uint32_t code = 0; code < format.largest_code(); ++code) {
      ASSERT_LT(decode(format, code), decode(format, code + 1)) << name << ' ' << code;
    }
  }
}

TEST(FloatFormat, MidpointsQuartersAndTheirNeighbors) {
  const Rounding even{RoundingMode::nearest_even};
  const Rounding away{RoundingMode::nearest_away};
  const Rounding biased{RoundingMode::biased};
  const Rounding odd{RoundingMode::to_odd};
  for (const std::string& name : small_floats()) {
    const FloatFormat format = float_record(name);
    for (std::uint32_t code = 0; code < format.largest_code(); ++code) {
      const auto low = static_cast<double>(decode(format, code));
      const auto high = static_cast<double>(decode(format, code + 1));
      const double middle = low + (high - low) / 2;
      const double quarter = low + (high - low) / 4;
      for (const double sign : {1.0, -1.0}) {
        const std::uint32_t down = code | (sign < 0 ? format.sign_bit() : 0);
        const std::uint32_t up = down + 1;
        const double inside = sign * std::nextafter(middle, low);
        const double outside = sign * std::nextafter(middle, high);
        ASSERT_EQ(encoded(format, sign * middle, even), code % 2 == 0 ? down : up) << name << ' ' << code;
        ASSERT_EQ(encoded(format, sign * middle, away), up) << name << ' ' << code;
        ASSERT_EQ(encoded(format, inside, even), down) << name << ' ' << code;
        ASSERT_EQ(encoded(format, inside, away), down) << name << ' ' << code;
        ASSERT_EQ(encoded(format, outside, even), up) << name << ' ' << code;
        ASSERT_EQ(encoded(format, sign * quarter, biased), up) << name << ' ' << code;
        ASSERT_EQ(encoded(format, sign * std::nextafter(quarter, low), biased), down) << name << ' ' << code;
        ASSERT_EQ(encoded(format, sign * std::nextafter(low, high), odd), code % 2 == 1 ? down : up) << name;
        ASSERT_EQ(encoded(format, sign * std::nextafter(high, low), odd), code % 2 == 1 ? down : up) << name;
      }
    }
  }
}

TEST(FloatFormat, DirectedRoundingsBracket) {
  const Rounding up{RoundingMode::toward_positive};
  const Rounding down{RoundingMode::toward_negative};
  const Rounding zero{RoundingMode::toward_zero};
  for (const std::string& name : catalogue_floats(32)) {
    const FloatFormat format = float_record(name);
    Sample sample(11);
    for (int i = 0; i < support::sample_size(20000); ++i) {
      const float x = i % 2 == 0 ? sample.finite_float() : sample.normal_float(-12, 10);
      const float largest = decode(format, format.largest_code());
      const float above = decode(format, encoded(format, x, up));
      const float below = decode(format, encoded(format, x, down));
      const float inward = decode(format, encoded(format, x, zero));
      const bool inside = std::abs(x) <= largest;
      if (inside) {
        ASSERT_TRUE(below <= x && x <= above) << name << ' ' << x;
        ASSERT_EQ(below == above, below == x) << name << ' ' << x;
      }
      ASSERT_EQ(inward, std::abs(x) > largest ? std::copysign(largest, x) : x < 0 ? above : below) << name << ' ' << x;
    }
  }
}

TEST(FloatFormat, EncodingKeepsOrderUnderEveryRoundingAndWord) {
  for (const std::string& name : catalogue_floats(32)) {
    const FloatFormat format = float_record(name);
    Sample sample(12);
    std::vector<float> xs(static_cast<std::size_t>(support::sample_size(4000)));
    for (float& x : xs) {
      x = sample.below(3) == 0 ? sample.finite_float() : sample.normal_float(-10, 9);
    }
    std::sort(xs.begin(), xs.end());
    for (const Rounding rounding : every_rounding()) {
      FloatFormat saturating = format;
      saturating.overflow = Overflow::saturate;
      const std::uint32_t word = sample.word();
      float before = -infinity;
      for (const float x : xs) {
        const float value = decode(saturating, encoded(saturating, x, rounding, word));
        ASSERT_LE(before, value) << name << ' ' << formats::name(rounding) << ' ' << x;
        before = value;
      }
    }
  }
}

TEST(FloatFormat, EncodingIsSymmetricButForTheDirectedPair) {
  for (const std::string& name : catalogue_floats(32)) {
    const FloatFormat format = float_record(name);
    Sample sample(13);
    for (int i = 0; i < support::sample_size(4000); ++i) {
      const float x = i % 2 == 0 ? sample.finite_float() : sample.normal_float(-10, 9);
      const std::uint32_t word = sample.word();
      for (Rounding rounding : every_rounding()) {
        const std::uint32_t code = encoded(format, x, rounding, word);
        rounding.mode = rounding.mode == RoundingMode::toward_positive   ? RoundingMode::toward_negative
                        : rounding.mode == RoundingMode::toward_negative ? RoundingMode::toward_positive
                                                                         : rounding.mode;
        ASSERT_EQ(encoded(format, -x, rounding, word), code ^ format.sign_bit()) << name << ' ' << x;
      }
    }
  }
}

/// Inputs with at most `bits` discarded bits: over all draws the decoded results must sum to the input exactly.
TEST(FloatFormat, StochasticSumsToTheInputOverAllDraws) {
  constexpr int bits = 6;
  constexpr std::uint32_t draws = 1u << bits;
  const Rounding rounding{RoundingMode::stochastic, bits};
  for (const std::string& name : catalogue_floats(16)) {
    const FloatFormat format = float_record(name);
    const std::uint32_t stride = 1 + format.largest_code() / 400;
    for (std::uint32_t code = 0; code < format.largest_code(); code += stride) {
      const auto low = static_cast<double>(decode(format, code));
      const double part = (static_cast<double>(decode(format, code + 1)) - low) / draws;
      for (std::uint32_t parts = 0; parts < draws; parts += 5) {
        const double x = -(low + parts * part);
        double sum = 0;
        for (std::uint32_t draw = 0; draw < draws; ++draw) {
          const std::uint32_t word = draw << (32 - bits) | (draw * 0x9e3779b9u) >> bits;
          sum += static_cast<double>(decode(format, encoded(format, x, rounding, word)));
        }
        ASSERT_EQ(sum, x * draws) << name << ' ' << code << " + " << parts << '/' << draws;
      }
    }
  }
}

TEST(FloatFormat, OverflowRuleByMode) {
  struct Case {
    RoundingMode mode;
    bool positive_keeps_largest, negative_keeps_largest;
  };
  const std::vector<Case> cases = {
      {RoundingMode::nearest_even, false, false},   {RoundingMode::nearest_away, false, false},
      {RoundingMode::toward_zero, true, true},      {RoundingMode::toward_positive, false, true},
      {RoundingMode::toward_negative, true, false}, {RoundingMode::to_odd, true, true},
      {RoundingMode::stochastic, false, false},     {RoundingMode::biased, false, false}};
  ASSERT_EQ(cases.size(), roundings().size());
  for (const std::string& name : small_floats()) {
    const FloatFormat format = float_record(name);
    const std::uint32_t largest = format.largest_code();
    const std::uint32_t beyond = format.overflow == Overflow::infinity   ? largest + 1
                                 : format.overflow == Overflow::saturate ? largest
                                 : format.nan_codes == 1                 ? format.magnitude_mask()
                                                         : encoded(format, std::numeric_limits<float>::quiet_NaN());
    const double far = 4 * static_cast<double>(decode(format, largest));
    for (const Case& c : cases) {
      EXPECT_EQ(encoded(format, far, {c.mode}), c.positive_keeps_largest ? largest : beyond) << name;
      EXPECT_EQ(encoded(format, -far, {c.mode}), format.sign_bit() | (c.negative_keeps_largest ? largest : beyond));
      EXPECT_TRUE(overflows(format, exact(far), {c.mode}, 0));
      EXPECT_FALSE(overflows(format, exact(far / 4), {c.mode}, 0));
      EXPECT_EQ(encoded(format, infinity, {c.mode}), beyond) << name;
      EXPECT_EQ(encoded(format, -infinity, {c.mode}), format.sign_bit() | beyond) << name;
    }
  }
}

TEST(FloatFormat, NotANumberWhereThereIsNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const char* name : {"fp6_e3m2", "fp6_e2m3", "fp4_e2m1"}) {
    EXPECT_FALSE(encode(float_record(name), nan, {}, 0).has_value()) << name;
    EXPECT_FALSE(encode(float_record(name), from_bits(0xff800001u), {}, 0).has_value()) << name;
  }
}

TEST(FloatFormat, DecodedNanKeepsSignAndPayloadWhereThereIsOne) {
  const auto bits_of = [](const char* name, std::uint32_t code) {
    return std::bit_cast<std::uint32_t>(decode(float_record(name), code));
  };
  EXPECT_EQ(bits_of("fp8_e4m3fn", 0x7f), 0x7fc00000u);
  EXPECT_EQ(bits_of("fp8_e4m3fn", 0xff), 0xffc00000u);
  EXPECT_EQ(bits_of("fp16", 0x7e01), 0x7fc02000u);
  EXPECT_EQ(bits_of("fp16", 0xfd55), 0xffeaa000u);
  EXPECT_EQ(bits_of("e4m1", 0x1f), 0x7fc00000u);
  EXPECT_EQ(bits_of("e4m2", 0x3d), 0x7fe00000u);
  EXPECT_EQ(bits_of("fp32", 0xff812345u), 0xffc12345u);
}

TEST(FloatFormat, KnownLimitsOfNamedFormats) {
  const auto largest = [](const char* name) {
    const FloatFormat format = float_record(name);
    return decode(format, format.largest_code());
  };
  EXPECT_EQ(largest("fp32"), std::numeric_limits<float>::max());
  EXPECT_EQ(largest("fp16"), 65504.0f);
  EXPECT_EQ(largest("bf16"), 0x1.fep127f);
  EXPECT_EQ(largest("tf32"), 0x1.ffcp127f);
  EXPECT_EQ(largest("fp8_e5m2"), 57344.0f);
  EXPECT_EQ(largest("fp8_e4m3fn"), 448.0f);
  EXPECT_EQ(largest("fp6_e3m2"), 28.0f);
  EXPECT_EQ(largest("fp6_e2m3"), 7.5f);
  EXPECT_EQ(largest("fp4_e2m1"), 6.0f);
  EXPECT_EQ(largest("e4m3"), 240.0f);
  EXPECT_EQ(decode(float_record("fp4_e2m1"), 1), 0.5f);
  EXPECT_EQ(decode(float_record("fp8_e4m3fn"), 1), 0x1p-9f);
  EXPECT_EQ(decode(float_record("fp16"), 1), 0x1p-24f);
  EXPECT_EQ(decode(float_record("e8m1"), 1), 0x1p-127f);
}

/// An FP32 rounding first would make a tie of these and lose the last bit (double rounding).
TEST(FloatFormat, OneRoundingFromTheExactSource) {
  const FloatFormat fp16 = float_record("fp16");
  const double tie = 1 + 0x1p-11;
  EXPECT_EQ(encoded(fp16, tie), 0x3c00u);
  EXPECT_EQ(encoded(fp16, tie + 0x1p-40), 0x3c01u);
  EXPECT_EQ(encoded(fp16, 3 * tie - 0x1p-40), encoded(fp16, 3.0f + 0x1p-9f));
  const FloatFormat fp32 = float_record("fp32");
  EXPECT_EQ(encoded(fp32, 0x1.8p-149), 2u);
  EXPECT_EQ(encoded(fp32, 0x1p-150), 0u);
  EXPECT_EQ(encoded(fp32, 0x1p-150 + 0x1p-190), 1u);
  EXPECT_EQ(encoded(fp32, 0x1p-1074, {RoundingMode::toward_positive}), 1u);
  EXPECT_EQ(encoded(fp32, -0x1p-1074, {RoundingMode::to_odd}), 0x80000001u);
  EXPECT_EQ(encoded(fp32, std::numeric_limits<double>::max()), 0x7f800000u);
}

}  // namespace
}  // namespace precsim::formats
