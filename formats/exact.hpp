// Finite numbers taken apart into sign, integer magnitude and power of two, exactly.
#pragma once

#include <bit>
#include <cfloat>
#include <cstdint>
#include <limits>

#include "formats/rounding.hpp"

#if defined(__FAST_MATH__) || FLT_EVAL_METHOD != 0
#error "precsim promises bits: build without -ffast-math and with FLT_EVAL_METHOD == 0"
#endif

namespace precsim::formats {

static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

/// The finite value (negative ? -1 : 1) * magnitude * 2^exponent; a zero keeps its sign.
struct Exact {
  bool negative = false;
  std::uint64_t magnitude = 0;
  int exponent = 0;
};

/// The smallest FP32 subnormal is 2^-149; E(0) by definition.
inline constexpr int exponent_of_zero = -149;

/// x taken apart; x must be finite.
constexpr Exact exact(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const int field = static_cast<int>((bits >> 23) & 0xff);
  const std::uint32_t fraction = bits & 0x7fffff;
  return {(bits >> 31) != 0, field == 0 ? fraction : fraction | 0x800000u, (field == 0 ? 1 : field) - 150};
}
constexpr Exact exact(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const int field = static_cast<int>((bits >> 52) & 0x7ff);
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
  return {(bits >> 63) != 0, field == 0 ? fraction : fraction | (std::uint64_t{1} << 52),
          (field == 0 ? 1 : field) - 1075};
}

/// E(x) = floor(log2 |x|) from the bits, exact also for subnormals; E(0) = -149. x must be finite.
constexpr int exponent_of(float x) {
  const Exact e = exact(x);
  return e.magnitude == 0 ? exponent_of_zero : static_cast<int>(std::bit_width(e.magnitude)) - 1 + e.exponent;
}
static_assert(exponent_of(1.0f) == 0 && exponent_of(0.99999994f) == -1 && exponent_of(-0x1p-149f) == -149);

/// True for infinities and NaN, by bits.
constexpr bool is_nonfinite(float x) {
  return (std::bit_cast<std::uint32_t>(x) & 0x7f800000u) == 0x7f800000u;
}
constexpr bool is_nan(float x) {
  return (std::bit_cast<std::uint32_t>(x) & 0x7fffffffu) > 0x7f800000u;
}

/// |x| in units of 2^step, rounded to an integer; 2^63 stands for anything that large or larger.
inline std::uint64_t round_to_step(const Exact& x, int step, Rounding rounding, std::uint32_t word) {
  const int drop = step - x.exponent;
  if (drop >= 0) {
    return discard_bits(x.magnitude, drop, x.negative, rounding, word);
  }
  const bool fits = x.magnitude == 0 || std::bit_width(x.magnitude) - drop <= 63;
  return fits ? x.magnitude << (x.magnitude == 0 ? 0 : -drop) : std::uint64_t{1} << 63;
}

/// 2^exponent as a double; -1022 <= exponent <= 1023.
constexpr double power_of_two(int exponent) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

}  // namespace precsim::formats
