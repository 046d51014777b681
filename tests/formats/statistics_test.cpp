// Error statistics against brute force in wider arithmetic, hand-made cases and the stated conventions.
#include "formats/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "formats/catalogue.hpp"
#include "formats/convert.hpp"
#include "formats/error.hpp"
#include "tests/support/sample.hpp"

namespace precsim::formats {
namespace {

using support::Sample;

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr float finf = std::numeric_limits<float>::infinity();
constexpr float fnan = std::numeric_limits<float>::quiet_NaN();

static_assert(std::numeric_limits<long double>::digits >= 64, "brute force needs more bits than double");

void expect_close(double actual, long double expected, const char* what) {
  const auto rounded = static_cast<double>(expected);
  EXPECT_NEAR(actual, rounded, 1e-12 * std::abs(rounded)) << what;
}

using Long = long double;

template <class Term>
Long total(const std::vector<float>& x, const std::vector<float>& y, const Term& term) {
  Long sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += term(static_cast<Long>(x[i]), static_cast<Long>(y[i]));
  }
  return sum;
}

void compare_with_brute_force(const std::vector<float>& x, const std::vector<float>& y) {
  const ErrorStatistics s = error_statistics(x, y);
  const auto n = static_cast<Long>(x.size());
  const Long signal = total(x, y, [](Long a, Long) { return a * a; });
  const Long noise = total(x, y, [](Long a, Long b) { return (a - b) * (a - b); });
  const Long mean = total(x, y, [](Long a, Long) { return a; }) / n;
  EXPECT_EQ(s.count, x.size());
  EXPECT_EQ(s.nonfinite, 0u);
  EXPECT_EQ(s.min, static_cast<double>(*std::min_element(x.begin(), x.end())));
  EXPECT_EQ(s.max, static_cast<double>(*std::max_element(x.begin(), x.end())));
  EXPECT_EQ(s.absmax, std::max(std::abs(s.min), std::abs(s.max)));
  EXPECT_NEAR(s.mean, static_cast<double>(mean), 1e-13 * s.absmax);
  expect_close(s.std, std::sqrt(total(x, y, [&](Long a, Long) { return (a - mean) * (a - mean); }) / n), "std");
  EXPECT_NEAR(s.sqnr_db, static_cast<double>(10 * std::log10(signal / noise)), 1e-10);
  expect_close(s.mean_squared_error, noise / n, "mean squared error");
  EXPECT_NEAR(s.mean_error, static_cast<double>(total(x, y, [](Long a, Long b) { return b - a; }) / n),
              1e-13 * s.max_abs_error);
  const Long norms = std::sqrt(signal) * std::sqrt(total(x, y, [](Long, Long b) { return b * b; }));
  expect_close(s.cosine, total(x, y, [](Long a, Long b) { return a * b; }) / norms, "cosine");
  Long worst = 0;
  Long worst_relative = 0;
  std::uint64_t flushed = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Long error = std::abs(static_cast<Long>(y[i]) - static_cast<Long>(x[i]));
    worst = std::max(worst, error);
    worst_relative = x[i] == 0 ? worst_relative : std::max(worst_relative, error / std::abs(static_cast<Long>(x[i])));
    flushed += x[i] != 0 && y[i] == 0 ? 1 : 0;
  }
  expect_close(s.max_abs_error, worst, "max abs error");
  expect_close(s.max_relative_error, worst_relative, "max relative error");
  EXPECT_EQ(s.flushed, flushed);
  EXPECT_EQ(s.zeros, static_cast<std::uint64_t>(std::count(x.begin(), x.end(), 0.0f)));
}

void compare_histograms(const std::vector<float>& x, const std::vector<float>& y) {
  const ErrorStatistics s = error_statistics(x, y);
  std::array<std::uint64_t, exponent_bins> exponents{};
  std::array<std::uint64_t, octave_bins> octaves{};
  std::array<Long, octave_bins> squares{};
  const int top = std::ilogb(s.absmax);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == 0) {
      continue;
    }
    const int exponent = std::ilogb(x[i]);
    const auto octave = static_cast<std::size_t>(std::min(top - exponent, octave_bins - 1));
    ++exponents[static_cast<std::size_t>(exponent + 149)];
    ++octaves[octave];
    const Long relative = (static_cast<Long>(x[i]) - static_cast<Long>(y[i])) / static_cast<Long>(x[i]);
    squares[octave] += relative * relative;
  }
  EXPECT_EQ(s.exponents, exponents);
  EXPECT_EQ(s.octave_counts, octaves);
  for (std::size_t o = 0; o < octave_bins; ++o) {
    if (octaves[o] == 0) {
      EXPECT_TRUE(std::isnan(s.octave_rms_error[o])) << o;
    } else {
      expect_close(s.octave_rms_error[o], std::sqrt(squares[o] / static_cast<Long>(octaves[o])), "octave error");
    }
  }
}

TEST(Statistics, AgreeWithBruteForceOverTheCatalogue) {
  int compared = 0;
  for (const std::string& name : catalogue_names()) {
    if (name == "fp32") {
      continue;
    }
    Sample sample(71);
    std::vector<float> x(2048);
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = i % 17 == 0 ? 0.0f : sample.normal_float(-24, 0);
    }
    const std::vector<float> y = convert(x, 64, {parse_format(name), {}}, {}, name).values;
    SCOPED_TRACE(name);
    compare_with_brute_force(x, y);
    compare_histograms(x, y);
    ++compared;
  }
  EXPECT_GE(compared, 19);
}

TEST(Statistics, WholeRangeOfFp32DoesNotOverflow) {
  Sample sample(72);
  std::vector<float> x(4000);
  std::vector<float> y(4000);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = sample.finite_float();
    y[i] = i % 2 == 0 ? -x[i] : x[i] / 2;
  }
  x.push_back(std::numeric_limits<float>::denorm_min());
  y.push_back(-std::numeric_limits<float>::max());
  compare_with_brute_force(x, y);
  compare_histograms(x, y);
  const ErrorStatistics ends =
      error_statistics(std::vector<float>{std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max()},
                       std::vector<float>{0, 0});
  EXPECT_EQ(ends.exponents.front(), 1u);
  EXPECT_EQ(ends.exponents.back(), 1u);
}

TEST(Statistics, SmallCaseByHand) {
  const std::vector<float> x = {4, -2, 0, 1, 0.25f};
  const std::vector<float> y = {4, -1, 0, 2, 0};
  const ErrorStatistics s = error_statistics(x, y);
  EXPECT_EQ(s.count, 5u);
  EXPECT_EQ(s.zeros, 1u);
  EXPECT_EQ(s.flushed, 1u);
  EXPECT_EQ(s.min, -2);
  EXPECT_EQ(s.max, 4);
  EXPECT_EQ(s.absmax, 4);
  EXPECT_EQ(s.mean, 0.65);
  EXPECT_EQ(s.max_abs_error, 1);
  EXPECT_EQ(s.max_relative_error, 1);
  EXPECT_EQ(s.mean_error, (0.0 + 1 + 0 + 1 - 0.25) / 5);
  EXPECT_EQ(s.mean_squared_error, (1 + 1 + 0.0625) / 5);
  EXPECT_EQ(s.exponents[149 + 2], 1u);
  EXPECT_EQ(s.exponents[149 + 1], 1u);
  EXPECT_EQ(s.exponents[149 + 0], 1u);
  EXPECT_EQ(s.exponents[149 - 2], 1u);
  EXPECT_EQ(s.octave_counts[0], 1u);
  EXPECT_EQ(s.octave_counts[4], 1u);
  EXPECT_EQ(s.octave_rms_error[0], 0);
  EXPECT_EQ(s.octave_rms_error[1], 0.5);
  EXPECT_EQ(s.octave_rms_error[4], 1);
}

TEST(Statistics, NonfinitePairsAreSetApart) {
  const std::vector<float> x = {1, finf, fnan, 1e38f, -2};
  const std::vector<float> y = {1, finf, 0, finf, -2};
  const ErrorStatistics s = error_statistics(x, y);
  EXPECT_EQ(s.count, 2u);
  EXPECT_EQ(s.nonfinite, 3u);
  EXPECT_EQ(s.absmax, 2);
  EXPECT_EQ(s.sqnr_db, inf);
  EXPECT_EQ(s.cosine, 1);
  EXPECT_EQ(s.octave_counts[0] + s.octave_counts[1], 2u);
  EXPECT_EQ(error_statistics(std::vector<float>{1, 2}, std::vector<float>{finf, 2}).nonfinite, 1u) << "the first one";
}

TEST(Statistics, ConventionsWithoutSignalOrNoise) {
  EXPECT_EQ(sqnr_db(1, 0), inf);
  EXPECT_TRUE(std::isnan(sqnr_db(0, 0)));
  EXPECT_EQ(sqnr_db(0, 1), -inf);
  EXPECT_EQ(sqnr_db(100, 1), 20);
  const std::vector<float> zeros(3);
  const ErrorStatistics silent = error_statistics(zeros, zeros);
  EXPECT_TRUE(std::isnan(silent.sqnr_db));
  EXPECT_TRUE(std::isnan(silent.cosine));
  EXPECT_EQ(silent.zeros, 3u);
  EXPECT_EQ(silent.std, 0);
  EXPECT_EQ(std::accumulate(silent.exponents.begin(), silent.exponents.end(), std::uint64_t{0}), 0u);
}

TEST(Statistics, EmptyArrays) {
  const ErrorStatistics s = error_statistics({}, {});
  EXPECT_EQ(s.count, 0u);
  EXPECT_TRUE(std::isnan(s.mean));
  EXPECT_TRUE(std::isnan(s.std));
  EXPECT_TRUE(std::isnan(s.sqnr_db));
  EXPECT_TRUE(std::isnan(s.mean_squared_error));
  EXPECT_TRUE(std::isnan(s.mean_error));
  EXPECT_TRUE(std::isnan(s.cosine));
  for (const std::uint64_t number : {s.nonfinite, s.zeros, s.flushed}) {
    EXPECT_EQ(number, 0u);
  }
  for (const double value : {s.min, s.max, s.absmax, s.max_abs_error, s.max_relative_error}) {
    EXPECT_EQ(value, 0);
  }
  EXPECT_EQ(s.octave_counts[octave_bins - 1], 0u);
  EXPECT_TRUE(std::isnan(s.octave_rms_error[0]) && std::isnan(s.octave_rms_error[octave_bins - 1]));
  for (const double value :
       {ErrorStatistics{}.mean, ErrorStatistics{}.std, ErrorStatistics{}.sqnr_db, ErrorStatistics{}.mean_squared_error,
        ErrorStatistics{}.mean_error, ErrorStatistics{}.cosine}) {
    EXPECT_EQ(value, 0);
  }
}

TEST(Statistics, SizesMustAgree) {
  const std::vector<float> two(2);
  EXPECT_THROW(error_statistics(two, {}), CheckError);
}

}  // namespace
}  // namespace precsim::formats
