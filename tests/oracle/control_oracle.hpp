// An independent oracle for exponents that are predicted or controlled: from everything that happened, in integers.
#pragma once

#include <cstdint>
#include <vector>

/// Written from the description of the two schemes (numerics 2; Autoflex and DFXP as their public code has them). No
/// state is carried along: each answer starts from the whole history of a tensor.
namespace oracle {

/// flexP+m with its options.
struct Flex {
  int mantissa_bits = 16, exponent_bits = 5;
  int history = 16, deviations = 3, offset = 100;
};
/// One conversion: the largest magnitude of its codes, and its exponent.
struct Conversion {
  std::int64_t largest = 0;
  int exponent = 0;
};
/// Of a tensor whose largest magnitude has these FP32 bits, converted for the first time.
int first_exponent(const Flex& flex, std::uint32_t absmax);
/// Of the conversion in step `step` after all of `before`, of which there is at least one. Exact, without a square root,
/// but where the prediction is a power of two to within 2^-48 of it: there the contract's FP64 operations decide. The
/// exponents of the conversions that count may span 40.
int next_exponent(const Flex& flex, const std::vector<Conversion>& before, std::int64_t step);

/// dfxpN with its options: `overflow` is a double from 2^-30 to below 1, or 0.
struct Range {
  int bits = 12, range = 5, every = 100;
  double overflow = 1e-4;
};
/// The range after these batches of codes.
int range_after(const Range& range, const std::vector<std::vector<std::int32_t>>& batches);

}  // namespace oracle
