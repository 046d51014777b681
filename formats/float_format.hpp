// Floating-point formats of up to 32 bits as records; encoding (one rounding) and decoding.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "formats/exact.hpp"
#include "formats/rounding.hpp"

namespace precsim::formats {

/// What a finite value above the largest becomes (and an infinity on the way in, in every rounding mode).
enum class Overflow : std::uint8_t { infinity, nan, saturate };

/// A format: one sign bit, `exponent_bits`, `fraction_bits`; the topmost magnitude codes are special:
/// from above `nan_codes` NaNs, then, if `has_infinity`, one infinity; all below are finite.
/// Every finite value of every format is an FP32 number, so the decoded value is exact.
struct FloatFormat {
  int exponent_bits = 8;
  int fraction_bits = 23;
  int bias = 127;
  bool has_infinity = true;
  std::uint32_t nan_codes = (1u << 23) - 1;  ///< per sign
  Overflow overflow = Overflow::infinity;

  constexpr int width() const { return 1 + exponent_bits + fraction_bits; }
  constexpr int smallest_exponent() const { return 1 - bias; }  ///< of normal numbers
  constexpr std::uint32_t magnitude_mask() const { return (1u << (exponent_bits + fraction_bits)) - 1; }
  constexpr std::uint32_t sign_bit() const { return 1u << (exponent_bits + fraction_bits); }
  /// Magnitude code of the largest finite value, which follows from the special codes.
  constexpr std::uint32_t largest_code() const { return magnitude_mask() - nan_codes - (has_infinity ? 1 : 0); }

  friend bool operator==(const FloatFormat&, const FloatFormat&) = default;
};

/// The IEEE-like format eXmY, 2 <= X <= 8, 1 <= Y <= 23: all-ones exponent reserved, overflow to infinity.
FloatFormat ieee_format(int exponent_bits, int fraction_bits);

struct NamedFloat {
  std::string_view name;
  FloatFormat format;
  std::string_view source;
};
/// fp32 fp16 bf16 tf32 fp8_e5m2 fp8_e4m3fn fp6_e3m2 fp6_e2m3 fp4_e2m1.
std::span<const NamedFloat> named_floats();

/// Rounds the exact value once, exponent unbounded, then applies the overflow rule of the mode (numerics 2):
/// nearest, biased and stochastic give the overflow option's value, toward_zero and to_odd the largest value,
/// the directed modes one or the other by sign. Zeros keep their sign.
std::uint32_t encode(const FloatFormat& format, const Exact& x, Rounding rounding, std::uint32_t word);

/// The same for any FP32 number. NaN keeps its sign and leading payload and becomes quiet; nullopt where the
/// format has no NaN. Infinity becomes the overflow option's value.
std::optional<std::uint32_t> encode(const FloatFormat& format, float x, Rounding rounding, std::uint32_t word);

/// The FP32 number a code stands for, exactly. Only the low width() bits of the code may be set.
float decode(const FloatFormat& format, std::uint32_t code);

/// True iff encoding the finite x took the overflow rule: the rounded value lay above the largest.
bool overflows(const FloatFormat& format, const Exact& x, Rounding rounding, std::uint32_t word);

}  // namespace precsim::formats
