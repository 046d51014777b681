// The reference reductions: one output of a product, step by step, as the contract is written (numerics 3-5).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "formats/random_bits.hpp"
#include "sim/arith/accumulator.hpp"
#include "sim/arith/chain.hpp"

namespace precsim::arith {

/// What happened while one output was formed.
struct OutputTrace {
  std::uint64_t overflow_events = 0;
  std::int64_t first_overflow = -1;            ///< k of the first product of the first overflowing step
  std::uint64_t max_chain_sum = 0;             ///< largest |true sum| at a chain end
  std::array<std::uint64_t, 64> chain_bits{};  ///< [b-1]: chain ends whose true sum needs b bits in two's complement
  double exact = 0;                            ///< the exact sum, see exact_reduction
};

/// The two integer operands of one output: codes along k, one exponent per block, block exponents `stride` apart.
struct IntegerOperand {
  std::span<const std::int16_t> codes;
  const std::int16_t* exponents = nullptr;
  std::int64_t stride = 0;  ///< 0: every block has exponents[0]
  int exponent(std::int64_t block) const { return exponents[block * stride]; }
};

/// The same of elements that are FP32 numbers (MX).
struct ScaledOperand {
  std::span<const float> elements;
  const std::int16_t* exponents = nullptr;
  std::int64_t stride = 0;
  int exponent(std::int64_t block) const { return exponents[block * stride]; }
};

/// One output of an integer product: chains as cut, lanes under the accumulator's rule, spilled into FP32.
/// A result equal to zero is +0. `trace` may be null.
float reduce(const IntegerOperand& a, const IntegerOperand& b, std::span<const Chain> chains,
             const IntegerAccumulator& accumulator, OutputTrace* trace);

/// One output of a floating-point product, in order of k, one step per product. Stochastic accumulators use word
/// `first_word` + k of `bits` (use + 1 for products rounded on their own).
float reduce(std::span<const float> a, std::span<const float> b, const FloatAccumulator& accumulator,
             const formats::RandomBits& bits, std::uint64_t first_word);

/// One output of a product of scaled elements: in each chain (to the end of a block) a sum from +0 on of unscaled
/// elements, step by step, spilled into FP32. Draws as above.
float reduce(const ScaledOperand& a, const ScaledOperand& b, std::span<const Chain> chains,
             const FloatAccumulator& accumulator, const formats::RandomBits& bits, std::uint64_t first_word);

/// The exact sum as telemetry defines it: with one exponent pair, the INT64 sum scaled (rounded once, to double);
/// otherwise, and for floats, a sequential double FMA in the same order.
double exact_reduction(const IntegerOperand& a, const IntegerOperand& b, std::span<const Chain> chains);
double exact_reduction(std::span<const float> a, std::span<const float> b);
double exact_reduction(const ScaledOperand& a, const ScaledOperand& b, std::span<const Chain> chains);

/// Bits that a sum needs in two's complement, 1..64 (0 and -1 need 1).
constexpr int bits_needed(std::int64_t sum) {
  return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(sum < 0 ? ~sum : sum))) + 1;
}

}  // namespace precsim::arith
