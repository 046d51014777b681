// Integer operands of products for tests: every way to share exponents, codes a conversion would never make, and the
// same products in the oracle's words.
#pragma once

#include <bit>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "sim/kernels/multiply.hpp"
#include "tests/oracle/integer_oracle.hpp"
#include "tests/support/product_support.hpp"

namespace precsim::support {

/// How one side shares exponents: 0 tensor, -1 one per row (channel), else products per block.
using Sharing = std::int64_t;

/// A lowered operand with these codes of its tensor and, where rows or blocks have exponents of their own, random ones.
inline kernels::Matrix integer_operand(const kernels::ConvShape& shape, kernels::Pass pass, kernels::Side side,
                                       Sharing sharing, const std::vector<std::int16_t>& codes, Sample& sample) {
  kernels::Matrix matrix = lower(shape, pass, side, codes, static_cast<int>(sample.below(60)) - 40);
  if (sharing == 0) {
    return matrix;
  }
  matrix.block = sharing > 0 ? sharing : 0;
  matrix.block_stride = sharing > 0 ? 1 : 0;
  matrix.row_stride = sharing > 0 ? matrix.taps * ((matrix.period + sharing - 1) / sharing) : 1;
  matrix.exponents.resize(static_cast<std::size_t>(matrix.groups * matrix.rows * matrix.row_stride));
  for (std::int16_t& exponent : matrix.exponents) {
    exponent = static_cast<std::int16_t>(static_cast<int>(sample.below(30)) - 20);
    exponent = sample.below(40) == 0 ? std::int16_t{-163} : exponent;
  }
  return matrix;
}

/// The same with codes of the given fill.
inline kernels::Matrix integer_operand(const kernels::ConvShape& shape, kernels::Pass pass, kernels::Side side,
                                       Sharing sharing, Fill fill, Sample& sample) {
  return integer_operand(shape, pass, side, sharing, draw_codes(fill, operand_size(shape, pass, side), sample), sample);
}

/// Codes and exponents of a matrix by place: [(group * rows + row) * length + k].
inline oracle::ConvertedSide by_place(const kernels::Matrix& matrix) {
  const std::int64_t per_tap = matrix.block == 0 ? 0 : (matrix.period + matrix.block - 1) / matrix.block;
  oracle::ConvertedSide side;
  for (std::int64_t line = 0; line < matrix.groups * matrix.rows; ++line) {
    const std::int16_t* exponents = matrix.row_exponents(line / matrix.rows, line % matrix.rows);
    for (std::int64_t k = 0; k < matrix.length(); ++k) {
      const std::int64_t block = matrix.block == 0 ? 0 : k / matrix.period * per_tap + k % matrix.period / matrix.block;
      side.codes.push_back(matrix.codes[static_cast<std::size_t>(line * matrix.length() + k)]);
      side.exponents.push_back(exponents[block * matrix.block_stride]);
    }
  }
  return side;
}

/// The same from a tensor that shares one exponent, its places by the oracle's nested loops.
inline oracle::ConvertedSide by_place(const kernels::ConvShape& shape, kernels::Pass pass, kernels::Side side,
                                      const oracle::Converted& tensor) {
  const oracle::Implicit places = oracle::implicit(oracle_shape(shape), oracle_product(pass), true);
  oracle::ConvertedSide out;
  for (const std::int64_t element : side == kernels::Side::left ? places.left : places.right) {
    out.codes.push_back(element < 0 ? 0 : tensor.codes[static_cast<std::size_t>(element)]);
    out.exponents.push_back(tensor.exponent);
  }
  return out;
}

/// Two matrices in the oracle's words, outputs in the order (group, row, column).
inline oracle::IntegerProduct in_oracle_words(const kernels::Matrix& left, const kernels::Matrix& right) {
  oracle::IntegerProduct product;
  product.groups = left.groups;
  product.rows = left.rows;
  product.columns = right.rows;
  product.length = left.length();
  product.period = left.period;
  product.block_left = left.block;
  product.block_right = right.block;
  product.left = by_place(left);
  product.right = by_place(right);
  for (std::int64_t i = 0; i < left.groups * left.rows * right.rows; ++i) {
    product.result.push_back(i);
  }
  return product;
}

/// A product of a convolution in the oracle's words: sizes and places from its nested loops; of the matrices only codes
/// and exponents are taken. Throws where their sizes are others.
inline oracle::IntegerProduct in_oracle_words(const kernels::ConvShape& shape, kernels::Pass pass,
                                              const kernels::Matrix& left, const kernels::Matrix& right) {
  const oracle::Implicit places = oracle::implicit(oracle_shape(shape), oracle_product(pass), true);
  oracle::IntegerProduct product = in_oracle_words(left, right);
  product.groups = places.groups;
  product.rows = places.rows;
  product.columns = places.columns;
  product.length = places.length();
  product.period = places.period;
  product.result = places.result;
  if (product.left.codes.size() != places.left.size() || product.right.codes.size() != places.right.size()) {
    throw std::logic_error("matrices of other sizes than the convolution's: " + text(shape));
  }
  return product;
}

/// The accumulator with its chain length resolved.
inline oracle::Accumulation in_oracle_words(const arith::IntegerAccumulator& accumulator, std::int64_t chain) {
  return {accumulator.atom == arith::Atom::single ? 1 : 2, accumulator.overflow == arith::OverflowRule::saturate,
          chain};
}

inline bool same_bits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}
inline bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

inline bool same(const kernels::Telemetry& a, const kernels::Telemetry& b) {
  return a.outputs == b.outputs && a.products == b.products && a.chains == b.chains &&
         a.chain_length == b.chain_length && a.proved == b.proved && a.overflow_events == b.overflow_events &&
         a.overflow_outputs == b.overflow_outputs && a.first_output == b.first_output && a.first_k == b.first_k &&
         a.full == b.full && a.max_chain_sum == b.max_chain_sum && a.chain_bits == b.chain_bits &&
         same_bits(a.sqnr_db, b.sqnr_db) && same_bits(a.max_abs_error, b.max_abs_error) &&
         same_bits(a.mean_error, b.mean_error) && a.exact == b.exact;
}

}  // namespace precsim::support
