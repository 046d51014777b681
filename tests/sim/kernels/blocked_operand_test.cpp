// Channel and block formats, converted for each use, against the rules of numerics 2 written a second time.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "sim/kernels/matrix.hpp"
#include "tests/support/oracle_bridge.hpp"
#include "tests/support/product_support.hpp"

namespace precsim::kernels {
namespace {

using support::operand_size;
using support::oracle_product;
using support::oracle_shape;
using support::Sample;
using support::small_shapes;
using support::text;

/// A dfp format in the library's and in the oracle's words.
struct Case {
  std::string name;
  oracle::Blocks blocks;
  oracle::Dfp dfp;
};
std::vector<Case> cases(const formats::Rounding rounding) {
  using oracle::Top;
  const oracle::Mode mode = support::oracle_mode(rounding.mode);
  const int bits = rounding.bits;
  return {{"dfp16:block=4", {false, 4}, {16, 0, Top::saturate, mode, bits}},
          {"dfp16:headroom=1,block=32", {false, 32}, {16, 1, Top::saturate, mode, bits}},
          {"dfp4:top=bump,block=2", {false, 2}, {4, 0, Top::bump, mode, bits}},
          {"dfp8:top=wrap,block=6", {false, 6}, {8, 0, Top::wrap, mode, bits}},
          {"dfp12:channel", {true, 0}, {12, 0, Top::saturate, mode, bits}},
          {"dfp4:top=bump,channel", {true, 0}, {4, 0, Top::bump, mode, bits}}};
}

std::vector<float> draw(std::size_t count, Sample& sample) {
  std::vector<float> values(count);
  for (float& value : values) {
    const std::uint64_t kind = sample.below(10);
    value = kind == 0   ? 0.0f
            : kind == 1 ? -0.0f
            : kind == 2 ? std::nextafter(std::ldexp(1.0f, static_cast<int>(sample.below(6))), 0.0f)
            : kind == 3 ? 0x1p-140f
                        : sample.normal_float(-6, 6);
  }
  return values;
}

bool is_reduced_channel(Pass pass, Side side) {
  return pass != Pass::weight_gradient && side == Side::left;
}

void expect_conversion(const ConvShape& shape, Pass pass, Side side, const Case& one, formats::Rounding rounding,
                       const std::vector<float>& tensor) {
  const formats::RandomBits bits{9, formats::Stream::rounding, 4, 77, 2};
  const OperandConversion how{{formats::parse_format(one.name), rounding}, bits, "conv1/activations"};
  const BlockedOperand result = convert_blocked(shape, pass, side, tensor, how);
  const oracle::ConvertedSide expected =
      oracle::convert_side(oracle_shape(shape), oracle_product(pass), side == Side::left, one.blocks, one.dfp, tensor,
                           [&](std::uint64_t i) { return bits.word(i); });
  const Matrix& matrix = result.matrix;
  ASSERT_EQ(matrix.codes.size(), expected.codes.size());
  for (std::int64_t line = 0; line < matrix.groups * matrix.rows; ++line) {
    for (std::int64_t k = 0; k < matrix.length(); ++k) {
      const auto at = static_cast<std::size_t>(line * matrix.length() + k);
      const std::int64_t per_tap = matrix.block == 0 ? 1 : (matrix.period + matrix.block - 1) / matrix.block;
      const std::int64_t block = matrix.block == 0 ? 0 : k / matrix.period * per_tap + k % matrix.period / matrix.block;
      const std::int16_t exponent =
          matrix.row_exponents(line / matrix.rows, line % matrix.rows)[block * matrix.block_stride];
      ASSERT_EQ(matrix.codes[at], expected.codes[at]) << one.name << ", " << text(shape) << ' ' << name(pass)
                                                      << (side == Side::left ? " left" : " right") << ", place " << at;
      ASSERT_EQ(exponent, expected.exponents[at]) << one.name << ", " << text(shape) << ' ' << name(pass)
                                                  << (side == Side::left ? " left" : " right") << ", place " << at;
    }
  }
}

TEST(BlockedOperand, CodesAndExponentsOfEveryPassSideAndRounding) {
  Sample sample(51);
  int checked = 0;
  const std::vector<std::string> roundings =
      support::slow_build
          ? std::vector<std::string>{"stochastic:bits=8"}
          : std::vector<std::string>{"nearest_even", "stochastic", "stochastic:bits=8", "biased", "to_odd"};
  for (const std::string& rounding_name : roundings) {
    const formats::Rounding rounding = formats::parse_rounding(rounding_name);
    for (const ConvShape& shape : small_shapes()) {
      for (const Pass pass : passes) {
        for (const Side side : {Side::left, Side::right}) {
          const std::vector<float> tensor = draw(operand_size(shape, pass, side), sample);
          for (const Case& one : cases(rounding)) {
            if (!(one.blocks.by_channel && is_reduced_channel(pass, side))) {
              expect_conversion(shape, pass, side, one, rounding, tensor);
              ++checked;
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(checked, static_cast<int>(roundings.size()) * 16 * (6 * 4 + 4 * 2));
}

TEST(BlockedOperand, ValuesAreTheCodesTimesTheirScalesInSourceOrder) {
  Sample sample(52);
  const ConvShape shape{2, 5, 5, 3, 4, 3, 3, 1, 1, 1};
  for (const Pass pass : passes) {
    for (const Side side : {Side::left, Side::right}) {
      const std::vector<float> tensor = draw(operand_size(shape, pass, side), sample);
      const OperandConversion how{formats::parse_conversion("dfp8:block=4"), {}, "x"};
      const BlockedOperand integers = convert_blocked(shape, pass, side, tensor, how);
      const BlockedOperand floats = convert_blocked(shape, pass, side, tensor, how, formats::OperandKind::floating);
      ASSERT_EQ(integers.values, floats.values);
      ASSERT_EQ(integers.source.size(), integers.values.size());
      EXPECT_FALSE(floats.matrix.is_integer());
      const bool view = pass == Pass::weight_gradient && side == Side::right;
      EXPECT_EQ(view, integers.source != tensor);
      const oracle::Implicit places = oracle::implicit(oracle_shape(shape), oracle_product(pass), true);
      const std::vector<std::int64_t>& elements = side == Side::left ? places.left : places.right;
      const Matrix& matrix = integers.matrix;
      for (std::size_t at = 0; at < elements.size(); ++at) {
        const auto place = static_cast<std::int64_t>(at);
        const std::int64_t line = place / matrix.length();
        const std::int64_t k = place % matrix.length();
        const std::int64_t per_tap = (matrix.period + matrix.block - 1) / matrix.block;
        const std::int64_t block = k / matrix.period * per_tap + k % matrix.period / matrix.block;
        const float value = std::ldexp(static_cast<float>(matrix.codes[at]), matrix.row_exponents(0, line)[block]);
        if (elements[at] >= 0) {
          const std::int64_t index = view ? line * (shape.n * shape.out_h() * shape.out_w()) + k : elements[at];
          ASSERT_EQ(integers.values[static_cast<std::size_t>(index)], value);
        } else {
          ASSERT_EQ(value, 0.0f);
        }
      }
    }
  }
}

TEST(BlockedOperand, ChannelOnTheReducedIndexIsRefused) {
  const formats::FormatPtr channel = formats::parse_format("dfp16:channel");
  int refused = 0;
  for (const Pass pass : passes) {
    for (const Side side : {Side::left, Side::right}) {
      if (!is_reduced_channel(pass, side)) {
        EXPECT_NO_THROW(check_blocking(*channel, pass, side, "conv2/weights"));
        continue;
      }
      try {
        check_blocking(*channel, pass, side, "conv2/activations");
        ADD_FAILURE() << name(pass);
      } catch (const UserError& error) {
        const std::string sentence = error.what();
        for (const char* part : {"conv2/activations", "dfp16:channel", "tensor or block=k"}) {
          EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
        }
        EXPECT_NE(sentence.find(name(pass)), std::string::npos) << sentence;
        ++refused;
      }
      const ConvShape shape = small_shapes()[2];
      const std::vector<float> tensor(operand_size(shape, pass, side));
      EXPECT_THROW(convert_blocked(shape, pass, side, tensor, {{channel, {}}, {}, "x"}), UserError);
    }
  }
  EXPECT_EQ(refused, 2);
}

TEST(BlockedOperand, NonFiniteElementsAreRefusedWithTheirPlaceInTheTensor) {
  const ConvShape shape{2, 5, 5, 3, 4, 3, 3, 1, 1, 1};
  int checked = 0;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const Pass pass : passes) {
      for (const Side side : {Side::left, Side::right}) {
        std::vector<float> tensor(operand_size(shape, pass, side), 1.0f);
        tensor[41] = bad;
        try {
          convert_blocked(shape, pass, side, tensor, {formats::parse_conversion("dfp16:block=4"), {}, "conv1/errors"});
          ADD_FAILURE() << name(pass);
        } catch (const UserError& error) {
          const std::string sentence = error.what();
          EXPECT_NE(sentence.find("conv1/errors"), std::string::npos) << sentence;
          EXPECT_NE(sentence.find("element 41 "), std::string::npos) << sentence;
          ++checked;
        }
      }
    }
  }
  EXPECT_EQ(checked, 12);
}

TEST(BlockedOperand, SaturatedElementsAreCountedOncePerConvertedElement) {
  const ConvShape shape = ConvShape::gemm(3, 2, 8);
  const std::vector<float> tensor(24, 0x1.fffffep0f);
  const BlockedOperand result =
      convert_blocked(shape, Pass::forward, Side::left, tensor, {formats::parse_conversion("dfp8:block=4"), {}, "x"});
  EXPECT_EQ(result.counts.saturated, 24u);
  EXPECT_EQ(result.exponents.size(), 6u);
}

}  // namespace
}  // namespace precsim::kernels
