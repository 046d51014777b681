// The formats that compete for a number of bits per element, and what an element of a tensor costs in each.
#include "experiments/analysis/candidates.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "formats/catalogue.hpp"

namespace precsim::analysis {
namespace {

std::vector<std::string> names_of(double most, const std::vector<std::int64_t>& shape) {
  std::vector<std::string> names;
  for (const formats::FormatPtr& format : Candidates(most).of(shape)) {
    names.push_back(format->name());
  }
  return names;
}

bool has(const std::vector<std::string>& names, const char* name) {
  return std::ranges::find(names, name) != names.end();
}

double bits_of(const char* format, const std::vector<std::int64_t>& shape) {
  const formats::FormatPtr parsed = formats::parse_format(format);
  return bits_per_element(*parsed, tensor_files::BlockGrid(shape, parsed->blocking()));
}

TEST(Candidates, FitAndAreDistinct) {
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{}, {5}, {64}, {0, 3}, {64, 32, 3, 3}, {100, 1000}}) {
    for (const double most : {2.0, 4.0, 4.5, 8.0, 8.5, 16.0, 32.0}) {
      std::vector<std::string> names = names_of(most, shape);
      for (const std::string& name : names) {
        EXPECT_LE(bits_of(name.c_str(), shape), most + bits_to_spare) << name;
      }
      EXPECT_GE(names.size(), most < 4 ? 0u : most < 8 ? 2u : 6u) << most;
      std::ranges::sort(names);
      EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
      EXPECT_EQ(has(names, "fp16"), most >= 16);
      EXPECT_EQ(has(names, "e4m3"), most >= 8);
    }
  }
}

TEST(Candidates, BitsCountTheExponentsOfTheTensorAtHand) {
  EXPECT_EQ(bits_of("dfp8:block=32", {10, 64}), 8.5);
  EXPECT_EQ(bits_of("dfp8:block=32", {10, 48}), 8 + 2 * 16.0 / 48);
  EXPECT_EQ(bits_of("dfp8:block=32", {64, 32, 3, 3}), 8 + 16.0 / 3);
  EXPECT_EQ(bits_of("dfp8:channel", {70}), 24);
  EXPECT_EQ(bits_of("dfp8:channel", {64, 32, 3, 3}), 8 + 16.0 / 288);
  EXPECT_EQ(bits_of("dfp8", {4, 4}), 9);
  EXPECT_EQ(bits_of("dfp8", {}), 24);
  EXPECT_EQ(bits_of("dfp8", {0, 4}), 8);
  EXPECT_EQ(bits_of("mxfp8_e4m3", {10, 64}), 8.25);
  EXPECT_EQ(bits_of("mxfp4_e2m1", {2, 2}), 8);
  EXPECT_EQ(bits_of("flex16+5", {10}), 16.5);
  EXPECT_EQ(bits_of("dfxp12", {8}), 14);
  EXPECT_EQ(bits_of("fix4.4", {1}), 8);
  EXPECT_EQ(bits_of("fp16", {1}), 16);
}

TEST(Candidates, AreThoseThatFitTheTensor) {
  const std::vector<std::string> long_rows = names_of(8.5, {100, 1000});
  EXPECT_TRUE(has(long_rows, "dfp8") && has(long_rows, "dfp8:channel") && has(long_rows, "dfp8:block=64"));
  EXPECT_TRUE(has(long_rows, "dfp7:block=16") && has(long_rows, "mxfp8_e4m3"));
  EXPECT_TRUE(has(long_rows, "dfp7:block=32")) << "32 blocks in a row of 1000: 8.512 bits with 8 in a code";
  EXPECT_TRUE(has(names_of(8.5, {100, 64}), "dfp8:block=32"));
  EXPECT_FALSE(has(names_of(8, {100, 64}), "mxfp8_e4m3"));

  const std::vector<std::string> bias = names_of(8, {70});
  EXPECT_TRUE(has(bias, "dfp7") && !has(bias, "dfp8")) << "16 bits for 70 elements";
  EXPECT_FALSE(std::ranges::any_of(bias, [](const std::string& name) { return name.ends_with(":channel"); }));
  EXPECT_TRUE(has(names_of(8, {1600}), "dfp8") && !has(names_of(8, {1599}), "dfp8"));
  EXPECT_TRUE(has(names_of(8, {5}), "dfp4") && !has(names_of(8, {5}), "dfp5")) << "3.2 bits for the exponent";

  const std::vector<std::string> filters = names_of(8, {64, 32, 3, 3});
  EXPECT_TRUE(has(filters, "dfp8") && has(filters, "dfp7:channel") && has(filters, "dfp2:block=16"));
}

TEST(Candidates, OfEqualBlocksOneIsListed) {
  const std::vector<std::string> short_rows = names_of(8, {50, 100});
  EXPECT_TRUE(has(short_rows, "dfp7:block=64") && has(short_rows, "dfp7:block=32"));
  EXPECT_TRUE(has(short_rows, "dfp7:channel"));
  EXPECT_FALSE(has(short_rows, "dfp7:block=128") || has(short_rows, "dfp7:block=256"));
  EXPECT_TRUE(has(names_of(8, {50, 2, 200}), "dfp7:block=256"));
  const std::vector<std::string> one_row = names_of(8, {1, 3200});
  EXPECT_TRUE(has(one_row, "dfp8") && !has(one_row, "dfp8:channel"));
}

}  // namespace
}  // namespace precsim::analysis
