// Lowering equals the gather by source_index, with its zeros and fill.
#include "sim/kernels/matrix.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "formats/error.hpp"
#include "tests/support/product_support.hpp"

namespace precsim::kernels {
namespace {

using support::operand_size;
using support::oracle_product;
using support::oracle_shape;
using support::small_shapes;
using support::text;

template <class T>
void expect_gather(const ConvShape& shape, Pass pass, Side side, const std::vector<T>& tensor, const Matrix& matrix,
                   const std::vector<T>& elements, bool even) {
  const oracle::Implicit expected = oracle::implicit(oracle_shape(shape), oracle_product(pass), even);
  const std::vector<std::int64_t>& source = side == Side::left ? expected.left : expected.right;
  ASSERT_EQ(matrix.groups, expected.groups);
  ASSERT_EQ(matrix.rows, side == Side::left ? expected.rows : expected.columns);
  ASSERT_EQ(matrix.taps, expected.taps);
  ASSERT_EQ(matrix.period, expected.period);
  ASSERT_EQ(elements.size(), source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    ASSERT_EQ(elements[i], source[i] < 0 ? T{} : tensor[static_cast<std::size_t>(source[i])])
        << text(shape) << ' ' << name(pass) << ", place " << i;
  }
}

TEST(Matrix, LoweringIsTheGatherOfEveryPassAndSide) {
  int checked = 0;
  for (const ConvShape& shape : small_shapes()) {
    for (const Pass pass : passes) {
      for (const Side side : {Side::left, Side::right}) {
        std::vector<std::int16_t> codes(operand_size(shape, pass, side));
        std::iota(codes.begin(), codes.end(), std::int16_t{1});
        const std::vector<float> values(codes.begin(), codes.end());
        const Matrix integers = lower(shape, pass, side, codes, -9);
        EXPECT_TRUE(integers.is_integer());
        EXPECT_EQ(*integers.row_exponents(0, integers.rows - 1), -9);
        EXPECT_EQ(integers.period % 2, 0);
        expect_gather(shape, pass, side, codes, integers, integers.codes, true);
        for (const bool even : {false, true}) {
          const Matrix floats = lower(shape, pass, side, values, even);
          EXPECT_FALSE(floats.is_integer());
          expect_gather(shape, pass, side, values, floats, floats.values, even);
        }
        ++checked;
      }
    }
  }
  EXPECT_EQ(checked, 16 * 6);
}

TEST(Matrix, OperandsOfDifferentProductsHaveNoCommonLayout) {
  const ConvShape shape = small_shapes()[2];
  const std::vector<float> input(operand_size(shape, Pass::forward, Side::left));
  const std::vector<float> weights(operand_size(shape, Pass::forward, Side::right));
  const Matrix left = lower(shape, Pass::forward, Side::left, input);
  EXPECT_NO_THROW(reduction_layout(left, lower(shape, Pass::forward, Side::right, weights)));
  EXPECT_THROW(reduction_layout(left, lower(shape, Pass::forward, Side::right, weights, true)), CheckError);
}

}  // namespace
}  // namespace precsim::kernels
