// The MX formats: known answers, names, scales at both ends, saturation.
#include "formats/microscaling.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "formats/catalogue.hpp"
#include "formats/convert.hpp"
#include "formats/convert_block.hpp"
#include "formats/error.hpp"
#include "tests/support/known_answers.hpp"
#include "tests/support/sample.hpp"

namespace precsim::formats {
namespace {

constexpr RandomBits golden_draws{
    .seed = 2718281828u, .stream = Stream::rounding, .step = 3, .tensor = 0x1234abcdu, .use = 7};

ConvertedArray converted(const std::string& conversion, const std::vector<float>& x) {
  return convert(x, static_cast<std::int64_t>(x.size()), parse_conversion(conversion), golden_draws, "block");
}

TEST(Microscaling, KnownAnswers) {
  int checked = 0;
  for (const support::KnownAnswer& answer : support::known_answers("mx")) {
    ASSERT_EQ(answer.columns.size(), 7u) << "line " << answer.line;
    std::vector<float> x;
    for (const std::string& bits : support::split(answer.columns[2], ',')) {
      x.push_back(std::bit_cast<float>(support::hex32(bits)));
    }
    const ConvertedArray out = converted(answer.columns[0] + "@" + answer.columns[1], x);
    const auto exponent = static_cast<std::int16_t>(support::number<int>(answer.columns[3]));
    ASSERT_EQ(out.exponents, std::vector<std::int16_t>{exponent}) << "line " << answer.line;
    const std::vector<std::string> codes = support::split(answer.columns[4], ',');
    const std::vector<std::string> values = support::split(answer.columns[5], ',');
    ASSERT_TRUE(codes.size() == x.size() && values.size() == x.size()) << "line " << answer.line;
    const int base = answer.columns[0] == "mxint8" ? 10 : 16;
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(out.codes[i], support::number<int>(codes[i], base)) << "line " << answer.line << ", element " << i;
      EXPECT_EQ(std::bit_cast<std::uint32_t>(out.values[i]), support::hex32(values[i]))
          << "line " << answer.line << ", element " << i;
    }
    EXPECT_EQ(out.counts.saturated, support::number<std::uint64_t>(answer.columns[6])) << "line " << answer.line;
    ++checked;
  }
  EXPECT_GE(checked, 1200);
}

TEST(Microscaling, NamesTakeABlockSizeAndNothingElse) {
  EXPECT_EQ(parse_format("mxfp8_e4m3:block=32")->name(), "mxfp8_e4m3");
  for (const MxElement& row : mx_elements()) {
    const std::string name(row.name);
    const FormatPtr format = parse_format(name + ":block=6");
    EXPECT_EQ(format->name(), name + ":block=6");
    EXPECT_EQ(format->blocking(), (Blocking{BlockKind::reduction, 6}));
    EXPECT_EQ(parse_format(name)->blocking(), (Blocking{BlockKind::reduction, 32}));
    EXPECT_EQ(format->kind(), row.element ? OperandKind::scaled : OperandKind::integer);
    for (const char* wrong : {":block=7", ":block=0", ":block=65538", ":block=tensor", ":channel", ":overflow=inf",
                              ":headroom=1", ":block"}) {
      EXPECT_THROW(parse_format(name + wrong), UserError) << name << wrong;
    }
  }
  for (const char* wrong : {"mx", "mxfp8", "mxint4", "mxfp4_e2m1x", "mxfp8_e4m3fn"}) {
    EXPECT_THROW(parse_format(wrong), UserError) << wrong;
  }
}

TEST(Microscaling, ScalesEndWhereE8M0Does) {
  for (const MxElement& row : mx_elements()) {
    const FormatPtr format = parse_format(row.name);
    EXPECT_EQ(format->block_exponent(0), -127);
    EXPECT_EQ(format->block_exponent(0x1p-149f), -127);
    EXPECT_EQ(format->block_exponent(std::ldexp(1.0f, row.largest_exponent() - 128)), -127);
    EXPECT_EQ(format->block_exponent(std::ldexp(1.0f, row.largest_exponent() - 126)), -126);
    EXPECT_EQ(format->block_exponent(0x1.fffffep127f), 127 - row.largest_exponent());
  }
}

TEST(Microscaling, ElementsAboveTheLargestBecomeIt) {
  const std::vector<float> x = {0x1.fffffep127f, -0x1.fffffep127f, 0, -0.0f};
  for (const char* rounding : {"", "@toward_positive", "@toward_negative", "@stochastic", "@nearest_away"}) {
    EXPECT_EQ(converted(std::string("mxfp8_e4m3") + rounding, x).codes,
              (std::vector<std::int16_t>{0x7e, 0xfe, 0, 0x80}));
    EXPECT_EQ(converted(std::string("mxfp8_e5m2") + rounding, x).codes,
              (std::vector<std::int16_t>{0x7b, 0xfb, 0, 0x80}));
    EXPECT_EQ(converted(std::string("mxint8") + rounding, x).codes, (std::vector<std::int16_t>{127, -127, 0, 0}));
  }
  EXPECT_EQ(converted("mxfp8_e4m3", x).counts.saturated, 2u);
  const std::vector<float> declared = {-0x1.fep0f, 1};
  EXPECT_EQ(converted("mxint8", declared).values, (std::vector<float>{-127 / 64.0f, 1}));
}

TEST(Microscaling, Int8IsDfp8WhereNoScaleIsClamped) {
  support::Sample sample(7);
  std::vector<float> x(640);
  for (float& value : x) {
    value = sample.normal_float(-120, 126);
  }
  for (const char* rounding : {"", "@stochastic", "@biased", "@toward_negative"}) {
    const ConvertedArray mx = converted(std::string("mxint8") + rounding, x);
    const ConvertedArray dfp = converted(std::string("dfp8:block=32") + rounding, x);
    EXPECT_EQ(mx.codes, dfp.codes);
    EXPECT_EQ(mx.values, dfp.values);
    EXPECT_EQ(mx.exponents, dfp.exponents);
  }
  const std::vector<float> tiny = {0x1p-125f, 0x1p-127f, -0x1p-128f};
  EXPECT_EQ(converted("mxint8", tiny).values, (std::vector<float>{0x1p-125f, 0x1p-127f, 0}));
  EXPECT_EQ(converted("dfp8:block=32", tiny).values, tiny);
}

TEST(Microscaling, CodesDecodeUnderEveryScale) {
  int checked = 0;
  for (const MxElement& row : mx_elements()) {
    if (!row.element) {
      continue;
    }
    const FormatPtr format = parse_format(row.name);
    for (const int exponent : {-127, -126, -100, 0, 60, 127 - row.largest_exponent()}) {
      for (std::uint32_t code = 0; code <= row.element->largest_code(); ++code, ++checked) {
        const std::int16_t both[] = {static_cast<std::int16_t>(code),
                                     static_cast<std::int16_t>(code | row.element->sign_bit())};
        float values[2];
        decode_block(*format, both, 2, exponent, values);
        const double element = static_cast<double>(decode(*row.element, code));
        EXPECT_EQ(values[0], static_cast<float>(std::ldexp(element, exponent))) << row.name << ' ' << code;
        EXPECT_EQ(values[1], -values[0]);
        EXPECT_TRUE(std::signbit(values[1]));
      }
    }
  }
  EXPECT_EQ(checked, 6 * (127 + 124 + 32 + 32 + 8));
}

TEST(Microscaling, ScalesAreE8M0CodesBelowTheirNaN) {
  for (const MxElement& row : mx_elements()) {
    const FormatPtr format = parse_format(std::string(row.name) + ":block=8");
    EXPECT_EQ(find_mx_element(*format), &row);
    EXPECT_EQ(mx_scale_code(format->block_exponent(0)), 0);
    EXPECT_EQ(mx_scale_code(format->block_exponent(1)), 127 - row.largest_exponent());
    EXPECT_LE(mx_scale_code(format->block_exponent(std::numeric_limits<float>::max())), 254 - row.largest_exponent());
  }
  EXPECT_EQ(mx_scale_code(highest_mx_exponent), 254);
  EXPECT_EQ(find_mx_element(*parse_format("dfp8:block=32")), nullptr);
}

}  // namespace
}  // namespace precsim::formats
