// Operands of products for tests: every way to share exponents, with codes a conversion would never make.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "sim/kernels/multiply.hpp"
#include "tests/sim/kernels/product_support.hpp"

namespace precsim::kernels {

/// How one side shares exponents: 0 tensor, -1 one per row (channel), else products per block.
using Sharing = std::int64_t;

/// A lowered operand with codes of the given fill and, where rows or blocks have exponents of their own, random ones.
inline Matrix integer_operand(const ConvShape& shape, Pass pass, Side side, Sharing sharing, Fill fill,
                              support::Sample& sample) {
  const std::vector<std::int16_t> codes = draw_codes(fill, operand_size(shape, pass, side), sample);
  Matrix matrix = lower(shape, pass, side, codes, static_cast<int>(sample.below(60)) - 40);
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

inline bool same_bits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}
inline bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

inline bool same(const Telemetry& a, const Telemetry& b) {
  return a.outputs == b.outputs && a.products == b.products && a.chains == b.chains &&
         a.chain_length == b.chain_length && a.proved == b.proved && a.overflow_events == b.overflow_events &&
         a.overflow_outputs == b.overflow_outputs && a.first_output == b.first_output && a.first_k == b.first_k &&
         a.full == b.full && a.max_chain_sum == b.max_chain_sum && a.chain_bits == b.chain_bits &&
         same_bits(a.sqnr_db, b.sqnr_db) && same_bits(a.max_abs_error, b.max_abs_error) &&
         same_bits(a.mean_error, b.mean_error) && a.exact == b.exact;
}

}  // namespace precsim::kernels
