// chain=auto from tensors: the same decision as from the lowered operands, for every row of the table.
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "sim/kernels/native/prove.hpp"
#include "sim/kernels/tile.hpp"
#include "tests/support/operand_support.hpp"
#include "tests/support/sample.hpp"

namespace precsim::kernels {
namespace {

using arith::Atom;
using support::Sample;
using Codes = std::vector<std::int16_t>;

constexpr std::int64_t top = (std::int64_t{1} << 31) - 1;

/// n, h, w, ic, oc, kh, kw, stride, pad, groups: vectors of every width and ragged ones, windows beyond the border,
/// strides that leave pixels out, chains within a pixel, of some taps, and of many lines.
constexpr ConvShape shapes[] = {
    {2, 5, 7, 3, 5, 3, 3, 1, 1, 1},    {1, 9, 9, 16, 16, 3, 3, 1, 1, 1},   {2, 11, 20, 3, 18, 7, 7, 2, 3, 1},
    {3, 6, 6, 24, 40, 3, 3, 2, 1, 2},  {2, 4, 9, 8, 6, 2, 3, 3, 1, 1},     {1, 6, 40, 33, 17, 1, 1, 1, 0, 1},
    {2, 7, 7, 128, 64, 1, 1, 2, 0, 1}, {40, 1, 1, 1030, 9, 1, 1, 1, 0, 1}, {9, 1, 1, 768, 3, 1, 1, 1, 0, 3},
    {1, 30, 35, 4, 4, 5, 1, 1, 2, 1},  {2, 12, 50, 8, 8, 3, 3, 1, 0, 1},   {1, 3, 3, 64, 12, 1, 1, 1, 1, 1},
    {2, 17, 3, 6, 10, 3, 2, 2, 1, 2}};

struct Tensors {
  const ConvShape& shape;
  Pass pass;
  Codes left, right;

  Codes& of(Side side) { return side == Side::left ? left : right; }
  Matrix lowered(Side side) const { return lower(shape, pass, side, side == Side::left ? left : right, 0); }
};

Codes draw(std::int64_t count, int shift, Sample& sample) {
  Codes codes(static_cast<std::size_t>(count));
  for (std::int16_t& code : codes) {
    code = static_cast<std::int16_t>(static_cast<std::int16_t>(sample.word()) >> shift);
  }
  return codes;
}

/// Raises what some row meets in a run of its reduction, at any place.
void heat(Tensors& tensors, Side side, Sample& sample) {
  const ProductShape shape = product_shape(tensors.shape, tensors.pass);
  const auto rows = static_cast<std::uint64_t>(side == Side::left ? shape.rows : shape.columns);
  const auto group = static_cast<std::int64_t>(sample.below(static_cast<std::uint64_t>(shape.groups)));
  const auto row = static_cast<std::int64_t>(sample.below(rows));
  const auto length = static_cast<std::uint64_t>(shape.taps * shape.channels);
  const std::uint64_t first = sample.below(length);
  const std::uint64_t last = std::min(length, first + 1 + sample.below(200));
  const auto code = static_cast<std::int16_t>(sample.below(3) == 0 ? -32768 : sample.below(32768));
  for (auto k = static_cast<std::int64_t>(first); k < static_cast<std::int64_t>(last); ++k) {
    const std::int64_t at =
        source_index(tensors.shape, tensors.pass, side, group, row, k / shape.channels, k % shape.channels);
    if (at >= 0) {
      tensors.of(side)[static_cast<std::size_t>(at)] = code;
    }
  }
}

/// The sums of a tensor of images, added in runs of any length; of weights, none.
native::CodeOperand with_squares(const Tensors& t, Side side, const TileKernel& kernel, native::CodeSquares& squares) {
  const Codes& codes = side == Side::left ? t.left : t.right;
  const bool is_error = side == Side::left && t.pass != Pass::forward;
  if (side == Side::right && t.pass != Pass::weight_gradient) {
    return {codes.data()};
  }
  const std::int64_t channels = is_error ? t.shape.oc : t.shape.ic;
  const std::int64_t pixels = static_cast<std::int64_t>(codes.size()) / channels;
  squares.begin(pixels, channels, t.shape.groups);
  std::int64_t first = 0;
  for (std::int64_t run = 1 + pixels % 50; first < pixels; run += 7) {
    const std::int64_t last = std::min(pixels, first + run);
    squares.add(*kernel.native, codes.data() + first * channels, first, last);
    first = last;
  }
  return {codes.data(), &squares};
}

/// The rows of the table that this CPU can run, whose proofs must all decide as the lowered operands do.
ProvedChain expect_same(const Tensors& t, Atom atom) {
  const Matrix left = t.lowered(Side::left);
  const Matrix right = t.lowered(Side::right);
  const ProvedChain expected = prove_chain(left, right, atom);
  constexpr std::int64_t lengths[] = {arith::chain_to_end, 2, 6, 10, 48, 64, 96};
  native::CodeSquares of_left;
  native::CodeSquares of_right;
  for (const TileKernel& kernel : tile_kernels()) {
    for (int given = 0; kernel.usable() && given < 2; ++given) {
      SCOPED_TRACE(std::string(kernel.name) + (given == 1 ? ", sums given" : ""));
      const bool gives = given == 1;
      const auto a = gives ? with_squares(t, Side::left, kernel, of_left) : native::CodeOperand{t.left.data()};
      const auto b = gives ? with_squares(t, Side::right, kernel, of_right) : native::CodeOperand{t.right.data()};
      const ProvedChain chain = native::prove_chain(t.shape, t.pass, a, b, atom, kernel);
      EXPECT_EQ(chain.length, expected.length);
      EXPECT_EQ(chain.proved, expected.proved);
      for (const std::int64_t length : lengths) {
        EXPECT_EQ(native::is_proved(t.shape, t.pass, a, b, length, kernel), is_proved(left, right, length)) << length;
      }
    }
  }
  return expected;
}

class NativeProve : public ::testing::Test {
 protected:
  void SetUp() override { omp_set_num_threads(1); }
};

TEST_F(NativeProve, EqualsTheDecisionFromLoweredOperands) {
  Sample sample(301);
  std::set<std::int64_t> lengths;
  int unproved = 0;
  const int rounds = support::sample_size(12);
  for (const ConvShape& shape : shapes) {
    for (const Pass pass : passes) {
      for (int round = 0; round < rounds; ++round) {
        SCOPED_TRACE(std::string(name(pass)) + " of shape " + std::to_string(&shape - shapes) + ", round " +
                     std::to_string(round));
        Tensors tensors{shape, pass, draw(shape.operand_size(pass, Side::left), round % 6, sample),
                        draw(shape.operand_size(pass, Side::right), round / 2, sample)};
        for (int spots = round % 4; spots > 0; --spots) {
          heat(tensors, spots % 2 == 0 ? Side::left : Side::right, sample);
          heat(tensors, Side::left, sample);
        }
        const ProvedChain chain = expect_same(tensors, round % 3 == 0 ? Atom::pair4 : Atom::pair);
        ASSERT_FALSE(HasFailure());
        lengths.insert(chain.length);
        unproved += chain.proved ? 0 : 1;
      }
    }
  }
  if (!support::slow_build) {
    EXPECT_EQ(lengths, (std::set<std::int64_t>{2, 4, 8, 16, 32, 64, 128, 256, 512}));
    EXPECT_GT(unproved, 0);
  }
}

/// Four codes of one chunk of a row with these squares, where the row meets the tensor; false where it does not.
bool place(Tensors& t, Side side, std::int64_t group, std::int64_t row, const std::vector<std::int64_t>& steps,
           std::int64_t squares) {
  const ProductShape shape = product_shape(t.shape, t.pass);
  const std::vector<std::int32_t> codes = oracle::squares_to(squares);
  std::set<std::int64_t> used;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::int64_t at =
        source_index(t.shape, t.pass, side, group, row, steps[i] / shape.channels, steps[i] % shape.channels);
    if (at < 0 || !used.insert(at).second) {
      return false;
    }
    t.of(side)[static_cast<std::size_t>(at)] = static_cast<std::int16_t>(codes[i]);
  }
  return true;
}

TEST_F(NativeProve, OneRowOnTheBoundAnywhereDecides) {
  Sample sample(302);
  int decided = 0;
  const int rounds = support::sample_size(12);
  for (const ConvShape& shape : shapes) {
    for (const Pass pass : passes) {
      const ProductShape product = product_shape(shape, pass);
      const std::int64_t length = product.taps * product.channels;
      for (int round = 0; round < rounds; ++round) {
        const std::int64_t b_squares = 3 * (std::int64_t{1} << 29) + sample.word() % (1u << 30);
        const auto limit = static_cast<std::int64_t>(oracle::Int128{top} * top / b_squares);
        const auto pick = [&](std::int64_t bound) {
          return static_cast<std::int64_t>(sample.below(static_cast<std::uint64_t>(bound)));
        };
        const std::int64_t group = pick(product.groups);
        const std::int64_t row = pick(product.rows);
        const std::int64_t column = pick(product.columns);
        std::vector<std::int64_t> steps;
        const std::int64_t first = pick(length);
        for (int i = 0; i < 4; ++i) {
          steps.push_back(first + pick(std::min<std::int64_t>(length - first, 60)));
        }
        std::vector<bool> proved;
        for (const std::int64_t squares : {limit, limit + 1}) {
          Tensors t{shape, pass, Codes(static_cast<std::size_t>(shape.operand_size(pass, Side::left))),
                    Codes(static_cast<std::size_t>(shape.operand_size(pass, Side::right)))};
          if (!place(t, Side::left, group, row, steps, squares) ||
              !place(t, Side::right, group, column, steps, b_squares)) {
            break;
          }
          SCOPED_TRACE(std::string(name(pass)) + " of shape " + std::to_string(&shape - shapes));
          proved.push_back(expect_same(t, Atom::pair).length == 512);
          ASSERT_FALSE(HasFailure());
        }
        decided += proved.size() == 2 && proved[0] && !proved[1] ? 1 : 0;
      }
    }
  }
  EXPECT_GT(decided, 5 * rounds);
}

}  // namespace
}  // namespace precsim::kernels
