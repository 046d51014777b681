// How a format's codes follow from its values, as data: what the array kernels need to know of it.
#pragma once

#include <cstdint>
#include <variant>

#include "formats/float_format.hpp"

namespace precsim::formats {

/// Two's complement codes of at most 16 bits that count steps of 2^exponent, the exponent being given per block.
struct IntegerCodes {
  std::int32_t largest = 0;        ///< the largest code, 2^k - 1
  std::int32_t most_negative = 0;  ///< magnitude of the most negative code
  bool wraps = false;              ///< beyond them: the low k + 1 bits, sign-extended; otherwise the nearest of them
  bool bumps = false;              ///< a block with a code beyond them is converted again under the next exponent
};

/// Floating-point codes of x * 2^-exponent, the exponent being given per block.
struct ScaledFloat {
  FloatFormat element;
};

/// std::monostate: only Format::convert knows.
using CodeRule = std::variant<std::monostate, FloatFormat, IntegerCodes, ScaledFloat>;

}  // namespace precsim::formats
