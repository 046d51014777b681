// Sums of the error statistics: every kernel against the order as it is written down, joins, and what is not finite.
#include "formats/statistics_sums.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "formats/catalogue.hpp"
#include "formats/convert.hpp"
#include "formats/exact.hpp"
#include "tests/support/array_support.hpp"

namespace precsim::formats {
namespace {

using support::Sample;

constexpr float finf = std::numeric_limits<float>::infinity();
constexpr float fnan = std::numeric_limits<float>::quiet_NaN();

std::vector<const StatisticsKernel*> usable_kernels() {
  std::vector<const StatisticsKernel*> usable;
  for (const StatisticsKernel& kernel : statistics_kernels()) {
    if (kernel.usable()) {
      usable.push_back(&kernel);
    }
  }
  return usable;
}

/// Zeros of both signs, ends of the range, subnormals, powers of two and their neighbors, then any bits.
std::vector<float> walk(std::size_t count, std::uint64_t seed) {
  std::vector<float> x = {0.0f, -0.0f, 0x1p-149f, -0x1p-149f, 0x1.fffffep-127f, -0x1p-126f, 0x1.fffffep127f};
  for (int e = -149; e <= 127; e += 4) {
    const float power = std::ldexp(1.0f, e);
    x.insert(x.end(), {power, -std::nextafter(power, 0.0f), std::nextafter(power, finf)});
  }
  Sample sample(seed);
  while (x.size() < count) {
    x.push_back(sample.finite_float());
  }
  x.resize(count);
  return x;
}

/// What a conversion might give: the same, nothing, opposite, a neighbor, another number.
std::vector<float> answers(const std::vector<float>& x, std::uint64_t seed) {
  Sample sample(seed);
  std::vector<float> y(x.size());
  for (std::size_t j = 0; j < x.size(); ++j) {
    const float choices[] = {x[j], 0.0f, -x[j], x[j] * 0.99f, x[j] / 2, sample.normal_float(-20, 20)};
    y[j] = choices[sample.below(6)];
  }
  return y;
}

double joined(const std::array<double, 8>& l) {
  return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

/// A sum over a run in the order of statistics_kernel.hpp.
template <class Term>
double run_sum(const std::vector<float>& x, const std::vector<float>& y, const Term& term) {
  std::array<double, 8> lanes{};
  for (std::size_t j = 0; j < x.size(); ++j) {
    lanes[j & 7] += term(static_cast<double>(x[j]), static_cast<double>(y[j]));
  }
  return joined(lanes);
}

std::uint64_t bits(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

double relative_error(double a, double b) {
  return a == 0 ? 0 : (b - a) / a;
}

void expect_errors(const StatisticsKernel& kernel, const std::vector<float>& x, const std::vector<float>& y) {
  const auto reference = std::make_unique<ReferenceRun>();
  kernel.reference(x.data(), static_cast<std::int64_t>(x.size()), *reference);
  EXPECT_EQ(bits(reference->sum), bits(run_sum(x, y, [](double a, double) { return a; })));
  EXPECT_EQ(reference->min, static_cast<double>(*std::min_element(x.begin(), x.end())));
  EXPECT_EQ(reference->max, static_cast<double>(*std::max_element(x.begin(), x.end())));
  EXPECT_EQ(bits(kernel.deviation(x.data(), static_cast<std::int64_t>(x.size()), 0.1)),
            bits(run_sum(x, y, [](double a, double) { return (a - 0.1) * (a - 0.1); })));
  ErrorRun run;
  kernel.errors(x.data(), y.data(), static_cast<std::int64_t>(x.size()), *reference, run);
  EXPECT_EQ(bits(run.signal), bits(run_sum(x, y, [](double a, double) { return a * a; })));
  EXPECT_EQ(bits(run.converted), bits(run_sum(x, y, [](double, double b) { return b * b; })));
  EXPECT_EQ(bits(run.product), bits(run_sum(x, y, [](double a, double b) { return a * b; })));
  EXPECT_EQ(bits(run.noise), bits(run_sum(x, y, [](double a, double b) { return (b - a) * (b - a); })));
  EXPECT_EQ(bits(run.error), bits(run_sum(x, y, [](double a, double b) { return b - a; })));
  double largest = 0;
  double largest_relative = 0;
  std::uint64_t flushed = 0;
  std::vector<std::array<double, 8>> relative(magnitude_bins);
  std::array<std::uint16_t, magnitude_bins> counts{};
  for (std::size_t j = 0; j < x.size(); ++j) {
    const auto a = static_cast<double>(x[j]);
    const auto b = static_cast<double>(y[j]);
    const auto bin = static_cast<std::size_t>(a == 0 ? 0 : exponent_of(x[j]) + 150);
    ASSERT_EQ(reference->bins[j], bin) << j;
    ++counts[bin];
    largest = std::max(largest, std::abs(b - a));
    largest_relative = std::max(largest_relative, std::abs(relative_error(a, b)));
    flushed += a != 0 && b == 0 ? 1 : 0;
    relative[bin][j & 7] += relative_error(a, b) * relative_error(a, b);
  }
  EXPECT_EQ(reference->counts, counts);
  EXPECT_EQ(run.max_abs, largest);
  EXPECT_EQ(run.max_relative, largest_relative);
  EXPECT_EQ(run.flushed, flushed);
  for (std::size_t b = 0; b < relative.size(); ++b) {
    EXPECT_TRUE(counts[b] == 0 || bits(run.relative[b]) == bits(joined(relative[b]))) << "bin " << b;
  }
}

TEST(StatisticsKernels, TheRowsThatThisCpuMustRunAreUsableInTheOrderOfTheTable) {
  std::vector<std::string> usable;
  for (const StatisticsKernel* kernel : usable_kernels()) {
    usable.emplace_back(kernel->name);
  }
  EXPECT_EQ(usable, support::required_array_kernels());
  EXPECT_EQ(best_statistics_kernel().name, usable.front());
  EXPECT_EQ(statistics_kernels().back().name, "portable");
}

TEST(StatisticsKernels, SumInTheOrderThatIsWrittenDown) {
  int cases = 0;
  for (const StatisticsKernel* kernel : usable_kernels()) {
    for (const std::size_t count : {8, 16, 24, 232, 4088, 4096}) {
      SCOPED_TRACE(std::string(kernel->name) + ' ' + std::to_string(count));
      const std::vector<float> x = walk(count, count);
      expect_errors(*kernel, x, answers(x, count + 1));
      expect_errors(*kernel, answers(x, count + 2), x);
      expect_errors(*kernel, std::vector<float>(count), std::vector<float>(count));
      ++cases;
    }
  }
  EXPECT_EQ(cases, 6 * static_cast<int>(support::required_array_kernels().size()));
}

TEST(StatisticsKernels, SumPartsOfBlocksOfAnyLength) {
  for (const StatisticsKernel* kernel : usable_kernels()) {
    for (std::size_t count = 0; count < 70; ++count) {
      const std::vector<float> x = walk(count, count);
      const std::vector<float> y = answers(x, count + 5);
      const BlockPart part = kernel->block(x.data(), y.data(), static_cast<std::int64_t>(count));
      ASSERT_EQ(bits(part.signal), bits(run_sum(x, y, [](double a, double) { return a * a; }))) << count;
      ASSERT_EQ(bits(part.noise), bits(run_sum(x, y, [](double a, double b) { return (b - a) * (b - a); }))) << count;
      double largest = 0;
      for (std::size_t j = 0; j < count; ++j) {
        largest = std::max(largest, std::abs(static_cast<double>(y[j]) - static_cast<double>(x[j])));
      }
      ASSERT_EQ(part.max_abs, largest) << count;
    }
  }
}

bool same(double a, double b) {
  return bits(a) == bits(b) || (std::isnan(a) && std::isnan(b));
}

void expect_same(const ErrorStatistics& a, const ErrorStatistics& b) {
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(a.nonfinite, b.nonfinite);
  EXPECT_EQ(a.zeros, b.zeros);
  EXPECT_EQ(a.flushed, b.flushed);
  EXPECT_EQ(a.lost, b.lost);
  EXPECT_EQ(a.exponents, b.exponents);
  EXPECT_EQ(a.octave_counts, b.octave_counts);
  const auto figures = [](const ErrorStatistics& s) {
    return std::array{s.min,
                      s.max,
                      s.absmax,
                      s.mean,
                      s.std,
                      s.sqnr_db,
                      s.mean_squared_error,
                      s.max_abs_error,
                      s.max_relative_error,
                      s.mean_error,
                      s.cosine};
  };
  for (std::size_t i = 0; i < figures(a).size(); ++i) {
    EXPECT_TRUE(same(figures(a)[i], figures(b)[i])) << "figure " << i << ": " << figures(a)[i] << ' ' << figures(b)[i];
  }
  for (std::size_t o = 0; o < octave_bins; ++o) {
    EXPECT_TRUE(same(a.octave_rms_error[o], b.octave_rms_error[o])) << "octave " << o;
  }
}

struct Sums {
  ReferenceSums reference;
  ErrorSums errors;
};

Sums sums_of(std::span<const float> x, std::span<const float> y, const StatisticsKernel& kernel) {
  Sums sums;
  const auto run = std::make_unique<StatisticsRun>(kernel);
  for (std::size_t at = 0; at < x.size(); at += statistics_run) {
    const std::size_t size = std::min<std::size_t>(statistics_run, x.size() - at);
    run->set(x.subspan(at, size));
    sums.reference.add(*run);
    sums.errors.add(*run, y.subspan(at, size));
  }
  return sums;
}

TEST(StatisticsSums, SegmentsJoinToTheStatisticsOfTheWhole) {
  constexpr std::size_t segment = statistics_segment;
  std::vector<float> x = walk(2 * segment + 5003, 7);
  x[17] = fnan;
  x[segment + 1] = -finf;
  const std::vector<float> y = answers(x, 8);
  for (const StatisticsKernel* kernel : usable_kernels()) {
    SCOPED_TRACE(kernel->name);
    std::vector<Sums> parts;  // formed in any order
    for (const std::size_t s : {2, 0, 1}) {
      const std::size_t size = std::min(segment, x.size() - s * segment);
      parts.resize(3);
      parts[s] = sums_of(std::span(x).subspan(s * segment, size), std::span(y).subspan(s * segment, size), *kernel);
    }
    Sums whole;
    for (const Sums& part : parts) {
      whole.reference.join(part.reference);
      whole.errors.join(part.errors);
    }
    const ErrorStatistics joined{whole.reference.statistics(), whole.errors.errors(whole.reference)};
    expect_same(joined, error_statistics(x, y, *usable_kernels().back()));
    EXPECT_EQ(joined.nonfinite, 2u);
  }
}

TEST(StatisticsSums, AreThoseOfLongDoubles) {
  const std::size_t count = static_cast<std::size_t>(statistics_segment) + 9001;
  Sample sample(9);
  std::vector<float> x(count);
  for (float& value : x) {
    value = 1000 + sample.normal_float(-12, 0);  // the mean is large against the deviation
  }
  const std::vector<float> y = convert(x, static_cast<std::int64_t>(count), parse_conversion("dfp12"), {}, "x").values;
  const ErrorStatistics s = error_statistics(x, y);
  long double sum = 0, squares = 0, noise = 0, error = 0;
  for (std::size_t j = 0; j < count; ++j) {
    const auto a = static_cast<long double>(x[j]);
    const auto b = static_cast<long double>(y[j]);
    sum += a;
    noise += (b - a) * (b - a);
    error += b - a;
  }
  const long double mean = sum / static_cast<long double>(count);
  for (const float value : x) {
    squares += (static_cast<long double>(value) - mean) * (static_cast<long double>(value) - mean);
  }
  const auto std_of_all = static_cast<double>(std::sqrt(squares / static_cast<long double>(count)));
  EXPECT_NEAR(s.mean, static_cast<double>(mean), 1e-13 * 1000);
  EXPECT_NEAR(s.std, std_of_all, 1e-12 * std_of_all);
  EXPECT_NEAR(s.mean_squared_error, static_cast<double>(noise / static_cast<long double>(count)),
              1e-13 * s.mean_squared_error);
  EXPECT_NEAR(s.mean_error, static_cast<double>(error / static_cast<long double>(count)), 1e-13 * s.max_abs_error);
}

TEST(StatisticsSums, OneValueHasNoDeviation) {
  for (const float value : {0.1f, -3e38f, 0x1p-149f, 123456.7f}) {
    for (const std::size_t count : {1, 2, 3, 7, 9, 4097, 8195, 13001}) {
      EXPECT_EQ(error_statistics(std::vector<float>(count, value), std::vector<float>(count, value)).std, 0)
          << value << ' ' << count;
    }
  }
}

/// What is not finite is as if it were not there, apart from the places of the others in their run.
TEST(StatisticsSums, WhatIsNotFiniteEntersNothing) {
  const std::vector<float> x = {4, fnan, -2, finf, 0, 1, -finf, 0.25f, 3e38f};
  const std::vector<float> y = {4, 0, -1, 0, 0, 2, 0, 0, finf};
  for (const StatisticsKernel* kernel : usable_kernels()) {
    const Sums sums = sums_of(x, y, *kernel);
    const ReferenceStatistics r = sums.reference.statistics();
    EXPECT_EQ(r.count, 6u);
    EXPECT_EQ(r.nonfinite, 3u);
    EXPECT_EQ(r.zeros, 1u);
    EXPECT_EQ(r.min, -2);
    EXPECT_EQ(r.max, static_cast<double>(3e38f));
    EXPECT_EQ(r.exponents[149 + 127], 1u);
    const ConversionErrors e = sums.errors.errors(sums.reference);
    EXPECT_EQ(e.lost, 1u);
    EXPECT_EQ(e.flushed, 1u);
    EXPECT_EQ(e.max_abs_error, 1);
    EXPECT_EQ(e.mean_error, (0.0 + 1 + 0 + 1 - 0.25) / 5);
    EXPECT_EQ(e.mean_squared_error, (1 + 1 + 0.0625) / 5);
    EXPECT_EQ(e.octave_counts[0], 0u) << "the largest x has no y";
    EXPECT_EQ(e.octave_counts[octave_bins - 1], 4u);
  }
}

TEST(StatisticsSums, RunsOfNothingFinite) {
  const std::vector<float> x(11, fnan);
  const Sums none = sums_of(x, std::vector<float>(11), best_statistics_kernel());
  EXPECT_EQ(none.reference.statistics().nonfinite, 11u);
  EXPECT_EQ(none.reference.statistics().count, 0u);
  EXPECT_TRUE(std::isnan(none.reference.statistics().mean));
  EXPECT_TRUE(std::isnan(none.errors.errors(none.reference).sqnr_db));
  Sums both = none;
  const Sums one = sums_of(std::vector<float>{-5}, std::vector<float>{-5}, best_statistics_kernel());
  both.reference.join(one.reference);
  both.errors.join(one.errors);
  EXPECT_EQ(both.reference.statistics().max, -5);
  EXPECT_EQ(both.reference.statistics().mean, -5);
}

TEST(StatisticsSums, CountWhatTheConversionCounted) {
  const std::vector<float> x = {1, 2, 3};
  const auto run = std::make_unique<StatisticsRun>();
  run->set(x);
  ReferenceSums reference;
  reference.add(*run);
  ErrorSums errors, more;
  errors.add(*run, x, 2);
  more.add(*run, x, 3);
  errors.join(more);
  EXPECT_EQ(errors.errors(reference).saturated, 5u);
}

}  // namespace
}  // namespace precsim::formats
