// The index maps of the three products against the nested loops of a convolution.
#include "sim/kernels/conv_shape.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "tests/support/product_support.hpp"

namespace precsim::kernels {
namespace {

using support::oracle_product;
using support::oracle_shape;
using support::small_shapes;
using support::text;

std::vector<ConvShape> many_shapes() {
  std::vector<ConvShape> shapes = small_shapes();
  for (std::int64_t stride = 1; stride <= 3; ++stride) {
    for (const auto& [kh, kw] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 3}, {5, 5}, {2, 3}, {3, 1}}) {
      for (std::int64_t pad = 0; pad < std::min(kh, kw); ++pad) {
        for (const auto& [ic, oc, groups] : {std::array<std::int64_t, 3>{3, 2, 1}, {4, 6, 2}}) {
          for (const auto& [h, w] : {std::pair<std::int64_t, std::int64_t>{5, 5}, {7, 6}, {11, 5}}) {
            shapes.push_back({2, h, w, ic, oc, kh, kw, stride, pad, groups});
          }
        }
      }
    }
  }
  return shapes;
}

TEST(ConvShape, EveryIndexMapIsThatOfTheNestedLoops) {
  int shapes = 0;
  for (const ConvShape& shape : many_shapes()) {
    if (support::slow_build && shapes % 7 != 0) {
      ++shapes;
      continue;
    }
    shape.check("test");
    for (const Pass pass : passes) {
      const ProductShape product = product_shape(shape, pass);
      const oracle::Implicit expected = oracle::implicit(oracle_shape(shape), oracle_product(pass), false);
      ASSERT_EQ(product.groups, expected.groups);
      ASSERT_EQ(product.rows, expected.rows);
      ASSERT_EQ(product.columns, expected.columns);
      ASSERT_EQ(product.taps, expected.taps);
      ASSERT_EQ(product.channels, expected.period);
      for (const Side side : {Side::left, Side::right}) {
        std::size_t at = 0;
        const std::int64_t rows = side == Side::left ? product.rows : product.columns;
        const std::vector<std::int64_t>& elements = side == Side::left ? expected.left : expected.right;
        for (std::int64_t g = 0; g < product.groups; ++g) {
          for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t tap = 0; tap < product.taps; ++tap) {
              for (std::int64_t c = 0; c < product.channels; ++c) {
                ASSERT_EQ(source_index(shape, pass, side, g, row, tap, c), elements[at++])
                    << text(shape) << ' ' << name(pass) << ", row " << row << ", tap " << tap << ", channel " << c;
              }
            }
          }
        }
        ASSERT_EQ(at, elements.size());
      }
      for (std::size_t i = 0; i < expected.result.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        ASSERT_EQ(result_index(shape, pass, at / (product.rows * product.columns), at / product.columns % product.rows,
                               at % product.columns),
                  expected.result[i]);
        const ResultPlace place = result_place(shape, pass, expected.result[i]);
        ASSERT_EQ((place.group * product.rows + place.row) * product.columns + place.column, at);
      }
      const auto sizes = result_sizes(shape, pass);
      ASSERT_EQ(sizes[0] * sizes[1] * sizes[2] * sizes[3], static_cast<std::int64_t>(expected.result.size()));
    }
    ++shapes;
  }
  EXPECT_GT(shapes, 200);
}

/// Sums the implicit product over source_index and result_index and compares with a scatter over the nested loops.
TEST(ConvShape, TheThreeProductsAreTheGradientsOfOneConvolution) {
  support::Sample sample(41);
  for (const ConvShape& shape : small_shapes()) {
    const auto draw = [&](std::int64_t count) {
      std::vector<std::int64_t> values(static_cast<std::size_t>(count));
      for (std::int64_t& value : values) {
        value = static_cast<std::int64_t>(sample.below(2001)) - 1000;
      }
      return values;
    };
    const std::vector<std::int64_t> x = draw(shape.input_size());
    const std::vector<std::int64_t> w = draw(shape.weight_size());
    const std::vector<std::int64_t> dy = draw(shape.output_size());
    std::vector<std::int64_t> y(dy.size());
    std::vector<std::int64_t> dx(x.size());
    std::vector<std::int64_t> dw(w.size());
    oracle::for_each_mac(oracle_shape(shape), [&](const oracle::Mac& mac) {
      const auto [o, i, j] = std::array{static_cast<std::size_t>(mac.output), static_cast<std::size_t>(mac.input),
                                        static_cast<std::size_t>(mac.weight)};
      y[o] += x[i] * w[j];
      dx[i] += dy[o] * w[j];
      dw[j] += dy[o] * x[i];
    });
    for (const Pass pass : passes) {
      const auto& left = pass == Pass::forward ? x : dy;
      const auto& right = pass == Pass::weight_gradient ? x : w;
      const auto& expected = pass == Pass::forward ? y : pass == Pass::input_gradient ? dx : dw;
      const ProductShape product = product_shape(shape, pass);
      std::vector<int> written(expected.size());
      for (std::int64_t g = 0; g < product.groups; ++g) {
        for (std::int64_t row = 0; row < product.rows; ++row) {
          for (std::int64_t column = 0; column < product.columns; ++column) {
            std::int64_t sum = 0;
            for (std::int64_t tap = 0; tap < product.taps; ++tap) {
              for (std::int64_t c = 0; c < product.channels; ++c) {
                const std::int64_t a = source_index(shape, pass, Side::left, g, row, tap, c);
                const std::int64_t b = source_index(shape, pass, Side::right, g, column, tap, c);
                sum += a < 0 || b < 0 ? 0 : left[static_cast<std::size_t>(a)] * right[static_cast<std::size_t>(b)];
              }
            }
            const auto result = static_cast<std::size_t>(result_index(shape, pass, g, row, column));
            ASSERT_EQ(sum, expected[result]) << text(shape) << ' ' << name(pass);
            ++written[result];
          }
        }
      }
      for (const int times : written) {
        ASSERT_EQ(times, 1) << text(shape) << ' ' << name(pass);
      }
    }
  }
}

TEST(ConvShape, AMatrixProductIsAOneByOneConvolution) {
  const ConvShape gemm = ConvShape::gemm(3, 4, 5);
  const ProductShape product = product_shape(gemm, Pass::forward);
  EXPECT_EQ(product.rows, 3);
  EXPECT_EQ(product.columns, 4);
  EXPECT_EQ(product.taps * product.channels, 5);
  EXPECT_EQ(source_index(gemm, Pass::forward, Side::left, 0, 2, 0, 3), 13);
  EXPECT_EQ(source_index(gemm, Pass::forward, Side::right, 0, 3, 0, 1), 16);
  EXPECT_EQ(result_index(gemm, Pass::forward, 0, 2, 3), 11);
  EXPECT_EQ(gemm.macs(), 60);
}

TEST(ConvShape, ImpossibleShapesAreRefusedInASentence) {
  const ConvShape good{2, 8, 8, 4, 6, 3, 3, 1, 1, 2};
  EXPECT_NO_THROW(good.check("layer"));
  const auto with = [&](auto change) {
    ConvShape shape = good;
    change(shape);
    return shape;
  };
  constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  const std::vector<ConvShape> bad = {
      with([](ConvShape& s) { s.n = 0; }),
      with([](ConvShape& s) { s.h = -1; }),
      with([](ConvShape& s) { s.w = huge; }),
      with([](ConvShape& s) { s.ic = 0; }),
      with([](ConvShape& s) { s.oc = -6; }),
      with([](ConvShape& s) { s.kh = 0; }),
      with([](ConvShape& s) { s.kw = 11; }),
      with([](ConvShape& s) { s.stride = 0; }),
      with([](ConvShape& s) { s.pad = -1; }),
      with([](ConvShape& s) { s.pad = 3; }),
      with([](ConvShape& s) { s.pad = huge; }),
      with([](ConvShape& s) { s.groups = 0; }),
      with([](ConvShape& s) { s.groups = 4; }),
      with([](ConvShape& s) { s.kh = 1, s.pad = 1; }),
      with([](ConvShape& s) { s.n = s.h = s.w = std::int64_t{1} << 31; }),
      with([](ConvShape& s) { s.oc = s.ic = std::int64_t{1} << 31, s.groups = 1; }),
  };
  for (const ConvShape& shape : bad) {
    try {
      shape.check("layer 'conv1'");
      ADD_FAILURE() << text(shape);
    } catch (const UserError& error) {
      EXPECT_EQ(std::string(error.what()).find("layer 'conv1'"), 0u) << error.what();
    }
  }
  EXPECT_EQ(bad.size(), 16u);
}

}  // namespace
}  // namespace precsim::kernels
