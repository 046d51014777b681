// Tests of the engines: their names, and that `check` agrees where kernels are right and tells a difference.
#include "sim/kernels/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "formats/error.hpp"
#include "tests/support/product_support.hpp"
#include "tests/support/sample.hpp"

namespace precsim::kernels {
namespace {

using support::draw_codes;
using support::operand_size;
using support::result_size;
using support::Sample;
using support::small_shapes;
using support::text;

std::vector<ConvShape> shapes() {
  std::vector<ConvShape> all = small_shapes();
  all.push_back({2, 5, 6, 17, 33, 3, 3, 2, 1, 1});
  all.push_back({1, 9, 8, 32, 65, 3, 2, 1, 1, 1});
  all.push_back({3, 7, 7, 48, 16, 1, 1, 2, 0, 1});
  all.push_back({1, 4, 5, 6, 10, 3, 3, 2, 2, 2});
  all.push_back({29, 1, 1, 513, 7, 1, 1, 1, 0, 1});
  all.push_back({1, 20, 21, 3, 8, 7, 7, 2, 3, 1});
  return all;
}

TEST(Engines, AreFoundByName) {
  for (const EngineEntry& row : engines()) {
    EXPECT_EQ(parse_engine(row.name), row.engine);
    EXPECT_EQ(name(row.engine), row.name);
  }
  EXPECT_THROW(parse_engine("fast"), UserError);
}

TEST(Engines, CheckAgreesAndTheReferenceIsIndependentOfTheLowering) {
  Sample sample(4);
  for (const ConvShape& shape : shapes()) {
    for (const Pass pass : passes) {
      const auto left = draw_codes(support::Fill::uniform, operand_size(shape, pass, Side::left), sample);
      const auto right = draw_codes(support::Fill::uniform, operand_size(shape, pass, Side::right), sample);
      const Operand a{.codes = left, .exponent = -13};
      const Operand b{.codes = right, .exponent = -14};
      const Accumulators accumulators;
      std::vector<float> result(result_size(shape, pass));
      Telemetry telemetry;
      EXPECT_NO_THROW(
          multiply({shape, pass, a, b, accumulators, {}}, Engine::check, result, TelemetryLevel::full, telemetry))
          << text(shape) << ", " << name(pass);
      EXPECT_TRUE(telemetry.measured);
    }
  }
}

/// A kernel whose first sum is one off.
void shifted_chains(const native::Tile& tile, std::span<const native::Segment> segments, const float* factor,
                    native::Source from, native::Target to) {
  native::portable.wrap.chains.of[0][0](tile, segments, factor, from, to);
  to.words[0] = std::bit_cast<std::uint32_t>(std::bit_cast<float>(std::uint32_t{to.words[0]}) + 1.0f);
}

/// Every output is 16.
struct SmallProduct {
  const ConvShape shape = ConvShape::gemm(3, 5, 8);
  const std::vector<std::int16_t> left = std::vector<std::int16_t>(24, 1);
  const std::vector<std::int16_t> right = std::vector<std::int16_t>(40, 2);

  const Operand a{.codes = left};
  const Operand b{.codes = right};
  const Accumulators accumulators = {};

  ProductCall call(native::ChannelStatistics* statistics = nullptr) const {
    return {shape, Pass::forward, a, b, accumulators, {}, {}, statistics};
  }
};

TEST(Engines, CheckStopsAtTheFirstDifferingBit) {
  native::NativeKernel wrong = native::portable;
  wrong.wrap.lanes.rows[0] = 1;
  wrong.wrap.chains.of[0][0] = shifted_chains;
  TileKernel kernel = tile_kernels().back();
  kernel.native = &wrong;
  const SmallProduct product;
  std::vector<float> result(15);
  Telemetry telemetry;
  try {
    multiply(product.call(), Engine::check, result, TelemetryLevel::events, telemetry, &kernel);
    FAIL() << "a wrong kernel passed";
  } catch (const OutputDifference& difference) {
    EXPECT_EQ(difference.index, 0);
    EXPECT_THAT(difference.what(), testing::HasSubstr("output 0: 0x41800000 (16) by simulation, 0x41880000 (17) by the "
                                                      "native kernel"));
  }
}

/// A kernel whose sums over pixels have one unit too many in channel 2, and whose largest value of channel 3 is lost.
void shifted_sums(const PixelRun& run, const float* x, const StatisticsPartials& partials) {
  elementwise::portable.statistics(run, x, partials);
  partials.sums[2] += 1;
}
void lost_largest(const PixelRun& run, const float* x, const StatisticsPartials& partials) {
  elementwise::portable.statistics(run, x, partials);
  partials.max[3] = 0;
}

TEST(Engines, CheckNoticesAWrongStatistic) {
  const SmallProduct product;
  ElementwiseKernel functions = elementwise::portable;
  TileKernel kernel = best_tile_kernel();
  kernel.elementwise = &functions;
  if (&other_tile_kernel(kernel) == &kernel) {
    GTEST_SKIP() << "this CPU has one row of kernels, which both sides use";
  }
  const auto difference = [&]() -> std::string {
    std::vector<float> result(15);
    Telemetry telemetry;
    native::ChannelStatistics statistics;
    try {
      multiply(product.call(&statistics), Engine::check, result, TelemetryLevel::events, telemetry, &kernel);
    } catch (const EngineDifference& found) {
      return found.what();
    }
    return statistics.sums == std::vector<double>(5, 48) ? "none" : "wrong";
  };
  EXPECT_EQ(difference(), "none");
  functions.statistics = shifted_sums;
  EXPECT_EQ(difference(),
            "batch sum of channel 2: 0x4048000000000000 (48) by simulation, 0x4048800000000000 (49) by the native "
            "kernel");
  functions.statistics = lost_largest;
  EXPECT_EQ(difference(),
            "largest output of channel 3: 0x41800000 (16) by simulation, 0x00000000 (0) by the native kernel");
}

/// One chain of 1600 overflows; all the lanes of the chosen row clamp where they should wrap.
TEST(Engines, CheckDoesNotShareLoopsBetweenItsSides) {
  const ConvShape shape = ConvShape::gemm(40, 40, 64);
  std::vector<std::int16_t> left(40 * 64, 1);
  std::vector<std::int16_t> right(40 * 64, 1);
  std::fill_n(left.begin() + 10 * 64, 64, std::int16_t{32767});
  std::fill_n(right.begin() + 7 * 64, 64, std::int16_t{32767});
  const Operand a{.codes = left};
  const Operand b{.codes = right};
  Accumulators accumulators;
  accumulators.integer.chain = 64;
  std::vector<float> result(1600);
  Telemetry telemetry;
  int rows = 0;
  for (const TileKernel& row : tile_kernels()) {
    if (!row.usable() || &other_tile_kernel(row) == &row) {
      continue;
    }
    native::NativeKernel wrong = *row.native;
    wrong.wrap = wrong.saturate;
    TileKernel kernel = row;
    kernel.native = &wrong;
    EXPECT_THROW(multiply({shape, Pass::forward, a, b, accumulators, {}}, Engine::check, result, TelemetryLevel::events,
                          telemetry, &kernel),
                 OutputDifference)
        << row.name;
    EXPECT_NO_THROW(multiply({shape, Pass::forward, a, b, accumulators, {}}, Engine::check, result,
                             TelemetryLevel::events, telemetry, &row))
        << row.name;
    EXPECT_EQ(telemetry.overflow_outputs, 1u);
    ++rows;
  }
  if (rows == 0) {
    GTEST_SKIP() << "this CPU has one row of kernels: only the sample is independent";
  }
}

TEST(Engines, StridesBeyondTheImageAreCheap) {
  const std::vector<std::int16_t> weights(9, 5);
  const std::vector<std::int16_t> errors(1, 7);
  for (const std::int64_t stride : {std::int64_t{4}, std::int64_t{3000}, std::int64_t{1} << 30}) {
    const ConvShape shape{1, 3, 3, 1, 1, 3, 3, stride, 1, 1};
    ASSERT_EQ(shape.output_size(), 1);
    const Operand a{.codes = errors};
    const Operand b{.codes = weights};
    std::vector<float> result(9);
    Telemetry telemetry;
    multiply({shape, Pass::input_gradient, a, b, {}, {}}, Engine::check, result, TelemetryLevel::events, telemetry);
    EXPECT_EQ(result, (std::vector<float>{35, 35, 0, 35, 35, 0, 0, 0, 0})) << stride;
  }
}

}  // namespace
}  // namespace precsim::kernels
