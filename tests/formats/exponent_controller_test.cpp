// Predicted and controlled exponents: known answers, what is counted, saved states, wrong ones, names.
#include "formats/exponent_controller.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "formats/catalogue.hpp"
#include "formats/convert.hpp"
#include "formats/error.hpp"
#include "formats/flexpoint.hpp"
#include "formats/range_control.hpp"
#include "tests/oracle/control_oracle.hpp"
#include "tests/support/known_answers.hpp"

namespace precsim::formats {
namespace {

/// Those of one batch, put into every controller as they are.
CodeCounts largest(std::int32_t code, int width) {
  const auto at_limit = static_cast<std::uint64_t>(code >= (1 << (width - 1)) - 1 ? 1 : 0);
  return {code, at_limit, static_cast<std::uint64_t>(code >= 1 << (width - 2) ? 1 : 0), 1};
}

/// The columns of a history, each split at colons.
std::vector<std::vector<std::int64_t>> entries(const std::string& column) {
  std::vector<std::vector<std::int64_t>> all;
  for (const std::string& entry : support::split(column, ',')) {
    all.emplace_back();
    for (const std::string& number : support::split(entry, ':')) {
      all.back().push_back(support::number<std::int64_t>(number));
    }
  }
  return all;
}

TEST(ExponentController, KnownAnswers) {
  int first = 0;
  int next = 0;
  int range = 0;
  for (const support::KnownAnswer& answer : support::known_answers("control")) {
    const FormatPtr format = parse_format(answer.columns[1]);
    const int expected = support::number<int>(answer.columns.back());
    const auto controller = format->make_controller();
    if (answer.columns[0] == "first") {
      const float absmax = std::bit_cast<float>(support::hex32(answer.columns[2]));
      EXPECT_EQ(format->block_exponent(absmax), expected) << "line " << answer.line;
      ++first;
    } else if (answer.columns[0] == "next") {
      ASSERT_EQ(controller->exponent(0), std::nullopt);
      for (const std::vector<std::int64_t>& entry : entries(answer.columns[2])) {
        controller->observe(largest(static_cast<std::int32_t>(entry[0]), format->width()), static_cast<int>(entry[1]));
      }
      EXPECT_EQ(controller->exponent(support::number<int>(answer.columns[3])), expected) << "line " << answer.line;
      ++next;
    } else {
      for (const std::vector<std::int64_t>& entry : entries(answer.columns[2])) {
        controller->observe({0, static_cast<std::uint64_t>(entry[1]), static_cast<std::uint64_t>(entry[2]),
                             static_cast<std::uint64_t>(entry[0])},
                            0);
      }
      EXPECT_EQ(controller->exponent(0), expected) << "line " << answer.line;
      ++range;
    }
  }
  EXPECT_GT(first, 500);
  EXPECT_GT(next, 400);
  EXPECT_GT(range, 100);
}

TEST(ExponentController, PredictionsOnPowersOfTwoAreThoseOfFp64) {
  const FlexFormat format{5, 3, 9, 5, 0};
  const oracle::Flex flex{5, 3, 9, 5, 0};
  const std::vector<std::int64_t> codes{2, 0, 2, 4, 6, 0, 0, 0, 1};  // 6 + 5 * std = 16, in FP64 16 - 2^-49
  std::vector<double> history;
  std::vector<oracle::Conversion> conversions;
  for (const std::int64_t code : codes) {
    history.push_back(static_cast<double>(code) / 4);
    conversions.push_back({code, -2});
  }
  EXPECT_EQ(flex_next_exponent(history, -2, false, format), -2) << "E(4 - 2^-51) - 3";
  EXPECT_EQ(oracle::next_exponent(flex, conversions, 9), -2);
  history = {0.5, 0, 0.5, 1, 1.75, 0, 0, 0, 0.25};
  EXPECT_EQ(flex_next_exponent(history, -2, false, format), -1) << "above the power of two";
}

TEST(ExponentController, CodesAreCountedByMagnitude) {
  const std::vector<std::int16_t> codes{-128, 127, -127, 126, 64, -64, 63, 0, -63};
  const CodeCounts counts = count_codes(codes, 8);
  EXPECT_EQ(counts.largest, 128);
  EXPECT_EQ(counts.at_limit, 3u);
  EXPECT_EQ(counts.above_half, 6u);
  EXPECT_EQ(counts.elements, 9u);
  EXPECT_EQ(count_codes(std::vector<std::int16_t>{5, -32768}, 16).largest, 32768);
  EXPECT_EQ(count_codes({}, 16).elements, 0u);
  std::vector<std::int16_t> many(200'001, 3);
  many[150'000] = -7;
  const CodeCounts of_many = count_codes(many, 4);
  EXPECT_EQ(of_many.largest, 7);
  EXPECT_EQ(of_many.at_limit, 1u);
  EXPECT_EQ(of_many.above_half, 1u);
  EXPECT_EQ(of_many.elements, 200'001u);
}

TEST(ExponentController, TheFirstConversionFits) {
  int fitted = 0;
  for (const char* name : {"flex16+5", "flex12+5", "flex8+5"}) {
    const FormatPtr format = parse_format(name);
    const int width = format->width();
    for (int e = -18; e <= width - 3; ++e) {
      for (const float mantissa : {1.0f, 1.4f, 1.9999999f}) {
        const std::vector<float> x{0, std::ldexp(-mantissa, e), std::ldexp(mantissa, e)};
        const ConvertedArray out = convert(x, 3, {format, {}}, {}, "x");
        EXPECT_EQ(out.counts.saturated, 0u) << name << ' ' << mantissa << " * 2^" << e;
        EXPECT_GE(out.codes[2], 1 << (width - (width == 16 ? 3 : 4))) << name << ' ' << mantissa << " * 2^" << e;
        ++fitted;
      }
    }
  }
  EXPECT_GT(fitted, 200);
  EXPECT_EQ(parse_format("flex16+5")->block_exponent(0), 0) << "ten tries find nothing in zeros";
  // g = 16 is below 2^floor(14/2 - 2), so that -17 is tried, and g = 7886 falls by one more.
  EXPECT_EQ(parse_format("flex15+5")->block_exponent(std::ldexp(15.4f, -8)), -18) << "of odd width";
}

TEST(ExponentController, StatesComeBackAndWrongOnesDoNot) {
  for (const char* name : {"flex16+5", "flex8+3:history=2", "dfxp12:every=3", "dfxp8:every=1"}) {
    const FormatPtr format = parse_format(name);
    const auto controller = format->make_controller();
    for (int i = 0; i < 40; ++i) {
      controller->observe(largest(i * 3, format->width()), -i % 8);
      const auto copy = format->make_controller();
      ASSERT_TRUE(copy->restore(controller->state())) << name;
      EXPECT_EQ(copy->state(), controller->state()) << name;
      EXPECT_EQ(copy->exponent(i), controller->exponent(i)) << name;
    }
    const std::vector<double> good = controller->state();
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (const double bad :
           {-1e9, 1e300, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        std::vector<double> state = good;
        state[i] = bad;
        EXPECT_FALSE(controller->restore(state)) << name << ' ' << i << ' ' << bad;
        EXPECT_EQ(controller->state(), good) << "nothing has changed";
      }
    }
    EXPECT_FALSE(controller->restore({})) << name;
    EXPECT_FALSE(controller->restore(std::vector<double>(100, 0))) << name;
  }
  EXPECT_FALSE(parse_format("flex16+5")->make_controller()->restore(std::vector<double>{-3, 2})) << "no history";
  EXPECT_FALSE(parse_format("flex16+5")->make_controller()->restore(std::vector<double>{-3.5, 1, 1}));
  EXPECT_FALSE(parse_format("flex16+5")->make_controller()->restore(std::vector<double>{1, 1, 1})) << "above 2^0";
  EXPECT_FALSE(parse_format("dfxp12")->make_controller()->restore(std::vector<double>{5, 100, 0, 0, 1}));
  EXPECT_FALSE(parse_format("dfxp12")->make_controller()->restore(std::vector<double>{5, 1, 2, 1, 4}));
}

TEST(ExponentController, OnlyControlledFormatsHaveOne) {
  int with = 0;
  for (const std::string& name : catalogue_names()) {
    const bool controlled = name.starts_with("flex") || name.starts_with("dfxp");
    EXPECT_EQ(parse_format(name)->make_controller() != nullptr, controlled) << name;
    with += controlled ? 1 : 0;
  }
  EXPECT_GE(with, 4);
}

TEST(ExponentController, RangesStayWithinTheirBounds) {
  const RangeFormat format{.bits = 12, .range = 5, .every = 1, .overflow = 0.5};
  EXPECT_EQ(next_range(64, 4, 4, 4, format), 64);
  EXPECT_EQ(next_range(63, 4, 4, 4, format), 64);
  EXPECT_EQ(next_range(-64, 0, 0, 4, format), -64);
  EXPECT_EQ(next_range(5, 2, 4, 4, format), 5) << "the rate allowed is none too much";
  EXPECT_EQ(next_range(5, 0, 2, 4, format), 4);
  EXPECT_EQ(next_range(5, 0, 0, 0, format), 4) << "no elements overflow nowhere";
}

TEST(ExponentController, NamesAreCanonical) {
  for (const auto& [text, canonical] : std::vector<std::pair<std::string, std::string>>{
           {"flex16+5:history=16,deviations=3,offset=100", "flex16+5"},
           {"flex8+4:offset=7,history=2", "flex8+4:history=2,offset=7"},
           {"flex16+5:deviations=0", "flex16+5:deviations=0"},
           {"dfxp12:range=5,every=100,overflow=0.00010", "dfxp12"},
           {"dfxp10:overflow=1e-3,range=-3", "dfxp10:range=-3,overflow=0.001"},
           {"dfxp16:range=-64,every=1000000,overflow=2.2250738585072014e-308",
            "dfxp16:range=-64,every=1000000,overflow=2.2250738585072014e-308"}}) {
    EXPECT_EQ(parse_format(text)->name(), canonical);
    EXPECT_EQ(parse_format(canonical)->name(), canonical);
    EXPECT_LE(canonical.size(), 64u) << "a record holds that much";
  }
}

}  // namespace
}  // namespace precsim::formats
