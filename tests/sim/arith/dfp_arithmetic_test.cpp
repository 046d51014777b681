// Down-conversion and addition of dynamic fixed point against their definitions in exact integers.
#include "sim/arith/dfp_arithmetic.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "formats/error.hpp"
#include "tests/oracle/integer_oracle.hpp"
#include "tests/support/oracle_bridge.hpp"
#include "tests/support/sample.hpp"

namespace precsim::arith {
namespace {

using formats::DfpFormat;
using formats::RandomBits;
using formats::Rounding;
using formats::TopRule;
using support::Sample;

constexpr TopRule tops[] = {TopRule::saturate, TopRule::bump, TopRule::wrap};

/// The format in the oracle's words.
oracle::Dfp in_oracle_words(const DfpFormat& format, Rounding rounding) {
  const oracle::Top top = format.top == TopRule::saturate ? oracle::Top::saturate
                          : format.top == TopRule::bump   ? oracle::Top::bump
                                                          : oracle::Top::wrap;
  return {format.bits, format.headroom, top, support::oracle_mode(rounding.mode), rounding.bits};
}

std::vector<std::int32_t> draw(Sample& sample, int kind) {
  std::vector<std::int32_t> integers(1 + sample.below(12));
  const int shift = static_cast<int>(sample.below(31));
  for (std::int32_t& i : integers) {
    i = static_cast<std::int32_t>(sample.word()) >> shift;
    if (kind == 1) {
      i = (i < 0 ? -1 : 1) * ((std::int32_t{1} << sample.below(31)) - static_cast<std::int32_t>(sample.below(3)));
    }
  }
  if (kind == 2) {
    constexpr std::int32_t edges[] = {INT32_MIN, INT32_MIN + 1, INT32_MAX, INT32_MAX - 1};
    integers[sample.below(integers.size())] = edges[sample.below(4)];
  }
  if (kind == 3) {
    integers.assign(integers.size(), 0);
  }
  return integers;
}

std::vector<DfpFormat> formats_to_test() {
  std::vector<DfpFormat> all;
  for (const int bits : {2, 3, 4, 8, 12, 15, 16}) {
    for (int headroom = 0; headroom <= bits - 2; headroom += bits > 8 ? 5 : 1) {
      for (const TopRule top : tops) {
        all.push_back({bits, headroom, top, {}});
      }
    }
  }
  return all;
}

TEST(DownConvert, EveryFormatRoundingAndTopRuleFollowsTheDefinition) {
  Sample sample(21);
  RandomBits bits;
  int checked = 0;
  for (const DfpFormat& format : formats_to_test()) {
    for (const Rounding rounding : support::every_rounding()) {
      for (int i = 0; i < support::sample_size(200); ++i) {
        bits.step = sample.word();
        const std::vector<std::int32_t> integers = draw(sample, i % 4);
        const DfpTensor result = down_convert(integers, -7, format, rounding, bits);
        const oracle::Converted expected = oracle::down_convert(in_oracle_words(format, rounding), {-7, integers},
                                                                [&](std::size_t word) { return bits.word(word); });
        ASSERT_EQ(result.exponent, expected.exponent) << formats::name(rounding);
        ASSERT_EQ(result.codes, expected.codes) << format.bits << ' ' << format.headroom << formats::name(rounding);
        ++checked;
      }
    }
  }
  EXPECT_GE(checked, 3 * 20 * 13 * 5);
}

TEST(DownConvert, KnownCases) {
  const DfpFormat saturate;
  const DfpFormat bump{16, 0, TopRule::bump, {}};
  const DfpFormat wrap{16, 0, TopRule::wrap, {}};
  const std::vector<std::int32_t> most{INT32_MIN};
  EXPECT_EQ(down_convert(most, 0, saturate, {}, {}).exponent, 17);
  EXPECT_EQ(down_convert(most, 0, saturate, {}, {}).codes[0], -16384);
  const std::vector<std::int32_t> carried{65535, -65535};
  EXPECT_EQ(down_convert(carried, 0, saturate, {}, {}).codes, (std::vector<std::int32_t>{32767, -32767}));
  EXPECT_EQ(down_convert(carried, 0, bump, {}, {}).codes, (std::vector<std::int32_t>{16384, -16384}));
  EXPECT_EQ(down_convert(carried, 0, bump, {}, {}).exponent, 2);
  EXPECT_EQ(down_convert(carried, 0, wrap, {}, {}).codes, (std::vector<std::int32_t>{-32768, -32768}));
  const std::vector<std::int32_t> fits{32767, -1};
  EXPECT_EQ(down_convert(fits, 5, saturate, {}, {}).exponent, 5);
  EXPECT_EQ(down_convert(fits, 5, saturate, {}, {}).codes, fits);
  EXPECT_TRUE(down_convert({}, 5, saturate, {}, {}).codes.empty());
}

TEST(DfpSum, FollowsTheDefinitionForEveryDistanceOfExponents) {
  Sample sample(22);
  RandomBits bits;
  int checked = 0;
  for (const DfpFormat& format : formats_to_test()) {
    for (const Rounding rounding : support::every_rounding()) {
      for (int i = 0; i < support::sample_size(120); ++i) {
        bits.step = sample.word();
        DfpTensor a{{}, static_cast<int>(sample.below(80)) - 40};
        DfpTensor b{{},
                    a.exponent + (i % 3 == 0 ? static_cast<int>(sample.below(200)) - 100
                                             : static_cast<int>(sample.below(36)) - 18)};
        const std::size_t size = 1 + sample.below(9);
        for (DfpTensor* x : {&a, &b}) {
          const bool zeros = sample.below(8) == 0;
          for (std::size_t j = 0; j < size; ++j) {
            const auto code = static_cast<std::int16_t>(sample.word());
            x->codes.push_back(zeros ? 0 : sample.below(5) == 0 ? -32768 : code);
          }
        }
        const DfpTensor sum = add(a, b, format, rounding, bits);
        RandomBits down = bits;
        down.use += 1;
        const oracle::Converted expected = oracle::add(
            in_oracle_words(format, rounding), {a.exponent, a.codes}, {b.exponent, b.codes},
            [&](std::size_t word) { return bits.word(word); }, [&](std::size_t word) { return down.word(word); });
        ASSERT_EQ(sum.exponent, expected.exponent);
        ASSERT_EQ(sum.codes, expected.codes) << formats::name(rounding);
        ++checked;
      }
    }
  }
  EXPECT_GE(checked, 3 * 20 * 13 * 3);
}

TEST(DfpSum, AZeroTensorTakesTheOthersExponentAndChangesNothing) {
  const DfpTensor zero{{0, 0}, 100};
  const DfpTensor x{{-32767, 5}, -100};
  for (const DfpTensor& sum : {add(zero, x, {}, {}, {}), add(x, zero, {}, {}, {})}) {
    EXPECT_EQ(sum.codes, x.codes);
    EXPECT_EQ(sum.exponent, x.exponent);
  }
  EXPECT_EQ(add(zero, {{0, 0}, 3}, {}, {}, {}).codes, zero.codes);
}

TEST(DfpSum, SizesMustMatch) {
  EXPECT_THROW(add({{1}, 0}, {{1, 2}, 0}, {}, {}, {}), CheckError);
}

}  // namespace
}  // namespace precsim::arith
