// Conversion of arrays: blocks, strides, random words by element, counts, refused elements.
#include "formats/convert.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "formats/exact.hpp"
#include "tests/support/sample.hpp"

namespace precsim::formats {
namespace {

using support::Sample;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr RandomBits draws{.seed = 11, .step = 2, .tensor = 3, .use = 1};

std::vector<float> some_values(std::size_t count, std::uint64_t seed = 51) {
  Sample sample(seed);
  std::vector<float> x(count);
  for (float& value : x) {
    value = sample.normal_float(-9, 3);
  }
  return x;
}

std::string error_of(const std::vector<float>& x, std::int64_t row, const std::string& format) {
  try {
    convert(x, row, parse_conversion(format), draws, "conv1/weights");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Extent, OfEverySecondElement) {
  const std::vector<float> x = {infinity, 9.0f, 2.0f, nan, nan, 9.0f, -3.0f, 9.0f};
  EXPECT_EQ(extent(x.data(), 4, 2).absmax, 3.0f);
  EXPECT_EQ(extent(x.data(), 4, 2).first_nonfinite, 0);
  EXPECT_EQ(extent(x.data() + 2, 3, 2).first_nonfinite, 1);
  EXPECT_EQ(extent(x.data() + 1, 1, 2).first_nonfinite, -1);
}

TEST(Extent, LargestFiniteMagnitudeAndFirstNonfinite) {
  const std::vector<float> x = {0.0f, -3.0f, nan, 2.0f, -infinity};
  EXPECT_EQ(extent(x.data(), 5).absmax, 3.0f);
  EXPECT_EQ(extent(x.data(), 5).first_nonfinite, 2);
  EXPECT_EQ(extent(x.data(), 2).first_nonfinite, -1);
  EXPECT_EQ(extent(x.data() + 2, 1).absmax, 0.0f);
  EXPECT_EQ(extent(x.data(), 0).absmax, 0.0f);
  EXPECT_EQ(extent(x.data() + 1, 2, 3).absmax, 3.0f);
  EXPECT_EQ(extent(x.data() + 1, 2, 3).first_nonfinite, 1);
  const std::vector<float> bad_first = {nan, infinity, 1.0f, nan};
  EXPECT_EQ(extent(bad_first.data(), 4).first_nonfinite, 0);
  EXPECT_EQ(extent(bad_first.data() + 1, 3).first_nonfinite, 0);
  const std::vector<float> tiny = {-std::numeric_limits<float>::denorm_min(), 0.0f};
  EXPECT_EQ(extent(tiny.data(), 2).absmax, std::numeric_limits<float>::denorm_min());
}

TEST(Convert, BlocksHaveScalesOfTheirOwn) {
  const std::vector<float> x = {1, 0.5f, 8,  4, 64,  //
                                2, 0,    16, 0, 0};
  const auto blocks = convert(x, 5, parse_conversion("dfp8:block=2"), draws, "x");
  EXPECT_EQ(blocks.exponents, (std::vector<std::int16_t>{-6, -3, 0, -5, -2, -155}));
  EXPECT_EQ(blocks.codes, (std::vector<std::int16_t>{64, 32, 64, 32, 64, 64, 0, 64, 0, 0}));
  EXPECT_EQ(blocks.values, x);
  EXPECT_EQ(convert(x, 5, parse_conversion("dfp8:channel"), draws, "x").exponents, (std::vector<std::int16_t>{0, -2}));
  EXPECT_EQ(convert(x, 5, parse_conversion("dfp8"), draws, "x").exponents, (std::vector<std::int16_t>{0}));
  EXPECT_EQ(convert(x, 5, parse_conversion("fix8.8"), draws, "x").exponents, (std::vector<std::int16_t>{-8}));
  const auto floating = convert(x, 5, parse_conversion("bf16"), draws, "x");
  EXPECT_TRUE(floating.exponents.empty());
  EXPECT_TRUE(floating.codes.empty());
}

TEST(Convert, EveryBlockIsTheConversionOfItsElements) {
  constexpr std::int64_t rows = 6;
  constexpr std::int64_t row = 37;
  const std::vector<float> x = some_values(rows * row);
  for (const char* top : {"saturate", "bump", "wrap"}) {
    for (const std::int64_t k : {2, 8, 36, 64}) {
      const std::string options = std::string(",top=") + top;
      const auto whole = convert(x, row, parse_conversion("dfp6:block=" + std::to_string(k) + options), draws, "x");
      std::size_t block = 0;
      for (std::int64_t start = 0; start < rows * row; start += row) {
        for (std::int64_t at = start; at < start + row; at += k, ++block) {
          const auto first = x.begin() + at;
          const std::vector<float> part(first, first + std::min(k, start + row - at));
          const auto alone = convert(part, static_cast<std::int64_t>(part.size()),
                                     parse_conversion("dfp6:tensor" + options), draws, "x");
          ASSERT_EQ(whole.exponents.at(block), alone.exponents.at(0));
          ASSERT_TRUE(std::equal(alone.codes.begin(), alone.codes.end(), whole.codes.begin() + at));
          ASSERT_TRUE(std::equal(alone.values.begin(), alone.values.end(), whole.values.begin() + at));
        }
      }
      ASSERT_EQ(block, whole.exponents.size());
    }
  }
}

/// Every stochastic code must follow from the word of the element's index in the whole array.
TEST(Convert, RandomWordsBelongToTheElementNotTheBlock) {
  const std::vector<float> x = some_values(60);
  const Rounding rounding{RoundingMode::stochastic};
  for (const char* blocks : {"", ":block=2", ":block=6", ":channel"}) {
    const auto out = convert(x, 15, {parse_format(std::string("dfp5") + blocks), rounding}, draws, "x");
    const std::string text = blocks;
    const std::int64_t span = text == ":block=2" ? 2 : text == ":block=6" ? 6 : 15;
    std::size_t block = 0;
    for (std::int64_t start = 0; start < 60; start += 15) {
      for (std::int64_t at = start; at < start + 15; at += span, block += text.empty() ? 0 : 1) {
        for (std::int64_t i = at; i < std::min(at + span, start + 15); ++i) {
          const auto index = static_cast<std::size_t>(i);
          const double scaled = std::ldexp(std::abs(static_cast<double>(x[index])), -out.exponents.at(block));
          const double kept = std::floor(scaled);
          const bool up = draws.word(index) < static_cast<std::uint64_t>(std::ldexp(scaled - kept, 32));
          const int magnitude = std::min(static_cast<int>(kept) + (up ? 1 : 0), 15);
          ASSERT_EQ(out.codes[index], x[index] < 0 ? -magnitude : magnitude) << blocks << ' ' << i;
        }
      }
    }
  }
}

TEST(Convert, StochasticDependsOnEveryFieldOfTheDraws) {
  const std::vector<float> x = some_values(256);
  const Conversion conversion = parse_conversion("dfp4@stochastic");
  const auto base = convert(x, 256, conversion, draws, "x").codes;
  EXPECT_EQ(convert(x, 256, conversion, draws, "y").codes, base);
  std::vector<RandomBits> others(5, draws);
  others[0].seed = 12;
  others[1].step = 3;
  others[2].tensor = 4;
  others[3].use = 2;
  others[4].stream = Stream::fill;
  for (const RandomBits& other : others) {
    EXPECT_NE(convert(x, 256, conversion, other, "x").codes, base);
    EXPECT_EQ(convert(x, 256, parse_conversion("dfp4"), other, "x").codes,
              convert(x, 256, parse_conversion("dfp4"), draws, "x").codes);
  }
}

TEST(Convert, StridedBlocksUseTheIndexOfTheirElements) {
  constexpr std::int64_t stride = 5;
  constexpr std::int64_t count = 12;
  const std::vector<float> x = some_values(count * stride);
  for (const char* name : {"dfp6", "dfp6:top=bump", "fp8_e4m3fn", "fix3.4"}) {
    const FormatPtr format = parse_format(name);
    const Rounding rounding{RoundingMode::stochastic};
    std::vector<float> values(x.size(), nan);
    std::vector<std::int16_t> codes(x.size(), 12345);
    const float absmax = extent(x.data() + 2, count, stride).absmax;
    ConversionCounts counts;
    const bool coded = format->kind() == OperandKind::integer;
    const int exponent =
        format->convert({x.data() + 2, count, stride, 1000}, absmax, format->block_exponent(absmax), rounding, draws,
                        {values.data() + 2, coded ? codes.data() + 2 : nullptr}, counts);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const bool inside = i % stride == 2;
      ASSERT_EQ(!is_nan(values[i]), inside) << name << ' ' << i;
      ASSERT_EQ(codes[i] != 12345, inside && coded) << name << ' ' << i;
      if (inside) {
        float alone = 0;
        const float element = x[i];
        ConversionCounts ignored;
        format->convert({&element, 1, 1, 1000 + (i - 2)}, absmax, exponent, rounding, draws, {&alone, nullptr},
                        ignored);
        ASSERT_EQ(values[i], alone) << name << ' ' << i;
      }
    }
    EXPECT_EQ(counts.refused, -1);
  }
}

/// Halves converted under the whole block's absmax and exponent join to the whole block; only a `bump` that looks at
/// rounded elements is exempt.
TEST(Convert, SplittableBlocksMayBeSplit) {
  std::vector<std::string> names = catalogue_names();
  names.insert(names.end(), {"dfp6:top=bump", "dfp6:top=wrap", "dfp3:headroom=1,top=bump"});
  int refused_to_split = 0;
  for (const std::string& name : names) {
    const FormatPtr format = parse_format(name);
    for (const Rounding rounding : support::every_rounding()) {
      if (!format->splittable(rounding)) {
        ++refused_to_split;
        continue;
      }
      std::vector<float> x = some_values(40);
      x[7] = -0x1.ffffp4f;
      const float absmax = extent(x.data(), 40).absmax;
      const int start = format->block_exponent(absmax);
      std::vector<float> whole(40);
      std::vector<float> halves(40);
      ConversionCounts counts;
      ConversionCounts half_counts;
      const int used = format->convert({x.data(), 40, 1, 0}, absmax, start, rounding, draws, {whole.data()}, counts);
      for (const std::int64_t at : {0, 20}) {
        EXPECT_EQ(format->convert({x.data() + at, 20, 1, static_cast<std::uint64_t>(at)}, absmax, start, rounding,
                                  draws, {halves.data() + at}, half_counts),
                  used)
            << name << ' ' << formats::name(rounding);
      }
      EXPECT_EQ(whole, halves) << name << ' ' << formats::name(rounding);
      EXPECT_EQ(counts.saturated, half_counts.saturated) << name;
    }
  }
  EXPECT_EQ(refused_to_split, 2 * 7) << "seven roundings without a draw, two formats that bump";
}

TEST(Convert, CountsWhatWasClippedOverAllBlocks) {
  const std::vector<float> x = {0x1.ffffp0f, 1, 0x1.ffffp5f, -0x1.ffffp5f};
  EXPECT_EQ(convert(x, 4, parse_conversion("dfp8:block=2"), draws, "x").counts.saturated, 3u);
  EXPECT_EQ(convert(x, 4, parse_conversion("dfp8"), draws, "x").counts.saturated, 2u);
  EXPECT_EQ(convert(x, 4, parse_conversion("dfp8:block=2,top=bump"), draws, "x").counts.saturated, 0u);
  EXPECT_EQ(convert(x, 4, parse_conversion("dfp8:block=2,top=wrap"), draws, "x").counts.saturated, 2u);
}

TEST(Convert, CountsOverflowOfFiniteFloatsOnly) {
  const std::vector<float> x = {65504, 65519, 65520, -1e38f, infinity, -infinity, nan, 0};
  EXPECT_EQ(convert(x, 8, parse_conversion("fp16"), draws, "x").counts.saturated, 2u);
  EXPECT_EQ(convert(x, 8, parse_conversion("fp16:overflow=saturate"), draws, "x").counts.saturated, 2u);
  EXPECT_EQ(convert(x, 8, parse_conversion("fp16:overflow=nan"), draws, "x").counts.saturated, 2u);
  EXPECT_EQ(convert(x, 8, parse_conversion("fp16@toward_zero"), draws, "x").counts.saturated, 1u);
  EXPECT_EQ(convert(x, 8, parse_conversion("fp16@toward_positive"), draws, "x").counts.saturated, 3u);
  EXPECT_EQ(convert(x, 8, parse_conversion("fp32"), draws, "x").counts.saturated, 0u);
  const std::vector<float> small = {6, 6.9f, 7, -8, infinity};
  const auto fp4 = convert(small, 5, parse_conversion("fp4_e2m1"), draws, "x");
  EXPECT_EQ(fp4.counts.saturated, 2u);
  EXPECT_EQ(fp4.values, (std::vector<float>{6, 6, 6, -6, 6}));
}

TEST(Convert, FloatConversionInPlaceIsTheSame) {
  std::vector<float> x = some_values(40);
  x[3] = 1e30f;
  const FormatPtr format = parse_format("fp16");
  const auto apart = convert(x, 40, {format, {}}, draws, "x");
  ConversionCounts counts;
  format->convert({x.data(), 40, 1, 0}, 0, 0, {}, draws, {x.data(), nullptr}, counts);
  EXPECT_EQ(x, apart.values);
  EXPECT_EQ(counts.saturated, apart.counts.saturated);
}

TEST(Convert, RefusedElementsAreNamed) {
  const std::vector<float> x = {1, 2, 3, nan, 5, infinity};
  for (const char* format :
       {"dfp16", "dfp16:block=2", "dfp16:top=bump", "fix8.8", "fp4_e2m1", "fp6_e3m2:overflow=saturate"}) {
    const std::string error = error_of(x, 3, format);
    EXPECT_NE(error.find("conv1/weights: element 3 is nan"), std::string::npos) << format << ": " << error;
    EXPECT_NE(error.find(parse_format(format)->name()), std::string::npos) << error;
  }
  const std::vector<float> y = {1, 2, 3, 4, -infinity, nan};
  for (const char* format : {"dfp16", "dfp8:channel", "dfp16:block=2,top=bump"}) {
    EXPECT_NE(error_of(y, 3, format).find("element 4 is -inf"), std::string::npos) << error_of(y, 3, format);
  }
  EXPECT_EQ(error_of(y, 3, "fp6_e2m3"),
            "conv1/weights: element 5 is nan, which fp6_e2m3 has no code for; only non-NaN numbers can be converted");
  EXPECT_EQ(error_of(y, 3, "dfp8"),
            "conv1/weights: element 4 is -inf, which dfp8 has no code for; only finite numbers can be converted");
  EXPECT_EQ(error_of(y, 3, "fp16"), "");
}

TEST(Convert, RowsMustDivideTheArray) {
  const std::vector<float> x(12);
  for (const std::int64_t row : {-1, 0, 5, 13, 24}) {
    EXPECT_EQ(error_of(x, row, "dfp8"),
              "conv1/weights: rows of " + std::to_string(row) + " elements do not divide an array of 12");
  }
  EXPECT_EQ(error_of(x, 12, "dfp8"), "");
}

TEST(Convert, EmptyArraysHaveNoBlocks) {
  for (const std::string& name : catalogue_names()) {
    const auto out = convert({}, 4, parse_conversion(name), draws, "x");
    EXPECT_TRUE(out.values.empty() && out.codes.empty() && out.exponents.empty()) << name;
  }
}

TEST(Convert, EveryFormatStaysWithinOneStep) {
  const std::vector<float> x = some_values(512);
  for (const std::string& name : catalogue_names()) {
    for (const Rounding rounding : support::every_rounding()) {
      const auto out = convert(x, 32, {parse_format(name), rounding}, draws, "x");
      const Blocking blocking = parse_format(name)->blocking();
      ASSERT_EQ(out.values.size(), x.size());
      if (parse_format(name)->kind() == OperandKind::integer) {
        const std::size_t span = blocking.kind == BlockKind::tensor    ? x.size()
                                 : blocking.kind == BlockKind::channel ? 32
                                                                       : static_cast<std::size_t>(blocking.size);
        ASSERT_EQ(out.exponents.size(), x.size() / span) << name;
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double step = std::ldexp(1.0, out.exponents[i / span]);
          ASSERT_EQ(static_cast<double>(out.values[i]), out.codes[i] * step) << name;
          const double error = std::abs(static_cast<double>(out.values[i]) - static_cast<double>(x[i]));
          const bool fixed = name.starts_with("fix") || name.starts_with("dfxp");
          const bool clipped = fixed && out.counts.saturated > 0;
          ASSERT_TRUE(error <= step || clipped) << name << ' ' << formats::name(rounding) << ' ' << x[i];
        }
      }
    }
  }
}

}  // namespace
}  // namespace precsim::formats
