// The native kernels' matrix products equal the reference in every bit, on every row of the table.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "formats/exact.hpp"
#include "sim/kernels/native/gemm.hpp"
#include "tests/sim/kernels/native_support.hpp"
#include "tests/support/operand_support.hpp"

namespace precsim::kernels {
namespace {

using support::Fill;
using support::Sample;
using support::slow_build;

/// Around the sizes of tiles and panels, and primes.
constexpr std::int64_t sizes[] = {1, 2, 3, 5, 6, 7, 8, 13, 14, 15, 16, 17, 31, 32, 33};
/// Odd, around chains, and around the 256 steps of a block: 256 numbers or 512 codes.
constexpr std::int64_t lengths[] = {1,  2,   3,   7,   8,   15,  16,  17,  33,  63,  64,  65,
                                    97, 130, 255, 256, 257, 258, 511, 512, 513, 514, 515, 1025};
constexpr int exponents[] = {-26, 0, -120, 100, -160};

/// Calls `visit` with every pair of sizes, each with several lengths that take turns.
template <class Visit>
std::size_t for_each_shape(Visit visit) {
  std::size_t turn = 0;
  for (const std::int64_t m : sizes) {
    for (const std::int64_t n : sizes) {
      for (int i = 0; i < 2; ++i) {
        const std::int64_t k = lengths[turn % std::size(lengths)];
        if (!slow_build || turn % 11 == 0) {
          visit(ConvShape::gemm(m, n, k), turn);
        }
        ++turn;
        if (testing::Test::HasFailure()) {
          return turn;
        }
      }
    }
  }
  return turn;
}

std::size_t at(const ConvShape& shape, Side side) {
  return support::operand_size(shape, Pass::forward, side);
}

TEST(NativeRows, AreTheRequiredOnes) {
  ASSERT_EQ(tile_kernels().size(), std::size(required_rows));
  for (std::size_t i = 0; i < std::size(required_rows); ++i) {
    EXPECT_EQ(tile_kernels()[i].name, required_rows[i].name);
    EXPECT_EQ(tile_kernels()[i].usable(), required_rows[i].runs_on(formats::cpu_features())) << required_rows[i].name;
    EXPECT_NE(tile_kernels()[i].native, nullptr);
  }
}

/// Lets the portable row alone be wrong.
template <class Harm>
void compare_with_harm(Harm harm) {
  RowComparison comparison;
  comparison.compare({1, 2, 3}, "planted", [&](const TileKernel& kernel, std::span<float> result) {
    std::iota(result.begin(), result.end(), 1.0f);
    if (kernel.name == "portable") {
      harm(result.data());
    }
  });
}

TEST(NativeRows, AWrongBitAnUnwrittenOutputAndAWriteBesideTheResultAreFound) {
  compare_with_harm([](float*) {});
  EXPECT_FATAL_FAILURE(compare_with_harm([](float* result) { result[2] = std::nextafter(3.0f, 4.0f); }), "output 2");
  EXPECT_FATAL_FAILURE(compare_with_harm([](float* result) { result[1] = std::nanf(""); }), "output 1");
  EXPECT_FATAL_FAILURE(compare_with_harm([](float* result) { result[3] = 0; }), "beside the result, at output 3");
  EXPECT_FATAL_FAILURE(compare_with_harm([](float* result) { result[-1] = 0; }), "beside the result, at output -1");
  EXPECT_NONFATAL_FAILURE(RowComparison().expect_every_row(), "cases_");
}

/// As tensors (the kernels of convolutions) and as matrices (those of matrix products) in turn.
TEST(NativeGemm, OfCodesEqualsTheReference) {
  Sample sample(1);
  RowComparison comparison;
  std::set<std::size_t> combinations;
  for_each_shape([&](const ConvShape& shape, std::size_t turn) {
    const std::size_t index = turn * 7 % Combination::count;
    combinations.insert(index);
    const Combination combination(index);
    Accumulators accumulators{combination.accumulator, {}};
    if (accumulators.integer.chain != 2 && turn % 3 == 0) {
      accumulators.integer.atom = turn % 2 == 0 ? arith::Atom::pair4 : arith::Atom::single;
    }
    const OddTensor left(combination.fill.draw(at(shape, Side::left), sample));
    const OddTensor right(combination.fill.draw(at(shape, Side::right), sample));
    const int exponent = exponents[sample.below(std::size(exponents))];
    Operand a{.codes = left.span(), .exponent = exponent};
    Operand b{.codes = right.span(), .exponent = static_cast<int>(sample.below(3))};
    if (turn % 2 == 0) {
      a = {.matrix = lower(shape, Pass::forward, Side::left, a.codes, a.exponent)};
      b = {.matrix = lower(shape, Pass::forward, Side::right, b.codes, b.exponent)};
    }
    compare_native({shape, Pass::forward, a, b, accumulators, {}},
                   describe(shape, Pass::forward, accumulators, combination.fill.name), comparison);
  });
  comparison.expect_every_row();
  EXPECT_EQ(combinations.size(), slow_build ? combinations.size() : Combination::count);
}

TEST(NativeGemm, OfNumbersEqualsTheReference) {
  Sample sample(2);
  RowComparison comparison;
  for_each_shape([&](const ConvShape& shape, std::size_t turn) {
    const Fill fill = support::fills[turn % std::size(support::fills)];
    const OddTensor left(support::draw_floats(fill, at(shape, Side::left), sample));
    const OddTensor right(support::draw_floats(fill, at(shape, Side::right), sample));
    Operand a{.values = left.span()};
    Operand b{.values = right.span()};
    if (turn % 2 == 0) {
      a = {.matrix = lower(shape, Pass::forward, Side::left, a.values)};
      b = {.matrix = lower(shape, Pass::forward, Side::right, b.values)};
    }
    compare_native({shape, Pass::forward, a, b, {}, {}}, describe(shape, Pass::forward, {}, "numbers"), comparison);
  });
  comparison.expect_every_row();
}

/// Exponents per block or row on both sides, one side, or none.
TEST(NativeGemm, OfBlocksEqualsTheReference) {
  Sample sample(3);
  RowComparison comparison;
  constexpr std::pair<support::Sharing, support::Sharing> sharings[] = {{4, 4},  {32, 32}, {-1, -1}, {0, 4},
                                                                        {6, 32}, {-1, 4},  {0, -1},  {64, 0}};
  for_each_shape([&](const ConvShape& shape, std::size_t turn) {
    const Combination combination(turn * 7 % Combination::count);
    const Accumulators accumulators{combination.accumulator, {}};
    const auto& [left_sharing, right_sharing] = sharings[turn % std::size(sharings)];
    const auto operand = [&](Side side, support::Sharing sharing) {
      Matrix matrix = support::integer_operand(shape, Pass::forward, side, sharing,
                                               combination.fill.draw(at(shape, side), sample), sample);
      for (std::int16_t& exponent : matrix.exponents) {
        exponent = turn % 9 == 0 ? exponent : static_cast<std::int16_t>(static_cast<int>(sample.below(40)) - 30);
      }
      return Operand{.matrix = std::move(matrix)};
    };
    compare_native({shape,
                    Pass::forward,
                    operand(Side::left, left_sharing),
                    operand(Side::right, right_sharing),
                    accumulators,
                    {}},
                   describe(shape, Pass::forward, accumulators, combination.fill.name) + ", blocks " +
                       std::to_string(left_sharing) + " and " + std::to_string(right_sharing),
                   comparison);
  });
  comparison.expect_every_row();
}

/// Rows of a larger matrix: `stride` elements apart.
template <class T>
std::vector<T> spread(const std::vector<T>& rows, std::int64_t length, std::int64_t stride, T between) {
  std::vector<T> out;
  for (std::size_t begin = 0; begin < rows.size(); begin += static_cast<std::size_t>(length)) {
    out.insert(out.end(), rows.begin() + static_cast<std::ptrdiff_t>(begin),
               rows.begin() + static_cast<std::ptrdiff_t>(begin) + length);
    if (begin + static_cast<std::size_t>(length) < rows.size()) {
      out.insert(out.end(), static_cast<std::size_t>(stride - length), between);
    }
  }
  return out;
}

template <class T>
void compare_packed(const ConvShape& shape, const std::vector<T>& a, const std::vector<T>& b, const ProductCall& call,
                    int exponent, const std::string& what, RowComparison& comparison) {
  const std::int64_t stride = shape.ic + 3;
  constexpr T between = 77;
  const OddTensor left(spread(a, shape.ic, stride, between));
  const OddTensor right(spread(b, shape.ic, stride, between));
  Telemetry telemetry;
  const std::vector<float> expected = by_reference(call, telemetry);
  comparison.compare(expected, what + ", packed", [&](const TileKernel& kernel, std::span<float> result) {
    const native::PackedRows rows(*kernel.native, left.data(), shape.n, shape.ic, stride);
    const native::PackedColumns columns(*kernel.native, right.data(), shape.oc, shape.ic, stride);
    native::gemm(*kernel.native, rows, columns, {telemetry.chain_length, call.accumulators.integer.overflow, exponent},
                 result.data());
  });
}

TEST(NativeGemm, OfPackedOperandsEqualsTheReference) {
  Sample sample(4);
  RowComparison comparison;
  for_each_shape([&](const ConvShape& shape, std::size_t turn) {
    const Combination combination(turn * 7 % Combination::count);
    const Accumulators accumulators{combination.accumulator, {}};
    if (turn % 3 == 0) {
      const auto left = support::draw_floats(Fill::uniform, at(shape, Side::left), sample);
      const auto right = support::draw_floats(Fill::uniform, at(shape, Side::right), sample);
      const Operand a{.values = left};
      const Operand b{.values = right};
      compare_packed(shape, left, right, {shape, Pass::forward, a, b, accumulators, {}}, 0,
                     describe(shape, Pass::forward, accumulators, "numbers"), comparison);
      return;
    }
    const auto left = combination.fill.draw(at(shape, Side::left), sample);
    const auto right = combination.fill.draw(at(shape, Side::right), sample);
    const int exponent = exponents[sample.below(4)];
    const Operand a{.codes = left, .exponent = exponent};
    const Operand b{.codes = right};
    compare_packed(shape, left, right, {shape, Pass::forward, a, b, accumulators, {}}, exponent,
                   describe(shape, Pass::forward, accumulators, combination.fill.name), comparison);
  });
  comparison.expect_every_row();
}

/// Long reductions, and work enough that the outputs are really shared among threads, by rows and by panels.
TEST(NativeGemm, OfManyBlocksAndThreadsEqualsTheReference) {
  Sample sample(5);
  RowComparison comparison;
  constexpr std::int64_t shapes[][3] = {{190, 70, 520}, {9, 400, 1030}, {300, 20, 700}, {1, 1, 5003}};
  for (const auto& [m, n, k] : shapes) {
    const ConvShape shape = ConvShape::gemm(slow_build ? (m + 9) / 10 : m, slow_build ? (n + 9) / 10 : n, k);
    for (int turn = 0; turn < 3; ++turn) {  // each row once with 1, 2 and 3 threads, and once as FP32
      const Combination combination(40 + 7 * static_cast<std::size_t>(turn) % 10);
      const Accumulators accumulators{combination.accumulator, {}};
      const OddTensor left(combination.fill.draw(at(shape, Side::left), sample));
      const OddTensor right(combination.fill.draw(at(shape, Side::right), sample));
      const Operand a{.codes = left.span(), .exponent = -20};
      const Operand b{.codes = right.span()};
      compare_native({shape, Pass::forward, a, b, accumulators, {}},
                     describe(shape, Pass::forward, accumulators, combination.fill.name), comparison);
    }
    const OddTensor left(support::draw_floats(Fill::uniform, at(shape, Side::left), sample));
    const OddTensor right(support::draw_floats(Fill::uniform, at(shape, Side::right), sample));
    const Operand a{.values = left.span()};
    const Operand b{.values = right.span()};
    compare_native({shape, Pass::forward, a, b, {}, {}}, describe(shape, Pass::forward, {}, "numbers"), comparison);
  }
  comparison.expect_every_row();
}

/// Equal sides whose chains of 16 have squares of exactly 2^31 - 1: proved, and the lanes reach the very edge.
TEST(NativeGemm, OnTheBoundIsProvedAndExact) {
  Sample sample(6);
  RowComparison comparison;
  const ConvShape shape = ConvShape::gemm(15, 15, 64);
  std::vector<std::int16_t> codes;
  for (int row = 0; row < 15; ++row) {
    const auto line = on_bound_codes(64, sample);
    codes.insert(codes.end(), line.begin(), line.end());
  }
  const Operand a{.codes = codes, .exponent = -31};
  const Operand b{.codes = codes};
  for (const std::int64_t chain : {std::int64_t{16}, arith::chain_auto}) {
    const Accumulators accumulators{{arith::Atom::pair, arith::OverflowRule::wrap, chain}, {}};
    const ProductCall call{shape, Pass::forward, a, b, accumulators, {}};
    Telemetry telemetry;
    const std::vector<float> expected = by_reference(call, telemetry);
    EXPECT_TRUE(telemetry.proved);
    EXPECT_EQ(telemetry.chain_length, 16);
    EXPECT_EQ(telemetry.overflow_events, 0u);
    EXPECT_EQ(expected[0], 4.0f);
    compare_native(call, describe(shape, Pass::forward, accumulators, "on_bound"), comparison);
  }
  comparison.expect_every_row();
}

}  // namespace
}  // namespace precsim::kernels
