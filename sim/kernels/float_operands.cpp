// Facts about FP32 operands.
#include "sim/kernels/float_operands.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "formats/exact.hpp"

namespace precsim::kernels {
namespace {

constexpr std::uint32_t infinity = 0x7f800000u;

/// What decides whether all products of two operands are FP32 numbers, over finite elements other than zero.
struct Magnitudes {
  std::uint32_t largest = 0, smallest = infinity;
  std::uint32_t bits = 0;  ///< all of them, or-ed
};

Magnitudes magnitudes(std::span<const float> values) {
  std::uint32_t largest = 0;
  std::uint32_t smallest = infinity;
  std::uint32_t bits = 0;
  const float* const x = values.data();
  const std::size_t size = values.size();
#pragma omp simd reduction(max : largest) reduction(min : smallest) reduction(| : bits)
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu;
    const std::uint32_t finite = magnitude < infinity ? magnitude : 0;
    largest = std::max(largest, finite);
    smallest = std::min(smallest, finite == 0 ? infinity : finite);
    bits |= finite;
  }
  return {largest, smallest, bits};
}

}  // namespace

bool products_are_floats(std::span<const float> left, std::span<const float> right) {
  constexpr std::uint32_t beyond_12_bits = 0xfff;
  const Magnitudes a = magnitudes(left);
  const Magnitudes b = magnitudes(right);
  if (a.largest == 0 || b.largest == 0) {
    return true;
  }
  const auto exponent = [](std::uint32_t bits) { return formats::exponent_of(std::bit_cast<float>(bits)); };
  return ((a.bits | b.bits) & beyond_12_bits) == 0 &&
         exponent(a.smallest) - 11 + exponent(b.smallest) - 11 >= formats::exponent_of_zero &&
         exponent(a.largest) + exponent(b.largest) + 2 <= 127;
}

std::vector<char> nonfinite_rows(const Matrix& matrix, const formats::ArrayKernel& kernel) {
  const std::int64_t rows = matrix.groups * matrix.rows;
  std::vector<char> bad(static_cast<std::size_t>(rows));
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* const values = matrix.values.data() + row * matrix.length();
    bad[static_cast<std::size_t>(row)] = kernel.extent(values, matrix.length()).first_nonfinite >= 0 ? 1 : 0;
  }
  return bad;
}

}  // namespace precsim::kernels
