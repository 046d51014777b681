// Powers of two for the exponents of two operands, whose products scale spills.
#pragma once

#include <algorithm>
#include <cstdint>

#include "formats/exact.hpp"

namespace precsim::kernels::native {

/// The exponents of an operand's blocks with a code other than zero. What is spilled of blocks of zeros, whose
/// exponents may be the lowest there are, is zero: they take the nearest in range.
struct ExponentRange {
  int low = 0, high = 0;

  float power(int exponent, int shift) const {
    return static_cast<float>(formats::power_of_two(std::clamp(exponent, low, high) + shift));
  }
};

/// The power of an exponent of the left is shifted by `shift`, of the right against it, so that both sides' powers and
/// their products are normal FP32 numbers, where that is `possible`.
struct PowerSplit {
  bool possible;
  int shift;
};
constexpr PowerSplit split_powers(const ExponentRange& left, const ExponentRange& right) {
  constexpr int smallest_normal = -126;
  constexpr int largest_normal = 127;
  const int shift = -(left.low + left.high) / 2;
  const auto normal = [](int low, int high) { return low >= smallest_normal && high <= largest_normal; };
  return {normal(left.low + right.low, left.high + right.high) && normal(left.low + shift, left.high + shift) &&
              normal(right.low - shift, right.high - shift),
          shift};
}

}  // namespace precsim::kernels::native
