// Simulated products of tensors equal the reference of their matrices, result and telemetry, on every tile kernel.
#include "sim/kernels/tensor_multiply.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <bit>
#include <cstdint>
#include <vector>

#include "tests/support/operand_support.hpp"

namespace precsim::kernels {
namespace {

using arith::Atom;
using arith::OverflowRule;
using support::Fill;
using support::Sample;

/// Groups, odd channels, holes and borders of every kind; rows that fill tiles and panels, and a few left over.
std::vector<ConvShape> shapes() {
  std::vector<ConvShape> all = support::small_shapes();
  all.insert(all.end(), {{2, 5, 6, 17, 33, 3, 3, 2, 1, 1},
                         {1, 9, 8, 32, 65, 3, 2, 1, 1, 1},
                         {3, 7, 7, 48, 16, 1, 1, 2, 0, 1},
                         {1, 4, 5, 18, 30, 3, 3, 2, 2, 2},
                         {29, 1, 1, 513, 7, 1, 1, 1, 0, 1},
                         {2, 9, 9, 16, 16, 3, 3, 1, 1, 1},
                         {1, 20, 21, 3, 8, 7, 7, 2, 3, 1}});
  return all;
}

struct Counts {
  int proved = 0, others = 0;
};

std::vector<std::int16_t> draw(std::size_t count, Fill fill, int shift, Sample& sample) {
  std::vector<std::int16_t> codes = support::draw_codes(fill, count, sample);
  for (std::int16_t& code : codes) {
    code = static_cast<std::int16_t>(code >> shift);
  }
  return codes;
}

void compare(const ProductCall& call, TelemetryLevel level, Counts& counts) {
  const Matrix left = lower(call.shape, call.pass, Side::left, call.left.codes, call.left.exponent);
  const Matrix right = lower(call.shape, call.pass, Side::right, call.right.codes, call.right.exponent);
  std::vector<float> expected(support::result_size(call.shape, call.pass));
  Telemetry expected_telemetry;
  multiply_reference({call.shape, call.pass, left, right, call.accumulators, call.bits}, expected, level,
                     expected_telemetry);
  for (const TileKernel& kernel : tile_kernels()) {
    if (!kernel.usable()) {
      continue;
    }
    constexpr float guard = -77.0f;
    std::vector<float> memory(expected.size() + 2, guard);
    const std::span<float> result(memory.data() + 1, expected.size());
    Telemetry telemetry;
    ASSERT_EQ(multiply_proved_tensors(call, result, level, telemetry, kernel), expected_telemetry.proved);
    ++(expected_telemetry.proved ? counts.proved : counts.others);
    multiply(call, Engine::simulate, result, level, telemetry, &kernel);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_TRUE(support::same_bits(result[i], expected[i])) << "output " << i << ", " << kernel.name;
    }
    ASSERT_TRUE(support::same(telemetry, expected_telemetry)) << kernel.name;
    ASSERT_EQ(memory.front(), guard);
    ASSERT_EQ(memory.back(), guard);
  }
}

void compare(const ConvShape& shape, Pass pass, const arith::IntegerAccumulator& accumulator, Fill fill, int shift,
             Sample& sample, Counts& counts) {
  const auto left = draw(support::operand_size(shape, pass, Side::left), fill, shift, sample);
  const auto right = draw(support::operand_size(shape, pass, Side::right), Fill::uniform, shift, sample);
  const Operand a{.codes = left, .exponent = sample.below(4) == 0 ? -120 : -13};
  const Operand b{.codes = right, .exponent = -9};
  const Accumulators accumulators{accumulator, {}};
  const int threads = omp_get_max_threads();
  omp_set_num_threads(sample.below(2) == 0 ? 1 : 3);
  compare({shape, pass, a, b, accumulators, {}}, sample.below(3) == 0 ? TelemetryLevel::events : TelemetryLevel::full,
          counts);
  omp_set_num_threads(threads);
  ASSERT_FALSE(::testing::Test::HasFatalFailure())
      << support::text(shape) << ", " << name(pass) << ", " << accumulator.name() << ", shift " << shift;
}

TEST(TensorMultiply, EqualsTheReferenceOfTheMatrices) {
  Sample sample(311);
  Counts counts;
  for (const ConvShape& shape : shapes()) {
    for (const Pass pass : passes) {
      for (const std::int64_t chain : {std::int64_t{8}, std::int64_t{64}, arith::chain_to_end, arith::chain_auto}) {
        const OverflowRule rule = sample.below(2) == 0 ? OverflowRule::wrap : OverflowRule::saturate;
        const Atom atom = sample.below(2) == 0 ? Atom::pair : Atom::single;
        for (const int shift : {0, 8}) {
          compare(shape, pass, {atom, rule, chain}, sample.below(2) == 0 ? Fill::uniform : Fill::extremes, shift,
                  sample, counts);
        }
      }
    }
  }
  EXPECT_GT(counts.proved, 500);
  EXPECT_GT(counts.others, 100);
}

/// Several bands of outputs and blocks of the reduction, shared by threads, with an odd number of pixels.
TEST(TensorMultiply, EqualsTheReferenceBeyondOneBand) {
  Sample sample(312);
  Counts counts;
  for (const ConvShape& shape : {ConvShape{1, 69, 71, 3, 16, 3, 3, 1, 1, 1}, ConvShape{1, 69, 71, 16, 3, 3, 3, 1, 1, 1},
                                 ConvShape{3, 21, 21, 8, 40, 1, 1, 1, 0, 1}}) {
    for (const Pass pass : passes) {
      compare(shape, pass, {Atom::pair, OverflowRule::wrap, arith::chain_auto}, Fill::uniform, 5, sample, counts);
    }
  }
  EXPECT_GT(counts.proved, 0);
  EXPECT_EQ(counts.others, 0);
}

}  // namespace
}  // namespace precsim::kernels
