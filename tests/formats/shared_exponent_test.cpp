// Dynamic fixed point: known answers, the oracle over random blocks, top rules, headroom, extremes of the exponent.
#include "formats/shared_exponent.hpp"

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

using support::every_rounding;
using support::Sample;

constexpr RandomBits golden_draws{
    .seed = 2718281828u, .stream = Stream::rounding, .step = 3, .tensor = 0x1234abcdu, .use = 7};
constexpr float largest = std::numeric_limits<float>::max();
constexpr float smallest = std::numeric_limits<float>::denorm_min();

ConvertedArray converted(const std::string& format, const std::vector<float>& x, const std::string& rounding = "",
                         const RandomBits& bits = golden_draws) {
  const Rounding mode = rounding.empty() ? Rounding{} : parse_rounding(rounding);
  return convert(x, static_cast<std::int64_t>(x.size()), {parse_format(format), mode}, bits, "block");
}

DfpFormat record(int bits, int headroom, TopRule top) {
  return {.bits = bits, .headroom = headroom, .top = top};
}

TEST(SharedExponent, KnownAnswers) {
  int checked = 0;
  for (const support::KnownAnswer& answer : support::known_answers("dfp")) {
    ASSERT_EQ(answer.columns.size(), 6u) << "line " << answer.line;
    std::vector<float> x;
    for (const std::string& bits : support::split(answer.columns[2], ',')) {
      x.push_back(std::bit_cast<float>(support::hex32(bits)));
    }
    const ConvertedArray out = converted(answer.columns[0], x, answer.columns[1]);
    const int exponent = support::number<int>(answer.columns[3]);
    ASSERT_EQ(out.exponents, std::vector<std::int16_t>{static_cast<std::int16_t>(exponent)}) << "line " << answer.line;
    const std::vector<std::string> codes = support::split(answer.columns[4], ',');
    ASSERT_EQ(codes.size(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const int code = support::number<int>(codes[i]);
      EXPECT_EQ(out.codes[i], code) << "line " << answer.line << ", element " << i;
      EXPECT_EQ(out.values[i], static_cast<float>(std::ldexp(static_cast<double>(code), exponent)));
      EXPECT_FALSE(out.values[i] == 0 && std::signbit(out.values[i])) << "integers have one zero";
    }
    EXPECT_EQ(out.counts.saturated, support::number<std::uint64_t>(answer.columns[5])) << "line " << answer.line;
    ++checked;
  }
  EXPECT_GE(checked, 1900);
}

/// One block by the oracle, for every rounding but with E_s and the top rule spelled out anew.
struct Expected {
  int exponent = 0;
  std::vector<int> codes;
};
Expected by_oracle(const DfpFormat& format, const std::vector<float>& x, Rounding rounding) {
  std::uint32_t top_bits = 0;
  for (const float value : x) {
    top_bits = std::max(top_bits, std::bit_cast<std::uint32_t>(value) & 0x7fffffffu);
  }
  const oracle::Number absmax = oracle::magnitude_of(top_bits);
  int log2 = -149;
  while (oracle::compare({1, log2 + 1}, absmax) <= 0) {
    ++log2;
  }
  Expected expected{log2 - (format.bits - 2) + format.headroom, {}};
  const int limit = 1 << (format.bits - 1 - format.headroom);
  const auto round_all = [&] {
    expected.codes.clear();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const oracle::Place place = oracle::place_on_grid(std::bit_cast<std::uint32_t>(x[i]), expected.exponent);
      const auto magnitude = static_cast<int>(oracle::decide(
          place, std::signbit(x[i]), support::oracle_mode(rounding.mode), rounding.bits, golden_draws.word(i)));
      expected.codes.push_back(std::signbit(x[i]) ? -magnitude : magnitude);
    }
  };
  round_all();
  const bool carries = std::any_of(expected.codes.begin(), expected.codes.end(),
                                   [&](int code) { return code >= limit || code <= -limit; });
  const auto most = static_cast<std::uint64_t>(limit - 1);
  const bool above = oracle::compare(absmax, {most, expected.exponent}) > 0;
  if (format.top == TopRule::bump && (rounding.is_stochastic() ? above : carries)) {
    ++expected.exponent;
    round_all();
  }
  for (int& code : expected.codes) {
    if (format.top == TopRule::saturate) {
      code = std::clamp(code, 1 - limit, limit - 1);
    } else if (format.top == TopRule::wrap && code == limit) {
      code = -limit;
    }
  }
  return expected;
}

TEST(SharedExponent, RandomBlocksAgreeWithTheOracle) {
  Sample sample(21);
  int formats_checked = 0;
  for (int bits = 2; bits <= 16; ++bits) {
    for (int headroom = 0; headroom <= bits - 2; ++headroom) {
      for (const TopRule top : {TopRule::saturate, TopRule::bump, TopRule::wrap}) {
        const DfpFormat format = record(bits, headroom, top);
        ++formats_checked;
        for (int trial = 0; trial < support::sample_size(120); ++trial) {
          std::vector<float> x(1 + sample.below(6));
          const int high = static_cast<int>(sample.below(254)) - 126;
          for (float& value : x) {
            value = trial % 5 == 0 ? sample.finite_float() : sample.normal_float(std::max(high - 3, -126), high);
            if (sample.below(3) == 0) {
              value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | 0x007fff00u);
            }
          }
          const auto all = every_rounding();
          const Rounding rounding = all[sample.below(all.size())];
          const auto out =
              convert(x, static_cast<std::int64_t>(x.size()), {make_dfp(format), rounding}, golden_draws, "block");
          const Expected expected = by_oracle(format, x, rounding);
          ASSERT_EQ(out.exponents.at(0), expected.exponent) << make_dfp(format)->name() << ' ' << name(rounding);
          ASSERT_TRUE(std::equal(out.codes.begin(), out.codes.end(), expected.codes.begin(), expected.codes.end()))
              << make_dfp(format)->name() << ' ' << name(rounding) << " trial " << trial;
        }
      }
    }
  }
  EXPECT_EQ(formats_checked, 3 * 120);
}

TEST(SharedExponent, PutsAbsmaxIntoTheTopOctave) {
  Sample sample(22);
  for (int bits = 2; bits <= 16; ++bits) {
    for (int headroom = 0; headroom <= bits - 2; ++headroom) {
      const DfpFormat format = record(bits, headroom, TopRule::saturate);
      for (int i = 0; i < 200; ++i) {
        const float x = std::abs(i % 2 == 0 ? sample.finite_float() : std::bit_cast<float>(sample.word() >> 9));
        if (x != 0) {
          const double scaled = std::ldexp(static_cast<double>(x), -shared_exponent(x, format));
          ASSERT_GE(scaled, std::ldexp(1.0, bits - 2 - headroom));
          ASSERT_LT(scaled, std::ldexp(1.0, bits - 1 - headroom));
        }
      }
    }
  }
}

TEST(SharedExponent, ExtremesOfTheExponent) {
  const DfpFormat dfp16;
  EXPECT_EQ(shared_exponent(0, dfp16), -163);
  EXPECT_EQ(shared_exponent(smallest, dfp16), -163);
  EXPECT_EQ(shared_exponent(largest, record(2, 0, TopRule::saturate)), 127);
  EXPECT_EQ(shared_exponent(largest, record(16, 14, TopRule::saturate)), 127);
  EXPECT_EQ(converted("dfp16", {smallest}).codes.at(0), 1 << 14);
  EXPECT_EQ(converted("dfp16", {smallest}).values.at(0), smallest);
  EXPECT_EQ(converted("dfp16", {-3 * smallest, smallest}).codes, (std::vector<std::int16_t>{-24576, 8192}));
  EXPECT_EQ(converted("dfp16:headroom=14", {smallest}).codes.at(0), 1);
}

TEST(SharedExponent, TinyBesideHugeDoesNotVanishBeforeRounding) {
  for (const char* format : {"dfp2", "dfp16"}) {
    EXPECT_EQ(converted(format, {0x1p127f, smallest}, "toward_positive").codes.at(1), 1);
    EXPECT_EQ(converted(format, {0x1p127f, smallest}, "to_odd").codes.at(1), 1);
    EXPECT_EQ(converted(format, {0x1p127f, -smallest}, "toward_negative").codes.at(1), -1);
    EXPECT_EQ(converted(format, {0x1p127f, smallest}, "nearest_even").codes.at(1), 0);
  }
}

TEST(SharedExponent, AllZeroBlocks) {
  for (const char* top : {"saturate", "bump", "wrap"}) {
    const auto out = converted(std::string("dfp12:headroom=3,top=") + top, {0.0f, -0.0f});
    EXPECT_EQ(out.exponents.at(0), -149 - 10 + 3);
    EXPECT_EQ(out.codes, (std::vector<std::int16_t>{0, 0}));
    EXPECT_EQ(std::bit_cast<std::uint32_t>(out.values[1]), 0u);
    EXPECT_EQ(out.counts.saturated, 0u);
  }
}

TEST(SharedExponent, TopRules) {
  const std::vector<float> x = {0x1.ffffp0f, -0x1.ffffp0f, 1.0f};  // +-32767.75 and 16384 in units of 2^-14
  const auto saturated = converted("dfp16", x);
  EXPECT_EQ(saturated.codes, (std::vector<std::int16_t>{32767, -32767, 16384}));
  EXPECT_EQ(saturated.exponents.at(0), -14);
  EXPECT_EQ(saturated.counts.saturated, 2u);
  const auto bumped = converted("dfp16:top=bump", x);
  EXPECT_EQ(bumped.codes, (std::vector<std::int16_t>{16384, -16384, 8192}));
  EXPECT_EQ(bumped.exponents.at(0), -13);
  EXPECT_EQ(bumped.counts.saturated, 0u);
  const auto wrapped = converted("dfp16:top=wrap", x);
  EXPECT_EQ(wrapped.codes, (std::vector<std::int16_t>{-32768, -32768, 16384}));
  EXPECT_EQ(wrapped.counts.saturated, 1u) << "the negative one is where it belongs";
  EXPECT_EQ(wrapped.values.at(0), -2.0f);
}

TEST(SharedExponent, HeadroomMovesTheTop) {
  const std::vector<float> x = {0x1.ffffp0f, -0x1.ffffp0f};
  EXPECT_EQ(converted("dfp16:headroom=2", x).codes, (std::vector<std::int16_t>{8191, -8191}));
  EXPECT_EQ(converted("dfp16:headroom=2,top=wrap", x).codes, (std::vector<std::int16_t>{-8192, -8192}));
  EXPECT_EQ(converted("dfp16:headroom=2,top=bump", x).codes, (std::vector<std::int16_t>{4096, -4096}));
  EXPECT_EQ(converted("dfp4:headroom=2", x).codes, (std::vector<std::int16_t>{1, -1}));
  EXPECT_EQ(converted("dfp4:headroom=2,top=wrap", x).codes, (std::vector<std::int16_t>{-2, -2}));
}

TEST(SharedExponent, BumpLooksAtSignedCarries) {
  const std::vector<float> x = {1.0f, -0x1.ffffp0f};
  EXPECT_EQ(converted("dfp16:top=bump", x, "toward_negative").exponents.at(0), -13);
  EXPECT_EQ(converted("dfp16:top=bump", x, "toward_positive").exponents.at(0), -14);
  EXPECT_EQ(converted("dfp16:top=bump", x, "toward_zero").exponents.at(0), -14);
  EXPECT_EQ(converted("dfp16:top=bump", x, "to_odd").exponents.at(0), -14);
}

TEST(SharedExponent, StochasticBumpIsDecidedByAbsmaxAlone) {
  const float top_code = 32767.0f;
  const float above = std::nextafter(top_code, largest);
  for (std::uint32_t seed = 0; seed < 64; ++seed) {
    const RandomBits bits{.seed = seed};
    for (const char* rounding : {"stochastic", "stochastic:bits=1"}) {
      const auto stays = converted("dfp16:top=bump", {top_code, 3.5f}, rounding, bits);
      ASSERT_EQ(stays.exponents.at(0), 0);
      ASSERT_EQ(stays.codes.at(0), 32767);
      ASSERT_EQ(converted("dfp16:top=bump", {above, 3.5f}, rounding, bits).exponents.at(0), 1);
    }
  }
}

TEST(SharedExponent, SaturationKeepsValuesFiniteNearTheLargestFloat) {
  for (const char* format : {"dfp16", "dfp8", "dfp2", "dfp16:headroom=5", "dfp4:headroom=2"}) {
    const auto out = converted(format, {largest, -largest});
    EXPECT_LT(out.values.at(0), largest) << format;
    EXPECT_EQ(out.values.at(1), -out.values.at(0)) << format;
    EXPECT_EQ(out.counts.saturated, 2u) << format;
  }
}

TEST(SharedExponent, BumpedCodesStandEvenWhereFp32EndsAt2To128) {
  const auto out = converted("dfp16:top=bump", {largest});
  EXPECT_EQ(out.codes.at(0), 1 << 14);
  EXPECT_EQ(out.exponents.at(0), 114);
}

TEST(SharedExponent, ConversionIsIdempotent) {
  Sample sample(23);
  for (const char* format : {"dfp16", "dfp8", "dfp4", "dfp12:headroom=2", "dfp2"}) {
    for (int trial = 0; trial < 300; ++trial) {
      std::vector<float> x(5);
      for (float& value : x) {
        value = sample.normal_float(-5, 4);
      }
      const auto once = converted(format, x);
      const auto twice = converted(format, once.values, "stochastic");
      ASSERT_EQ(once.values, twice.values) << format;
      ASSERT_EQ(once.exponents, twice.exponents) << format;
    }
  }
}

TEST(SharedExponent, NonfiniteElementsAreRefusedByIndex) {
  for (const char* top : {"saturate", "bump", "wrap"}) {
    for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      try {
        converted(std::string("dfp16:top=") + top, {1.9999999f, 2.0f, bad, bad});
        ADD_FAILURE() << "taken";
      } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("block: element 2 "), std::string::npos) << error.what();
      }
    }
  }
}

TEST(SharedExponent, ApplyTopTakesMagnitudesUpTo65536) {
  const DfpFormat wrap = record(16, 0, TopRule::wrap);
  EXPECT_EQ(apply_top(32767, false, wrap), 32767);
  EXPECT_EQ(apply_top(32768, false, wrap), -32768);
  EXPECT_EQ(apply_top(32768, true, wrap), -32768);
  EXPECT_EQ(apply_top(32769, true, wrap), 32767);
  EXPECT_EQ(apply_top(65535, false, wrap), -1);
  EXPECT_EQ(apply_top(65536, false, wrap), 0);
  const DfpFormat narrow = record(8, 3, TopRule::wrap);
  for (int value = -65536; value <= 65536; ++value) {
    const int expected = ((value + 16) % 32 + 32) % 32 - 16;
    ASSERT_EQ(apply_top(static_cast<std::uint64_t>(std::abs(value)), value < 0, narrow), expected) << value;
  }
}

}  // namespace
}  // namespace precsim::formats
