// Tests of the fills: what each draws, that nothing but seed and place decides it, and which names there are.
#include "experiments/product/fill.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "tests/experiments/cli_support.hpp"

namespace precsim::product {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using tests::error_of;

constexpr formats::RandomBits bits{7, formats::Stream::fill, 0, 99, 0};

std::vector<float> draw(std::string_view name, std::size_t size) {
  std::vector<float> values(size, std::nanf(""));
  fill_values(parse_fill(name), bits, values);
  return values;
}

double moment(const std::vector<float>& values, int power) {
  double sum = 0;
  for (const float value : values) {
    sum += std::pow(static_cast<double>(value), power);
  }
  return sum / static_cast<double>(values.size());
}

TEST(Fills, AreFoundByNameAndEveryRowGivesValuesOrACode) {
  ASSERT_FALSE(fills().empty());
  for (const FillEntry& row : fills()) {
    EXPECT_EQ(parse_fill(row.name).name(), row.name);
    EXPECT_NE(row.values == nullptr, row.code == nullptr) << row.name;
    EXPECT_FALSE(row.meaning.empty()) << row.name;
  }
  EXPECT_THAT(error_of([] { parse_fill("unifrom"); }), AllOf(HasSubstr("'uniform'"), HasSubstr("on_bound")));
  EXPECT_EQ(parse_fill("normal:peak=3.5").name(), "normal:peak=3.5");
  for (const char* wrong : {"normal:peak", "normal:peak=0.5", "normal:peak=x", "normal:peak=nan", "normal:peak=1e9",
                            "uniform:peak=2", "normal:rms=2", "normal:peak=2,peak=3", ""}) {
    EXPECT_NE(error_of([&] { parse_fill(wrong); }), "") << wrong;
  }
}

TEST(Fills, DependOnSeedAndPlaceAlone) {
  int compared = 0;
  for (const FillEntry& row : fills()) {
    if (row.values == nullptr) {
      continue;
    }
    omp_set_num_threads(1);
    const std::vector<float> whole = draw(row.name, 100003);
    omp_set_num_threads(3);
    EXPECT_EQ(draw(row.name, 100003), whole) << row.name;
    if (row.name != "one_hot") {
      const std::vector<float> part = draw(row.name, 1001);
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin())) << row.name;
    }
    ++compared;
  }
  EXPECT_GE(compared, 7);
  EXPECT_EQ(draw("uniform", 6)[5], static_cast<float>(2 * ((bits.word(5) + 0.5) * 0x1p-32) - 1));
}

TEST(Fills, HaveTheirDistributions) {
  const std::vector<float> uniform = draw("uniform", 100000);
  EXPECT_NEAR(moment(uniform, 1), 0, 0.01);
  EXPECT_NEAR(moment(uniform, 2), 1.0 / 3, 0.01);
  EXPECT_GE(*std::min_element(uniform.begin(), uniform.end()), -1.0f);
  EXPECT_LE(*std::max_element(uniform.begin(), uniform.end()), 1.0f);
  const std::vector<float> normal = draw("normal", 100000);
  EXPECT_NEAR(moment(normal, 1), 0, 0.01);
  EXPECT_NEAR(moment(normal, 2), 1, 0.02);
  EXPECT_NEAR(moment(normal, 4), 3 - 1.2 / 12, 0.1);
  for (const double peak : {2.0, 7.0}) {
    const std::vector<float> clamped = draw("normal:peak=" + std::to_string(peak), 100000);
    EXPECT_EQ(clamped[0], static_cast<float>(peak));
    EXPECT_EQ(*std::max_element(clamped.begin(), clamped.end()), static_cast<float>(peak));
    EXPECT_GE(*std::min_element(clamped.begin(), clamped.end()), static_cast<float>(-peak));
    EXPECT_EQ(clamped[1], std::clamp(normal[1], static_cast<float>(-peak), static_cast<float>(peak)));
  }
}

TEST(Fills, OfEdgesHaveThemAll) {
  std::map<int, int> exponents;
  for (const float value : draw("wide", 48000)) {
    ++exponents[std::ilogb(value)];
  }
  ASSERT_EQ(exponents.size(), 48u);
  EXPECT_EQ(exponents.begin()->first, -28);
  EXPECT_EQ(exponents.rbegin()->first, 19);
  for (const auto& [exponent, count] : exponents) {
    EXPECT_NEAR(count, 1000, 200) << exponent;
  }
  std::map<float, int> edges;
  for (const float value : draw("extremes", 5000)) {
    ++edges[value];
  }
  ASSERT_EQ(edges.size(), 5u);
  EXPECT_EQ(edges.rbegin()->first, 32767 * 0x1p-15f);
  EXPECT_EQ(edges.count(-0x1p-15f), 1u);
  const std::vector<float> one_hot = draw("one_hot", 1000);
  EXPECT_EQ(std::count(one_hot.begin(), one_hot.end(), 1.0f), 1);
  EXPECT_EQ(std::count(one_hot.begin(), one_hot.end(), 0.0f), 999);
  EXPECT_EQ(draw("zeros", 3), std::vector<float>(3, 0.0f));
  EXPECT_EQ(draw("ones", 3), std::vector<float>(3, 1.0f));
}

TEST(Fills, OfCodesAreLowestAndOnTheBound) {
  EXPECT_EQ(fill_code(parse_fill("lowest"), {16, 64}), -32768);
  EXPECT_EQ(fill_code(parse_fill("lowest"), {8, 2}), -128);
  constexpr std::int64_t top = 2147483647;
  for (const std::int64_t chain : {2, 8, 64, 512, 1000}) {
    const std::int64_t code = fill_code(parse_fill("on_bound"), {16, chain});
    EXPECT_LE(chain * code * code, top) << chain;
    EXPECT_TRUE(code == 32767 || chain * (code + 1) * (code + 1) > top) << chain;
  }
  EXPECT_THAT(error_of([] { fill_code(parse_fill("on_bound"), {8, 64}); }), AllOf(HasSubstr("127"), HasSubstr("5792")));
}

}  // namespace
}  // namespace precsim::product
