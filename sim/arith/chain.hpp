// How a reduction is cut into chains, what a spill does, and which chain length provably cannot overflow.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "formats/exact.hpp"

namespace precsim::arith {

/// Where the blocks of the two operands end along a reduction of `length` products, made of equal periods
/// (taps, for a convolution) that blocks never cross. A block size of 0: one block for the whole reduction.
struct ReductionLayout {
  std::int64_t length = 0;
  std::int64_t period = 0;   ///< divides length
  std::int64_t block_a = 0;  ///< products per block within a period, the last one shorter
  std::int64_t block_b = 0;

  /// Blocks of an operand with this block size.
  std::int64_t blocks(std::int64_t block) const {
    return block == 0 ? 1 : (length / period) * ((period + block - 1) / block);
  }
};

/// One chain: products begin <= k < end, from lane 0, spilled with the exponents of these blocks.
struct Chain {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t block_a = 0;
  std::int64_t block_b = 0;
};

/// Cuts a reduction: blocks first, then every `length` products (chain_to_end: none), the last one short.
std::vector<Chain> cut(const ReductionLayout& layout, std::int64_t length);

/// 2^exponent as two FP32 factors, since it may not be an FP32 number itself: fma(lane * first, second, c) is the spill
/// of float(lane) for every c that is not NaN. Beyond 2^-252 and 2^222 no spill depends on how far: below,
/// the term is under 2^-220, far from half of any place of c; above, even lane 1 carries any finite c to infinity.
/// `first` is at most 2^96, so that lane * first stays finite and an infinite c stays what it is, as in RNE(float(lane)
/// * 2^E + c). Numerics 4's second form, s1 = trunc(s/2), would make it NaN where lane * 2^s1 is infinite too (E of 194
/// and more); the first form is kept.
struct SpillFactors {
  float first, second;
};
constexpr SpillFactors spill_factors(int exponent) {
  const int clamped = std::clamp(exponent, -252, 222);
  const int first = std::min(clamped / 2, 96);
  return {static_cast<float>(formats::power_of_two(first)), static_cast<float>(formats::power_of_two(clamped - first))};
}

/// c = RNE(float(lane) * 2^exponent + c): int to float is RNE, the scale is exact for every exponent, one rounding; an
/// infinite c stays.
float spill(std::int32_t lane, int exponent, float c);

/// The spill of a floating-point sum of unscaled elements: the same, whatever the exponent; the sum, of any accumulator
/// format, is an FP32 number. Infinities and NaN follow IEEE 754; a NaN becomes the quiet one without sign or payload.
float spill(float sum, int exponent, float c);

/// The largest sum of squares that a chain may have against one of `squares`, so that it cannot leave
/// [-(2^31-1), 2^31-1] at any prefix: floor((2^31-1)^2 / squares).
constexpr std::uint64_t most_proved(std::uint64_t squares) {
  constexpr std::uint64_t limit = (std::uint64_t{1} << 31) - 1;
  return squares == 0 ? ~std::uint64_t{0} : limit * limit / squares;
}
constexpr bool proved(std::uint64_t squares_a, std::uint64_t squares_b) {
  return squares_a <= most_proved(squares_b);
}

}  // namespace precsim::arith
