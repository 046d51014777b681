// Tests of the engines: their names, and that `check` agrees where kernels are right and tells a difference.
#include "sim/kernels/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
void shifted_chains(const native::Tile& tile, const native::Segment& segment, const float* factor, native::Source from,
                    native::Target to) {
  native::portable.wrap.chains.of[0][0](tile, segment, factor, from, to);
  to.words[0] = std::bit_cast<std::uint32_t>(std::bit_cast<float>(std::uint32_t{to.words[0]}) + 1.0f);
}

TEST(Engines, CheckStopsAtTheFirstDifferingBit) {
  native::NativeKernel wrong = native::portable;
  wrong.wrap.lanes.rows = 1;
  wrong.wrap.chains.of[0][0] = shifted_chains;
  TileKernel kernel = tile_kernels().back();
  kernel.native = &wrong;
  const ConvShape shape = ConvShape::gemm(3, 5, 8);
  const std::vector<std::int16_t> left(24, 1);
  const std::vector<std::int16_t> right(40, 2);
  const Operand a{.codes = left};
  const Operand b{.codes = right};
  const Accumulators accumulators;
  std::vector<float> result(15);
  Telemetry telemetry;
  try {
    multiply({shape, Pass::forward, a, b, accumulators, {}}, Engine::check, result, TelemetryLevel::events, telemetry,
             &kernel);
    FAIL() << "a wrong kernel passed";
  } catch (const EngineDifference& difference) {
    EXPECT_THAT(difference.what(), testing::HasSubstr("output 0: 0x41800000 (16) by simulation, 0x41880000 (17) by the "
                                                      "native kernel"));
  }
}

}  // namespace
}  // namespace precsim::kernels
