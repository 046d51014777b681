// The native kernels' convolutions, all three passes, equal the reference in every bit, on every row of the table.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <tuple>

#include "tests/sim/kernels/native_support.hpp"

namespace precsim::kernels {
namespace {

using support::Fill;
using support::operand_size;
using support::Sample;
using support::slow_build;

constexpr std::int64_t pixels[] = {1, 2, 4, 5, 6, 7, 8, 11, 13, 14, 15, 17};
constexpr std::int64_t channels[] = {1, 2, 3, 5, 7, 8, 13, 15, 16, 17, 31, 32, 33};
constexpr std::array<std::int64_t, 2> filters[] = {{1, 1}, {3, 3}, {2, 3}, {5, 1}, {7, 7}};
constexpr std::int64_t most_macs = slow_build ? 20000 : 250000;

std::int64_t any_of(std::span<const std::int64_t> sizes, Sample& sample) {
  return sizes[sample.below(sizes.size())];
}

/// A shape of these properties whose sizes are drawn.
ConvShape draw_shape(std::int64_t stride, std::int64_t pad, const std::array<std::int64_t, 2>& filter,
                     std::int64_t groups, Sample& sample) {
  while (true) {
    ConvShape shape;
    shape.n = 1 + static_cast<std::int64_t>(sample.below(3));
    shape.h = any_of(pixels, sample);
    shape.w = any_of(pixels, sample);
    shape.ic = groups * any_of(channels, sample);
    shape.oc = groups * any_of(channels, sample);
    shape.kh = filter[0];
    shape.kw = filter[1];
    shape.stride = stride;
    shape.pad = pad;
    shape.groups = groups;
    if (shape.h + 2 * pad >= shape.kh && shape.w + 2 * pad >= shape.kw && shape.macs() / groups <= most_macs) {
      return shape;
    }
  }
}

/// Every stride, padding, filter and number of groups.
std::vector<ConvShape> shapes(Sample& sample) {
  std::vector<ConvShape> all = support::small_shapes();
  all.push_back({2, 5, 6, 17, 33, 3, 3, 2, 1, 1});
  all.push_back({1, 9, 8, 32, 65, 3, 2, 1, 1, 1});
  all.push_back({3, 7, 7, 48, 16, 1, 1, 2, 0, 1});
  all.push_back({1, 20, 21, 3, 8, 7, 7, 2, 3, 1});
  all.push_back({5, 14, 14, 5, 9, 3, 3, 1, 1, 1});  // chains across images, several blocks of pixels
  all.push_back({9, 8, 8, 7, 33, 3, 3, 1, 1, 1});
  // Weight gradients of many pixels for few channels: pairs on two lines and across images, in place, one slice of
  // channels and several, windows one to a line and one to an image.
  all.push_back({2, 11, 11, 33, 12, 3, 3, 1, 1, 1});
  all.push_back({3, 12, 14, 16, 16, 2, 4, 1, 0, 1});
  all.push_back({2, 17, 17, 34, 5, 3, 3, 2, 1, 1});
  all.push_back({4, 15, 15, 3, 40, 2, 2, 1, 1, 1});
  all.push_back({9, 9, 9, 8, 20, 1, 2, 1, 0, 1});
  all.push_back({40, 5, 3, 17, 2, 3, 3, 1, 0, 1});
  all.push_back({90, 2, 2, 3, 3, 2, 2, 1, 0, 1});
  std::size_t turn = 0;
  for (const std::int64_t stride : {1, 2, 3}) {
    for (const std::int64_t pad : {0, 1, 2}) {
      for (const auto& filter : filters) {
        for (const std::int64_t groups : {1, 2, 3}) {
          const bool sensible = pad < std::min(filter[0], filter[1]);
          if (sensible && (!slow_build || turn++ % 5 == 0)) {
            all.push_back(draw_shape(stride, pad, filter, groups, sample));
          }
        }
      }
    }
  }
  return all;
}

TEST(NativeConvolution, OfCodesEqualsTheReference) {
  Sample sample(11);
  RowComparison comparison;
  std::set<std::tuple<Pass, std::size_t>> combinations;
  constexpr int exponents[] = {-26, 0, -120, 100, -160};
  std::size_t turn = 0;
  for (int round = 0; round < 2; ++round) {
    for (const ConvShape& shape : shapes(sample)) {
      for (const Pass pass : passes) {
        const std::size_t index = turn++ * 7 % Combination::count;
        combinations.insert({pass, index});
        const Combination combination(index);
        const Accumulators accumulators{combination.accumulator, {}};
        const OddTensor left(combination.fill.draw(operand_size(shape, pass, Side::left), sample));
        const OddTensor right(combination.fill.draw(operand_size(shape, pass, Side::right), sample));
        const Operand a{.codes = left.span(), .exponent = exponents[sample.below(std::size(exponents))]};
        const Operand b{.codes = right.span(), .exponent = static_cast<int>(sample.below(3))};
        compare_native({shape, pass, a, b, accumulators, {}},
                       describe(shape, pass, accumulators, combination.fill.name), comparison);
        ASSERT_FALSE(HasFailure());
      }
    }
  }
  comparison.expect_every_row();
  EXPECT_EQ(combinations.size(), slow_build ? combinations.size() : 3 * Combination::count);
}

TEST(NativeConvolution, OfNumbersEqualsTheReference) {
  Sample sample(12);
  RowComparison comparison;
  std::size_t turn = 0;
  for (const ConvShape& shape : shapes(sample)) {
    for (const Pass pass : passes) {
      const Fill fill = support::fills[turn++ % std::size(support::fills)];
      const OddTensor left(support::draw_floats(fill, operand_size(shape, pass, Side::left), sample));
      const OddTensor right(support::draw_floats(fill, operand_size(shape, pass, Side::right), sample));
      const Operand a{.values = left.span()};
      const Operand b{.values = right.span()};
      Accumulators accumulators;
      if (turn % 8 == 0) {
        accumulators.floating = arith::parse_float_accumulator("bf16");
      }
      compare_native({shape, pass, a, b, accumulators, {}}, describe(shape, pass, accumulators, "numbers"), comparison);
      ASSERT_FALSE(HasFailure());
    }
  }
  comparison.expect_every_row();
}

/// Blocks along the reduction and by channel, and one side with them against a tensor that has none.
TEST(NativeConvolution, OfBlocksEqualsTheReference) {
  Sample sample(13);
  RowComparison comparison;
  std::size_t turn = 0;
  for (const char* format : {"dfp16:headroom=1,block=32", "dfp12:block=6", "dfp8:block=2", "dfp16:channel"}) {
    for (const ConvShape& shape : shapes(sample)) {
      for (const Pass pass : passes) {
        if (turn++ % 3 != 0) {
          continue;
        }
        const bool by_channel = std::string_view(format) == "dfp16:channel";
        const auto codes = support::draw_codes(Fill::uniform, operand_size(shape, pass, Side::left), sample);
        const auto convert = [&](Side side) {
          const auto values = support::draw_floats(Fill::uniform, operand_size(shape, pass, side), sample);
          BlockedOperand blocked =
              convert_blocked(shape, pass, side, values, {formats::parse_conversion(format), {}, "operand"});
          return turn % 8 < 2 ? Operand{.matrix = std::move(blocked.matrix)}
                              : Operand{.blocked = std::move(blocked.tensor)};
        };
        const Operand left =
            by_channel || turn % 4 == 0 ? Operand{.codes = codes, .exponent = -9} : convert(Side::left);
        const Operand right = convert(Side::right);
        const Accumulators accumulators{Combination(turn).accumulator, {}};
        compare_native({shape, pass, left, right, accumulators, {}}, describe(shape, pass, accumulators, format),
                       comparison);
        ASSERT_FALSE(HasFailure());
      }
    }
  }
  comparison.expect_every_row();
}

/// Work enough that the outputs are really shared among threads.
TEST(NativeConvolution, OfManyThreadsEqualsTheReference) {
  Sample sample(14);
  RowComparison comparison;
  const std::int64_t images = slow_build ? 1 : 4;
  const ConvShape large[] = {{images, 14, 14, 18, 37, 3, 3, 1, 1, 1},
                             {images, 15, 13, 34, 16, 3, 3, 2, 1, 2},
                             {images, 15, 15, 3, 49, 2, 2, 1, 1, 1},
                             {images, 14, 14, 96, 32, 1, 1, 1, 0, 1}};
  for (const ConvShape& shape : large) {
    for (const Pass pass : passes) {
      for (int turn = 0; turn < 2; ++turn) {
        const Combination combination(40 + 5 * static_cast<std::size_t>(turn));
        const Accumulators accumulators{combination.accumulator, {}};
        const OddTensor left(combination.fill.draw(operand_size(shape, pass, Side::left), sample));
        const OddTensor right(combination.fill.draw(operand_size(shape, pass, Side::right), sample));
        const Operand a{.codes = left.span(), .exponent = -20};
        const Operand b{.codes = right.span()};
        compare_native({shape, pass, a, b, accumulators, {}},
                       describe(shape, pass, accumulators, combination.fill.name), comparison);
      }
      const OddTensor left(support::draw_floats(Fill::uniform, operand_size(shape, pass, Side::left), sample));
      const OddTensor right(support::draw_floats(Fill::uniform, operand_size(shape, pass, Side::right), sample));
      const Operand a{.values = left.span()};
      const Operand b{.values = right.span()};
      compare_native({shape, pass, a, b, {}, {}}, describe(shape, pass, {}, "numbers"), comparison);
      ASSERT_FALSE(HasFailure());
    }
  }
  comparison.expect_every_row();
}

}  // namespace
}  // namespace precsim::kernels
