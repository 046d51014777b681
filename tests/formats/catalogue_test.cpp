// The catalogue: names round trip, properties every format must have, malformed names, explanations.
#include "formats/catalogue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "formats/convert.hpp"
#include "formats/error.hpp"
#include "tests/support/sample.hpp"

namespace precsim::formats {
namespace {

using support::every_rounding;
using support::Sample;

std::vector<std::string> all_names() {
  std::vector<std::string> names = catalogue_names();
  EXPECT_GE(names.size(), 20u) << "an empty catalogue would make every property hold";
  return names;
}

/// Canonical names with options, beyond what the catalogue lists.
std::vector<std::string> names_with_options() {
  std::vector<std::string> names;
  for (const char* base : {"fp32", "fp16", "bf16", "tf32", "fp8_e5m2", "e6m9", "e2m23", "e8m1"}) {
    for (const char* option : {"", ":overflow=nan", ":overflow=saturate"}) {
      names.push_back(std::string(base) + option);
    }
  }
  names.emplace_back("fp8_e4m3fn:overflow=saturate");
  for (int width = 2; width <= 16; ++width) {
    for (int headroom = 0; headroom <= width - 2; ++headroom) {
      for (const char* top : {"", "top=bump", "top=wrap"}) {
        for (const char* block : {"", "channel", "block=2", "block=32", "block=65536"}) {
          std::string options = headroom == 0 ? "" : "headroom=" + std::to_string(headroom);
          for (const std::string option : {top, block}) {
            options += (options.empty() || option.empty() ? "" : ",") + option;
          }
          names.push_back("dfp" + std::to_string(width) + (options.empty() ? "" : ":" + options));
        }
      }
    }
  }
  for (int width = 4; width <= 16; width += 3) {
    for (int exponent_bits = 1; exponent_bits <= 7; ++exponent_bits) {
      names.push_back("flex" + std::to_string(width) + "+" + std::to_string(exponent_bits) + ":history=3,offset=0");
    }
    names.push_back("dfxp" + std::to_string(width) + ":range=-5,every=7,overflow=0.25");
  }
  for (int width = 2; width <= 32; ++width) {
    for (int integer_bits = 1; integer_bits <= width; integer_bits += 5) {
      if (width - integer_bits <= 31) {
        names.push_back("fix" + std::to_string(integer_bits) + "." + std::to_string(width - integer_bits));
      }
    }
  }
  return names;
}

TEST(Catalogue, ListsEveryFamilyOfTheContract) {
  const std::vector<std::string> names = all_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size()) << "a name appears twice";
  for (const char* name : {"fp32",     "fp16",       "bf16",       "tf32",       "fp8_e5m2",   "fp8_e4m3fn", "fp6_e3m2",
                           "fp6_e2m3", "fp4_e2m1",   "dfp16",      "dfp12",      "dfp8",       "dfp4",       "fix8.8",
                           "mxint8",   "mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e3m2", "mxfp6_e2m3", "mxfp4_e2m1"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
  for (const FormatFamily& family : format_families()) {
    EXPECT_FALSE(family.examples.empty()) << family.pattern;
    EXPECT_FALSE(family.summary.empty()) << family.pattern;
  }
}

TEST(Catalogue, NamesReadBack) {
  std::vector<std::string> names = all_names();
  const std::vector<std::string> more = names_with_options();
  ASSERT_GT(more.size(), 1800u);
  names.insert(names.end(), more.begin(), more.end());
  for (const std::string& name : names) {
    EXPECT_EQ(parse_format(name)->name(), name);
  }
}

TEST(Catalogue, OtherSpellingsBecomeCanonical) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"e5m10", "fp16"},
      {"e8m7", "bf16"},
      {"e8m23", "fp32"},
      {"e8m10", "tf32"},
      {"e5m2", "fp8_e5m2"},
      {"e8m23:overflow=saturate", "fp32:overflow=saturate"},
      {"fp16:overflow=inf", "fp16"},
      {"fp8_e4m3fn:overflow=nan", "fp8_e4m3fn"},
      {"fp4_e2m1:overflow=saturate", "fp4_e2m1"},
      {"dfp16:top=saturate,headroom=0,tensor", "dfp16"},
      {"dfp16:block=tensor", "dfp16"},
      {"dfp16:block=channel", "dfp16:channel"},
      {"dfp16:block=32,top=bump", "dfp16:top=bump,block=32"},
      {"dfp8:channel,top=wrap,headroom=2", "dfp8:headroom=2,top=wrap,channel"}};
  for (const auto& [text, canonical] : cases) {
    EXPECT_EQ(parse_format(text)->name(), canonical);
  }
}

TEST(Catalogue, ConversionsReadBackWithTheirRounding) {
  for (const std::string& name : all_names()) {
    for (const Rounding rounding : every_rounding()) {
      const Conversion conversion{parse_format(name), rounding};
      const Conversion again = parse_conversion(conversion.name());
      EXPECT_EQ(again.name(), conversion.name());
      EXPECT_EQ(again.rounding, rounding);
      EXPECT_EQ(again.format->name(), name);
    }
  }
  EXPECT_EQ(parse_conversion("dfp16@stochastic:bits=8").name(), "dfp16@stochastic:bits=8");
  EXPECT_EQ(parse_conversion("dfp16", {RoundingMode::biased}).name(), "dfp16@biased");
  EXPECT_EQ(parse_conversion("dfp16@to_odd", {RoundingMode::biased}).name(), "dfp16@to_odd");
  EXPECT_THROW(parse_conversion("@to_odd"), UserError);
  for (const auto& [text, says] : {std::pair("dfp16@", "'dfp16@' has nothing after '@'"),
                                   std::pair("dfp16@x", "unknown rounding 'x'"), std::pair("@", "has nothing after")}) {
    try {
      parse_conversion(text);
      ADD_FAILURE() << text << " was taken";
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  }
}

struct Malformed {
  std::string name, valid;
};

TEST(Catalogue, MalformedNamesAreErrorsThatHoldTheNameAndTheValidChoices) {
  const std::vector<Malformed> cases = {{"fp17", "fp16"},
                                        {"FP16", "fp16"},
                                        {"bfloat16", "bf16"},
                                        {"dfp", "dfpP"},
                                        {"fix", "fixI.F"},
                                        {"fix8", "fixI.F"},
                                        {"xyz", "eXmY"},
                                        {"dfp1", "P from 2 to 16"},
                                        {"dfp17", "P from 2 to 16"},
                                        {"dfp-8", "P from 2 to 16"},
                                        {"dfp+8", "P from 2 to 16"},
                                        {"dfp16.5", "P from 2 to 16"},
                                        {"dfp0x10", "P from 2 to 16"},
                                        {"dfp4294967312", "P from 2 to 16"},
                                        {"dfp99999999999999999999999999999", "P from 2 to 16"},
                                        {"e1m3", "X from 2 to 8"},
                                        {"e9m3", "X from 2 to 8"},
                                        {"e4294967300m3", "X from 2 to 8"},
                                        {"e5m0", "Y from 1 to 23"},
                                        {"e5m24", "Y from 1 to 23"},
                                        {"e5m", "Y from 1 to 23"},
                                        {"em", "Y from 1 to 23"},
                                        {"e5m2m3", "Y from 1 to 23"},
                                        {"e-5m2", "X from 2 to 8"},
                                        {"fix0.8", "I from 1"},
                                        {"fix8.-1", "F from 0"},
                                        {"fix8.-0", "F from 0"},
                                        {"fix33.0", "from 2 to 32"},
                                        {"fix17.16", "from 2 to 32"},
                                        {"fix1.0", "from 2 to 32"},
                                        {"fix8.8.8", "from 2 to 32"},
                                        {"fix.", "from 2 to 32"},
                                        {"fix99999999999999999999.1", "from 2 to 32"},
                                        {"fp16:", "NAME[:option"},
                                        {":overflow=inf", "NAME[:option"},
                                        {"fp16:overflow=", "NAME[:option"},
                                        {"fp16:=inf", "NAME[:option"},
                                        {"fp16:,", "NAME[:option"},
                                        {"fp16:overflow=inf,", "NAME[:option"},
                                        {"fp16:overflow=inf,overflow=inf", "twice"},
                                        {"dfxp12:rate=0.1", "every=1..1000000, overflow=0..1"},
                                        {"fp16 ", "NAME[:option"},
                                        {" fp16", "NAME[:option"},
                                        {"fp16:overflow= inf", "NAME[:option"},
                                        {"fp16:overflow", "inf, nan, saturate"},
                                        {"fp16:overflow=INF", "inf, nan, saturate"},
                                        {"fp16:overflow=inf=inf", "inf, nan, saturate"},
                                        {"fp16:headroom=1", "overflow=inf|nan|saturate"},
                                        {"fp16:overflw=inf", "'overflow'"},
                                        {"fp8_e4m3fn:overflow=inf", "nan or saturate"},
                                        {"fp6_e3m2:overflow=nan", "saturate"},
                                        {"fp4_e2m1:overflow=inf", "saturate"},
                                        {"fix8.8:overflow=saturate", "takes none"},
                                        {"dfp16:headroom=15", "0 to 14"},
                                        {"dfp16:headroom=-1", "0 to 14"},
                                        {"dfp16:headroom=1e0", "0 to 14"},
                                        {"dfp16:headroom", "0 to 14"},
                                        {"dfp4:headroom=3", "0 to 2"},
                                        {"dfp16:headrom=1", "'headroom'"},
                                        {"dfp16:top=clip", "saturate, bump, wrap"},
                                        {"dfp16:block=0", "even integer"},
                                        {"dfp16:block=-2", "even integer"},
                                        {"dfp16:block=31", "even integer"},
                                        {"dfp16:block=65538", "65536"},
                                        {"dfp16:block=9223372036854775808", "65536"},
                                        {"dfp16:block", "even integer"},
                                        {"dfp16:block=4:top=bump", "even integer"},
                                        {"dfp16:channel=3", "without a value"},
                                        {"dfp16:channel,block=32", "only one of tensor, channel and block"},
                                        {"dfp16:tensor,channel", "only one of tensor, channel and block"},
                                        {"flex16", "flexP+m needs P from 4 to 16 and m from 1 to 7"},
                                        {"flex", "flexP+m"},
                                        {"flex3+5", "P from 4"},
                                        {"flex17+5", "to 16"},
                                        {"flex16+0", "m from 1"},
                                        {"flex16+8", "to 7"},
                                        {"flex16+5+5", "flexP+m"},
                                        {"flex16+5:history=1", "2 to 64"},
                                        {"flex16+5:deviations=17", "0 to 16"},
                                        {"flex16+5:offset=-1", "0 to 16384"},
                                        {"flex16+5:block=32", "history=2..64, deviations=0..16, offset=0..16384"},
                                        {"dfxp", "dfxpN needs N"},
                                        {"dfxp2", "from 3 to 16"},
                                        {"dfxp17", "from 3 to 16"},
                                        {"dfxp12:range=65", "-64 to 64"},
                                        {"dfxp12:every=0", "1 to 1000000"},
                                        {"dfxp12:overflow=1", "from 0 to below 1"},
                                        {"dfxp12:overflow=-0", "from 0 to below 1"},
                                        {"dfxp12:overflow=nan", "from 0 to below 1"},
                                        {"dfxp12:overflow=1e-4x", "from 0 to below 1"},
                                        {"dfxp12:overflow", "from 0 to below 1"},
                                        {"dfxp12:overflw=0", "'overflow'"},
                                        {"dfp16:color=red", "headroom=0..14, top=saturate|bump|wrap"}};
  for (const auto& [name, valid] : cases) {
    try {
      parse_format(name);
      ADD_FAILURE() << name << " was taken";
    } catch (const UserError& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find('\'' + name + '\''), std::string::npos) << text;
      EXPECT_NE(text.find(valid), std::string::npos) << text;
    }
  }
}

TEST(Catalogue, AbsurdNamesFailFast) {
  for (const std::string& name :
       {std::string(), std::string(1, '\0'), std::string("fp16\n"), std::string("fp16\xc3\xa9"), std::string("\xff"),
        std::string(1 << 20, 'f'), "e" + std::string(1 << 20, '9') + "m3", "dfp16:" + std::string(1 << 20, ','),
        "fp16@" + std::string(1 << 20, 'x'), std::string("@"), std::string("fp16@"), std::string("@stochastic"),
        std::string("fp16@stochastic@biased"), std::string("fp16@nearest")}) {
    try {
      parse_conversion(name);
      ADD_FAILURE() << name.substr(0, 40) << " was taken";
    } catch (const UserError& error) {
      const std::string text = error.what();
      EXPECT_LT(text.size(), 600u) << text.substr(0, 100);
      EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= ' ' && c != 0x7f; })) << text;
    }
  }
}

TEST(Catalogue, EveryFormatConvertsOnceAndThenKeeps) {
  for (const std::string& name : all_names()) {
    const FormatPtr format = parse_format(name);
    Sample sample(41);
    for (int trial = 0; trial < 20; ++trial) {
      std::vector<float> x(32);
      for (float& value : x) {
        value = sample.normal_float(-6, 1);
      }
      const auto once = convert(x, 32, {format, {}}, {}, name);
      for (const Rounding rounding : every_rounding()) {
        ASSERT_EQ(convert(once.values, 32, {format, rounding}, {}, name).values, once.values) << name;
      }
    }
  }
}

TEST(Catalogue, EveryFormatIsSymmetricInItsNearestModesAndKeepsZero) {
  for (const std::string& name : all_names()) {
    const FormatPtr format = parse_format(name);
    Sample sample(42);
    std::vector<float> x(64);
    std::vector<float> mirrored(64);
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = i % 8 == 0 ? 0 : sample.normal_float(-9, 1);
      mirrored[i] = -x[i];
    }
    for (const Rounding rounding : every_rounding()) {
      const auto values = convert(x, 64, {format, rounding}, {}, name).values;
      const auto negated = convert(mirrored, 64, {format, rounding}, {}, name).values;
      const bool directed =
          rounding.mode == RoundingMode::toward_positive || rounding.mode == RoundingMode::toward_negative;
      for (std::size_t i = 0; i < x.size(); ++i) {
        ASSERT_TRUE(x[i] != 0 || values[i] == 0) << name;
        ASSERT_TRUE(directed || values[i] == -negated[i]) << name << ' ' << formats::name(rounding) << ' ' << x[i];
      }
    }
  }
}

TEST(Catalogue, EveryFormatTakesTheNonfiniteValuesItSaysItTakes) {
  std::size_t takes = 0;
  std::size_t refuses = 0;
  for (const std::string& name : all_names()) {
    const FormatPtr format = parse_format(name);
    for (const float value : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      const bool taken = std::isnan(value) ? format->takes_nan() : format->takes_infinity();
      ConversionCounts counts;
      float out = 0;
      format->convert({&value, 1}, 0, format->block_exponent(0), {}, {}, {&out}, counts);
      EXPECT_EQ(counts.refused, taken ? -1 : 0) << name << ' ' << value;
      ++(taken ? takes : refuses);
    }
  }
  EXPECT_GE(takes, 15u);
  EXPECT_GE(refuses, 10u);
}

TEST(Catalogue, OnlySharedScalesHaveExponents) {
  for (const std::string& name : all_names()) {
    const FormatPtr format = parse_format(name);
    if (format->blocking().kind == BlockKind::none) {
      const std::vector<float> x = {1.5f, std::numeric_limits<float>::quiet_NaN()};
      std::vector<float> out(2);
      ConversionCounts counts;
      EXPECT_EQ(format->block_exponent(1.5f), 0) << name;
      EXPECT_EQ(format->convert({x.data(), 1}, 1.5f, 0, {}, {}, {out.data()}, counts), 0) << name;
      EXPECT_EQ(format->convert({x.data(), 2}, 1.5f, 0, {}, {}, {out.data()}, counts), 0) << name;
    }
  }
}

TEST(Catalogue, FactsAreConsistent) {
  for (const std::string& name : all_names()) {
    const FormatPtr format = parse_format(name);
    const FormatFacts facts = format->facts();
    EXPECT_EQ(facts.width, format->width()) << name;
    EXPECT_GT(facts.smallest, 0) << name;
    EXPECT_LE(facts.smallest, facts.smallest_normal) << name;
    EXPECT_LE(facts.smallest_normal, facts.largest) << name;
    EXPECT_GT(facts.epsilon, 0) << name;
    EXPECT_NEAR(facts.dynamic_range_db, 20 * std::log10(facts.largest / facts.smallest), 1e-9) << name;
    EXPECT_FALSE(facts.notes.empty()) << name;
  }
}

TEST(Catalogue, FactsOfTheFloatsEncodeToThemselves) {
  for (const std::string& name : all_names()) {
    const FormatPtr format = parse_format(name);
    if (format->kind() != OperandKind::floating) {
      continue;
    }
    const FormatFacts facts = format->facts();
    const std::vector<float> x = {static_cast<float>(facts.largest), static_cast<float>(facts.smallest_normal),
                                  static_cast<float>(facts.smallest), static_cast<float>(1 + facts.epsilon)};
    EXPECT_EQ(convert(x, 4, {format, {}}, {}, name).values, x) << name;
    const std::vector<float> half = {static_cast<float>(facts.smallest / 2), static_cast<float>(1 + facts.epsilon / 2)};
    if (name != "fp32") {
      EXPECT_EQ(convert(half, 2, {format, {}}, {}, name).values, (std::vector<float>{0.0f, 1.0f})) << name;
    }
  }
}

TEST(Catalogue, ExplanationsNameTheFamily) {
  for (const FormatFamily& family : format_families()) {
    const std::string examples(family.examples);
    const std::string example = examples.substr(0, examples.find(' '));
    const std::string text = explain_format(example);
    EXPECT_EQ(text.rfind(example + "\n", 0), 0u) << text;
    EXPECT_NE(text.find(std::string(family.pattern) + ": "), std::string::npos) << text;
  }
  EXPECT_NE(explain_format("dfp16:block=32").find("one scale per 32 elements along the reduction"), std::string::npos);
  EXPECT_NE(explain_format("dfp16").find("one scale per tensor"), std::string::npos);
  EXPECT_THROW(explain_format("fp17"), UserError);
}

TEST(Catalogue, ExplanationsAreWhole) {
  EXPECT_EQ(
      explain_format("dfp12:headroom=1,channel"),
      "dfp12:headroom=1,channel\n"
      "  family              dfpP: dynamic fixed point: P-bit integers (2..16) with one exponent per tensor, channel "
      "or block of the reduction\n"
      "  options             headroom=0..P-2, top=saturate|bump|wrap, tensor|channel|block=EVEN\n"
      "  bits per element    12\n"
      "  operand of products integer (INT16 multiply-accumulate)\n"
      "  shared scale        one scale per non-reduced channel\n"
      "  largest             1023\n"
      "  smallest normal     1\n"
      "  smallest            1\n"
      "  epsilon             0.001953125\n"
      "  dynamic range       60.2 dB\n"
      "  notes               codes -1023..1023 times 2^E_s, E_s = E(absmax) - 9\n");
  EXPECT_EQ(explain_format("fp8_e4m3fn:overflow=saturate"),
            "fp8_e4m3fn:overflow=saturate\n"
            "  family              fpN: named floating point: IEEE 754, bfloat16, TensorFloat-32, OCP FP8/FP6/FP4\n"
            "  options             overflow=inf|nan|saturate\n"
            "  bits per element    8\n"
            "  operand of products floating point (FP32 operand)\n"
            "  shared scale        none\n"
            "  largest             448\n"
            "  smallest normal     0.015625\n"
            "  smallest            0.001953125\n"
            "  epsilon             0.125\n"
            "  dynamic range       107.2 dB\n"
            "  notes               bias 7, no infinity, 1 NaN codes per sign\n");
  EXPECT_EQ(explain_format("fix8.16"),
            "fix8.16\n"
            "  family              fixI.F: two's complement fixed point of I+F bits, saturating; wider than 16 bits: "
            "storage only\n"
            "  options             none\n"
            "  bits per element    24\n"
            "  operand of products none (storage only)\n"
            "  shared scale        one scale per tensor\n"
            "  largest             127.999985\n"
            "  smallest normal     1.52587891e-05\n"
            "  smallest            1.52587891e-05\n"
            "  epsilon             1.52587891e-05\n"
            "  dynamic range       138.5 dB\n"
            "  notes               from -128 to 127.99998474121094 in steps of 2^-16; storage only\n");
}

TEST(Catalogue, FactsAreTheDefinitions) {
  struct Expected {
    const char* name;
    int width;
    double largest, smallest_normal, smallest, epsilon;
    const char* notes;
  };
  for (const Expected& row : {
           Expected{"fp16", 16, 65504, 0x1p-14, 0x1p-24, 0x1p-10, "bias 15, has infinity, 1023 NaN codes per sign"},
           Expected{"fp4_e2m1", 4, 6, 1, 0.5, 0.5, "bias 1, no infinity, 0 NaN codes per sign"},
           Expected{"fix1.1", 2, 0.5, 0.5, 0.5, 0.5, "from -1 to 0.5 in steps of 2^-1"},
           Expected{"fix12.4", 16, 2048 - 0.0625, 0.0625, 0.0625, 0.0625, "from -2048 to 2047.9375 in steps of 2^-4"},
           Expected{"fix12.5", 17, 2048 - 0x1p-5, 0x1p-5, 0x1p-5, 0x1p-5,
                    "from -2048 to 2047.96875 in steps of 2^-5; storage only"},
           Expected{"dfxp8:range=2,every=9", 8, 127, 1, 1, 0x1p-6,
                    "codes -128..127 times 2^(range - 7); a single conversion has range 2; in training the range "
                    "starts there and every 9 steps rises by one if a share of more than 0.0001 overflowed, or falls "
                    "by one if no more than that would overflow half of it"},
           Expected{"flex16+5", 16, 32767, 1, 1, 0x1p-14,
                    "codes -32768..32767 times 2^E_s, -32 <= E_s <= 0; in training E_s is predicted from the largest "
                    "codes of the last 16 steps; a single conversion, as the first one in training, is repeated with "
                    "other E_s from 2^-8 on until it fits"},
           Expected{"dfp8", 8, 127, 1, 1, 0x1p-6, "codes -127..127 times 2^E_s, E_s = E(absmax) - 6"},
           Expected{"mxint8", 8, 127, 1, 1, 0x1p-6,
                    "codes -127..127 times 2^E_s, E_s = E(absmax) - 6 within -127..127"},
           Expected{"mxfp4_e2m1", 4, 6, 1, 0.5, 0.5,
                    "elements E2M1, saturating, times 2^E_s, E_s = E(absmax) - 2 within -127..127"},
           Expected{"dfp8:headroom=2", 8, 31, 1, 1, 0x1p-4, "codes -31..31 times 2^E_s, E_s = E(absmax) - 4"},
       }) {
    const FormatFacts facts = parse_format(row.name)->facts();
    EXPECT_EQ(facts.width, row.width) << row.name;
    EXPECT_EQ(facts.largest, row.largest) << row.name;
    EXPECT_EQ(facts.smallest_normal, row.smallest_normal) << row.name;
    EXPECT_EQ(facts.smallest, row.smallest) << row.name;
    EXPECT_EQ(facts.epsilon, row.epsilon) << row.name;
    EXPECT_EQ(facts.notes, row.notes) << row.name;
  }
}

TEST(Catalogue, RecordsBeginEmpty) {
  const FormatFacts facts;
  EXPECT_EQ(facts.width, 0);
  for (const double value :
       {facts.largest, facts.smallest_normal, facts.smallest, facts.epsilon, facts.dynamic_range_db}) {
    EXPECT_EQ(value, 0);
  }
  EXPECT_EQ(Blocking{}, (Blocking{BlockKind::none, 0}));
  EXPECT_EQ(ConversionCounts{}.saturated, 0u);
  EXPECT_EQ(ConversionCounts{}.refused, -1);
  EXPECT_EQ(Block{}.count, 0);
  EXPECT_EQ(Block{}.stride, 1);
  EXPECT_EQ(Block{}.first, 0u);
  EXPECT_EQ(Extent{}.absmax, 0);
  EXPECT_EQ(Extent{}.first_nonfinite, -1);
}

TEST(Catalogue, OnlyPlainFp32IsFp32) {
  for (const std::string& name : all_names()) {
    EXPECT_EQ(is_fp32(*parse_format(name)), name == "fp32") << name;
  }
  EXPECT_TRUE(is_fp32(*parse_format("e8m23")));
  EXPECT_FALSE(is_fp32(*parse_format("fp32:overflow=saturate")));
}

}  // namespace
}  // namespace precsim::formats
