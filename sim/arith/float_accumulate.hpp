// One floating-point multiply-accumulate step, exact but for its one rounding.
#pragma once

#include <cstdint>

#include "formats/exact.hpp"
#include "sim/arith/accumulator.hpp"

namespace precsim::arith {

/// a + b of two exact finite values; where it needs more than 62 bits, the lowest bit is a sticky bit, at least
/// 60 places below the leading one. An exact zero is positive unless both terms are negative (numerics 4: the sign
/// of a finished zero is not kept).
formats::Exact add(const formats::Exact& a, const formats::Exact& b);

/// The exact product of two FP32 numbers.
formats::Exact multiply(float a, float b);

/// The random words of one step: for the sum and for a product that is rounded on its own.
struct StepWords {
  std::uint32_t sum = 0;
  std::uint32_t product = 0;
};

/// sum + a * b under the accumulator; `sum` is a value of its format. Non-finite operands follow IEEE 754; a product of
/// finite ones that overflows a format of its own is what meets the sum, an infinite sum too.
float accumulate(const FloatAccumulator& accumulator, float sum, float a, float b, StepWords words);

}  // namespace precsim::arith
