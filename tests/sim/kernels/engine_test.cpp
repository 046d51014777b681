// Tests that the native kernels equal the simulation in every bit, every row of the table against it, and that `check`
// tells a difference.
#include "sim/kernels/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <set>
#include <vector>

#include "formats/error.hpp"
#include "sim/kernels/native_multiply.hpp"
#include "tests/support/product_support.hpp"
#include "tests/support/sample.hpp"

namespace precsim::kernels {
namespace {

using support::draw_codes;
using support::draw_floats;
using support::fills;
using support::operand_size;
using support::result_size;
using support::Sample;
using support::small_shapes;
using support::text;

constexpr float poison = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t guard = 16;

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

/// The result of `run`, with words behind it that must stay untouched.
template <class Run>
std::vector<float> guarded(std::size_t size, Run run) {
  std::vector<float> memory(size + guard, poison);
  run(std::span<float>(memory.data(), size));
  for (std::size_t i = size; i < memory.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(memory[i]), std::bit_cast<std::uint32_t>(poison)) << "behind the result";
  }
  memory.resize(size);
  return memory;
}

std::int64_t first_difference(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i])) {
      return static_cast<std::int64_t>(i);
    }
  }
  return -1;
}

/// Compares every usable row with the simulation; returns how many it compared.
int compare_rows(const ProductCall& call, std::set<std::string_view>& exercised) {
  const std::size_t size = result_size(call.shape, call.pass);
  Telemetry simulated;
  const std::vector<float> expected = guarded(size, [&](std::span<float> result) {
    multiply(call, Engine::simulate, result, TelemetryLevel::events, simulated);
  });
  int compared = 0;
  for (const TileKernel& kernel : tile_kernels()) {
    if (!kernel.usable()) {
      continue;
    }
    Telemetry telemetry;
    const std::vector<float> actual = guarded(size, [&](std::span<float> result) {
      multiply(call, Engine::native, result, TelemetryLevel::events, telemetry, &kernel);
    });
    const std::int64_t at = first_difference(expected, actual);
    EXPECT_EQ(at, -1) << kernel.name << ", " << text(call.shape) << ", " << name(call.pass) << ", "
                      << call.accumulators.integer.name() << ": " << expected[static_cast<std::size_t>(at)] << " and "
                      << actual[static_cast<std::size_t>(at)];
    EXPECT_EQ(telemetry.chain_length, simulated.chain_length) << kernel.name << ", " << text(call.shape);
    EXPECT_EQ(telemetry.proved, simulated.proved) << kernel.name << ", " << text(call.shape);
    EXPECT_EQ(telemetry.chains, simulated.chains) << kernel.name << ", " << text(call.shape);
    EXPECT_EQ(telemetry.products, simulated.products) << kernel.name << ", " << text(call.shape);
    EXPECT_FALSE(telemetry.measured);
    exercised.insert(kernel.name);
    ++compared;
  }
  return compared;
}

TEST(NativeProducts, OfCodesEqualTheSimulation) {
  Sample sample(1);
  std::set<std::string_view> exercised;
  int compared = 0;
  constexpr std::int64_t chains[] = {arith::chain_auto, 64, 2, arith::chain_to_end, 30};
  constexpr int exponents[] = {-26, 0, -120, 100, -160};
  for (const ConvShape& shape : shapes()) {
    for (const Pass pass : passes) {
      for (const auto fill : fills) {
        const auto left = draw_codes(fill, operand_size(shape, pass, Side::left), sample);
        const auto right = draw_codes(fill, operand_size(shape, pass, Side::right), sample);
        const auto choice = static_cast<std::size_t>(compared / 2);
        Accumulators accumulators;
        accumulators.integer.chain = chains[choice % std::size(chains)];
        accumulators.integer.overflow = choice % 3 == 0 ? arith::OverflowRule::saturate : arith::OverflowRule::wrap;
        const Operand a{.codes = left, .exponent = exponents[choice % std::size(exponents)]};
        const Operand b{.codes = right, .exponent = 0};
        compared += compare_rows({shape, pass, a, b, accumulators, {}}, exercised);
      }
    }
  }
  EXPECT_GT(compared, 100);
  EXPECT_TRUE(exercised.contains("portable"));
}

TEST(NativeProducts, OfMatricesWithBlocksEqualTheSimulation) {
  Sample sample(2);
  std::set<std::string_view> exercised;
  int compared = 0;
  for (const char* format : {"dfp16:headroom=1,block=32", "dfp12:block=6", "dfp8:block=2"}) {
    for (const ConvShape& shape : shapes()) {
      for (const Pass pass : passes) {
        const auto convert = [&](Side side) {
          const auto values = draw_floats(support::Fill::uniform, operand_size(shape, pass, side), sample);
          return Operand{
              .matrix = convert_blocked(shape, pass, side, values, {formats::parse_conversion(format), {}, "operand"})
                            .matrix};
        };
        const Operand left = convert(Side::left);
        const Operand right = convert(Side::right);
        Accumulators accumulators;
        accumulators.integer.chain = compared % 2 == 0 ? arith::chain_auto : 16;
        compared += compare_rows({shape, pass, left, right, accumulators, {}}, exercised);
      }
    }
  }
  EXPECT_GT(compared, 50);
}

TEST(NativeProducts, OfNumbersEqualTheSimulation) {
  Sample sample(3);
  std::set<std::string_view> exercised;
  int compared = 0;
  for (const ConvShape& shape : shapes()) {
    for (const Pass pass : passes) {
      const auto left = draw_floats(support::Fill::uniform, operand_size(shape, pass, Side::left), sample);
      const auto right = draw_floats(support::Fill::uniform, operand_size(shape, pass, Side::right), sample);
      const Operand a{.values = left};
      const Operand b{.values = right};
      Accumulators accumulators;
      compared += compare_rows({shape, pass, a, b, accumulators, {}}, exercised);
      accumulators.floating = arith::parse_float_accumulator("bf16");
      compared += compare_rows({shape, pass, a, b, accumulators, {}}, exercised);
    }
  }
  EXPECT_GT(compared, 50);
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
