// Products of MX operands: every engine and tile kernel equals the reference; what meets what.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "sim/kernels/engine.hpp"
#include "sim/kernels/multiply.hpp"
#include "sim/kernels/tile.hpp"
#include "tests/support/operand_support.hpp"

namespace precsim::kernels {
namespace {

using formats::OperandKind;
using support::draw_floats;
using support::Fill;
using support::operand_size;
using support::result_size;
using support::same;
using support::same_bits;
using support::Sample;
using support::small_shapes;
using support::text;

constexpr std::uint32_t poison = 0x7fc0deadu;

Matrix mx_matrix(const ConvShape& shape, Pass pass, Side side, const std::string& format, OperandKind meet,
                 std::span<const float> tensor) {
  return convert_blocked(shape, pass, side, tensor, {formats::parse_conversion(format), {.seed = 3}, "x"}, meet).matrix;
}

std::vector<ConvShape> shapes() {
  std::vector<ConvShape> all = {
      {2, 7, 7, 5, 18, 3, 3, 1, 1, 1}, {3, 1, 1, 130, 19, 1, 1, 1, 0, 1}, {270, 1, 1, 6, 17, 1, 1, 1, 0, 1}};
  const std::vector<ConvShape> small = small_shapes();
  all.insert(all.end(), small.begin(), small.end());
  return all;
}

TEST(ScaledProduct, EveryKernelAndEngineEqualsTheReference) {
  constexpr std::string_view formats_used[] = {"mxfp8_e4m3:block=4", "mxfp8_e5m2", "mxfp6_e3m2:block=6",
                                               "mxfp6_e2m3@stochastic", "mxfp4_e2m1:block=2"};
  constexpr std::string_view accumulators_used[] = {"fp32",
                                                    "bf16",
                                                    "fp16@stochastic:bits=8",
                                                    "fp8_e5m2",
                                                    "fp32:product=bf16@to_odd",
                                                    "fp8_e4m3fn",
                                                    "fp32@stochastic",
                                                    "fp32@toward_zero"};
  Sample sample(31);
  std::set<std::string_view> kernels;
  int products = 0;
  int nonfinite = 0;
  for (const ConvShape& shape : shapes()) {
    for (const Pass pass : passes) {
      for (int turn = 0; turn < (support::slow_build ? 1 : 3); ++turn) {
        const Fill fill = turn == 0 ? Fill::uniform : turn == 1 ? Fill::tiny : Fill::extremes;
        const auto convert = [&](Side side) {
          return convert_blocked(
              shape, pass, side, draw_floats(fill, operand_size(shape, pass, side), sample),
              {formats::parse_conversion(formats_used[sample.below(5)]), {.seed = 3}, "x", nullptr, turn % 2 == 0},
              OperandKind::scaled);
        };
        const BlockedOperand converted_left = convert(Side::left);
        const BlockedOperand converted_right = convert(Side::right);
        const auto operand = [&](const BlockedOperand& from) {
          return products % 5 == 4 ? Operand{.matrix = from.matrix} : Operand{.blocked = from.tensor};
        };
        const Operand left = operand(converted_left);
        const Operand right = operand(converted_right);
        const Accumulators accumulators{
            {},
            arith::parse_float_accumulator(
                accumulators_used[products % 2 == 0 ? 0 : static_cast<std::size_t>(products / 2) % 8])};
        const formats::RandomBits bits{.seed = 9, .tensor = sample.word()};
        const Product product{shape, pass, converted_left.matrix, converted_right.matrix, accumulators, bits};
        std::vector<float> expected(result_size(shape, pass));
        Telemetry reference;
        multiply_reference(product, expected, TelemetryLevel::full, reference);
        EXPECT_EQ(reference.chains % reference.outputs, 0u);
        EXPECT_GE(reference.chains, reference.outputs);
        const std::string what = text(shape) + ' ' + std::string(name(pass)) + ' ' + accumulators.floating.name();
        for (const float value : expected) {
          nonfinite += std::isfinite(value) ? 0 : 1;
        }
        const auto compare = [&](const std::vector<float>& result, std::string_view by) {
          for (std::size_t i = 0; i < result.size(); ++i) {
            ASSERT_TRUE(same_bits(result[i], expected[i]) || (std::isnan(result[i]) && std::isnan(expected[i])))
                << what << ", " << by << ": output " << i << " is " << result[i] << ", not " << expected[i];
          }
        };
        for (const TileKernel& kernel : tile_kernels()) {
          if (!kernel.usable()) {
            continue;
          }
          std::vector<float> result(expected.size(), std::bit_cast<float>(poison));
          Telemetry telemetry;
          multiply(product, result, TelemetryLevel::full, telemetry, &kernel);
          ASSERT_NO_FATAL_FAILURE(compare(result, kernel.name));
          ASSERT_TRUE(nonfinite != 0 || same(telemetry, reference)) << what << ", " << kernel.name;
          kernels.insert(kernel.name);
        }
        for (const Engine engine : {Engine::native, Engine::check}) {
          std::vector<float> result(expected.size(), std::bit_cast<float>(poison));
          Telemetry telemetry;
          const ProductCall call{shape, pass, left, right, accumulators, bits};
          bool has_nan = false;
          for (const float value : expected) {
            has_nan = has_nan || std::isnan(value);
          }
          if (engine == Engine::check && has_nan) {
            continue;
          }
          multiply(call, engine, result, TelemetryLevel::events, telemetry);
          ASSERT_NO_FATAL_FAILURE(compare(result, name(engine)));
          EXPECT_EQ(telemetry.chains, reference.chains);
        }
        nonfinite = 0;
        ++products;
      }
    }
  }
  EXPECT_EQ(products, 19 * 3 * (support::slow_build ? 1 : 3));
  EXPECT_TRUE(kernels.contains("portable"));
}

/// Two blocks whose sums bf16 rounds: 256 + 1 is 256 within a block, but not across the two.
TEST(ScaledProduct, SumsBeginAnewInEachBlockAndMeetInFp32) {
  const ConvShape shape = ConvShape::gemm(1, 1, 4);
  const std::vector<float> a = {256, 1, 1, 0};
  const std::vector<float> b = {1, 1, 1, 1};
  const auto product = [&](const char* format) {
    const Operand left{.matrix = mx_matrix(shape, Pass::forward, Side::left, format, OperandKind::scaled, a)};
    const Operand right{.matrix = mx_matrix(shape, Pass::forward, Side::right, format, OperandKind::scaled, b)};
    const Accumulators accumulators{{}, arith::parse_float_accumulator("bf16")};
    std::vector<float> result(1);
    Telemetry telemetry;
    multiply({shape, Pass::forward, left, right, accumulators, {}}, Engine::simulate, result, TelemetryLevel::full,
             telemetry);
    return std::pair{result[0], telemetry.chains};
  };
  EXPECT_EQ(product("mxfp8_e5m2:block=2"), (std::pair{257.0f, std::uint64_t{2}}));
  EXPECT_EQ(product("mxfp8_e5m2:block=4"), (std::pair{256.0f, std::uint64_t{1}}));
}

TEST(ScaledProduct, ElementsMeetOthersAsFp32Numbers) {
  EXPECT_EQ(formats::meeting(OperandKind::scaled, OperandKind::scaled), OperandKind::scaled);
  EXPECT_EQ(formats::meeting(OperandKind::integer, OperandKind::integer), OperandKind::integer);
  for (const OperandKind other : {OperandKind::integer, OperandKind::floating}) {
    EXPECT_EQ(formats::meeting(OperandKind::scaled, other), OperandKind::floating);
    EXPECT_EQ(formats::meeting(other, OperandKind::scaled), OperandKind::floating);
  }
  const ConvShape shape{2, 5, 5, 3, 4, 3, 3, 1, 1, 1};
  Sample sample(32);
  for (const Pass pass : passes) {
    const std::vector<float> a = draw_floats(Fill::uniform, operand_size(shape, pass, Side::left), sample);
    const Matrix elements = mx_matrix(shape, pass, Side::left, "mxfp6_e2m3:block=4", OperandKind::scaled, a);
    const Matrix values = mx_matrix(shape, pass, Side::left, "mxfp6_e2m3:block=4", OperandKind::floating, a);
    ASSERT_TRUE(elements.is_scaled() && values.kind == OperandKind::floating);
    const std::int64_t per_tap = (elements.period + 3) / 4;
    for (std::int64_t place = 0; place < static_cast<std::int64_t>(values.values.size()); ++place) {
      const std::int64_t k = place % values.length();
      const std::int64_t line = place / values.length();
      const int exponent = elements.row_exponents(0, line)[k / elements.period * per_tap + k % elements.period / 4];
      const auto at = static_cast<std::size_t>(place);
      ASSERT_EQ(values.values[at], std::ldexp(elements.values[at], exponent));
    }
  }
}

/// What follows the last spill, natively and by the simulation: bias and batch statistics of products of blocks.
TEST(ScaledProduct, BlocksHaveEpilogues) {
  const ConvShape shape{2, 9, 8, 34, 20, 3, 3, 1, 1, 1};
  Sample sample(34);
  const std::vector<float> a = draw_floats(Fill::uniform, operand_size(shape, Pass::forward, Side::left), sample);
  const std::vector<float> b = draw_floats(Fill::uniform, operand_size(shape, Pass::forward, Side::right), sample);
  const std::vector<float> bias = draw_floats(Fill::uniform, shape.oc, sample);
  const Accumulators accumulators;
  int checked = 0;
  for (const auto& [left_format, right_format] :
       {std::pair{"dfp8:block=32", "dfp8:block=6"}, {"dfp8:block=34", "dfp8:channel"}}) {
    const auto operand = [&](Side side, const char* format, const std::vector<float>& values) {
      return Operand{
          .blocked =
              convert_blocked(shape, Pass::forward, side, values, {formats::parse_conversion(format), {}, "x"}).tensor};
    };
    const Operand left = operand(Side::left, left_format, a);
    const Operand right = operand(Side::right, right_format, b);
    for (const TileKernel& kernel : tile_kernels()) {
      if (kernel.usable()) {
        native::ChannelStatistics statistics;
        ProductCall call{shape, Pass::forward, left, right, accumulators, {}};
        call.bias = bias;
        call.statistics = &statistics;
        std::vector<float> result(result_size(shape, Pass::forward));
        Telemetry telemetry;
        EXPECT_NO_THROW(multiply(call, Engine::check, result, TelemetryLevel::events, telemetry, &kernel))
            << kernel.name;
        EXPECT_EQ(statistics.sums.size(), static_cast<std::size_t>(shape.oc));
        ++checked;
      }
    }
  }
  EXPECT_GE(checked, 2);
}

/// mxint8 and dfp are integers alike; their blocks need not be equal.
TEST(ScaledProduct, MxInt8MeetsIntegersInLanes) {
  const ConvShape shape = ConvShape::gemm(5, 7, 70);
  Sample sample(33);
  const std::vector<float> a = draw_floats(Fill::uniform, operand_size(shape, Pass::forward, Side::left), sample);
  const std::vector<float> b = draw_floats(Fill::uniform, operand_size(shape, Pass::forward, Side::right), sample);
  const auto product = [&](const char* left_format, const char* right_format) {
    const Operand left{.matrix = mx_matrix(shape, Pass::forward, Side::left, left_format, OperandKind::integer, a)};
    const Operand right{.matrix = mx_matrix(shape, Pass::forward, Side::right, right_format, OperandKind::integer, b)};
    std::vector<float> result(result_size(shape, Pass::forward));
    Telemetry telemetry;
    const Accumulators accumulators;
    multiply({shape, Pass::forward, left, right, accumulators, {}}, Engine::check, result, TelemetryLevel::full,
             telemetry);
    EXPECT_GT(telemetry.chain_length, 0);
    return result;
  };
  EXPECT_EQ(product("mxint8", "dfp12:block=16"), product("dfp8:block=32", "dfp12:block=16"));
}

}  // namespace
}  // namespace precsim::kernels
