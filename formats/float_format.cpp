// Encoding and decoding of floating-point formats.
#include "formats/float_format.hpp"

#include <algorithm>
#include <array>

namespace precsim::formats {
namespace {

constexpr FloatFormat ieee(int exponent_bits, int fraction_bits) {
  return {exponent_bits,     fraction_bits, (1 << (exponent_bits - 1)) - 1, true, (1u << fraction_bits) - 1,
          Overflow::infinity};
}

constexpr std::array<NamedFloat, 9> named{{
    {"fp32", ieee(8, 23), "IEEE 754 binary32"},
    {"fp16", ieee(5, 10), "IEEE 754 binary16"},
    {"bf16", ieee(8, 7), "bfloat16"},
    {"tf32", ieee(8, 10), "TensorFloat-32, stored in 19 bits"},
    {"fp8_e5m2", ieee(5, 2), "OCP 8-bit floating point 1.0, E5M2"},
    {"fp8_e4m3fn", {4, 3, 7, false, 1, Overflow::nan}, "OCP 8-bit floating point 1.0, E4M3: no infinity, one NaN"},
    {"fp6_e3m2", {3, 2, 3, false, 0, Overflow::saturate}, "OCP MX 1.0, E3M2: no infinity, no NaN"},
    {"fp6_e2m3", {2, 3, 1, false, 0, Overflow::saturate}, "OCP MX 1.0, E2M3: no infinity, no NaN"},
    {"fp4_e2m1", {2, 1, 1, false, 0, Overflow::saturate}, "OCP MX 1.0, E2M1: no infinity, no NaN"},
}};

/// The magnitude code with the exponent field unbounded; a carry runs from the fraction into the exponent.
std::uint64_t unbounded_code(const FloatFormat& format, const Exact& x, Rounding rounding, std::uint32_t word) {
  if (x.magnitude == 0) {
    return 0;
  }
  const int leading = static_cast<int>(std::bit_width(x.magnitude)) - 1 + x.exponent;
  const int exponent = std::max(leading, format.smallest_exponent());
  const std::uint64_t kept = round_to_step(x, exponent - format.fraction_bits, rounding, word);
  return (static_cast<std::uint64_t>(exponent - format.smallest_exponent()) << format.fraction_bits) + kept;
}

bool takes_largest(RoundingMode mode, bool negative) {
  switch (mode) {
    case RoundingMode::toward_zero:
    case RoundingMode::to_odd:
      return true;
    case RoundingMode::toward_positive:
      return negative;
    case RoundingMode::toward_negative:
      return !negative;
    case RoundingMode::nearest_even:
    case RoundingMode::nearest_away:
    case RoundingMode::stochastic:
    case RoundingMode::biased:
      return false;
  }
  return false;
}

/// The quiet NaN that keeps the leading payload bits of an FP32 fraction field.
std::uint32_t nan_code(const FloatFormat& format, std::uint32_t fraction) {
  if (format.nan_codes == 1) {
    return format.magnitude_mask();
  }
  const std::uint32_t payload = fraction >> (23 - format.fraction_bits);
  return (format.largest_code() + 1) | payload | (1u << (format.fraction_bits - 1));
}

std::uint32_t overflow_code(const FloatFormat& format) {
  switch (format.overflow) {
    case Overflow::infinity:
      return format.largest_code() + 1;
    case Overflow::nan:
      return nan_code(format, 0);
    case Overflow::saturate:
      return format.largest_code();
  }
  return format.largest_code();
}

}  // namespace

FloatFormat ieee_format(int exponent_bits, int fraction_bits) {
  return ieee(exponent_bits, fraction_bits);
}

std::span<const NamedFloat> named_floats() {
  return named;
}

std::uint32_t encode(const FloatFormat& format, const Exact& x, Rounding rounding, std::uint32_t word) {
  const std::uint32_t sign = x.negative ? format.sign_bit() : 0;
  const std::uint64_t code = unbounded_code(format, x, rounding, word);
  if (code <= format.largest_code()) {
    return sign | static_cast<std::uint32_t>(code);
  }
  return sign | (takes_largest(rounding.mode, x.negative) ? format.largest_code() : overflow_code(format));
}

std::optional<std::uint32_t> encode(const FloatFormat& format, float x, Rounding rounding, std::uint32_t word) {
  if (!is_nonfinite(x)) {
    return encode(format, exact(x), rounding, word);
  }
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = (bits >> 31) != 0 ? format.sign_bit() : 0;
  const std::uint32_t fraction = bits & 0x7fffff;
  if (fraction == 0) {
    return sign | overflow_code(format);
  }
  if (format.nan_codes == 0) {
    return std::nullopt;
  }
  return sign | nan_code(format, fraction);
}

float decode(const FloatFormat& format, std::uint32_t code) {
  const std::uint32_t sign = (code & format.sign_bit()) != 0 ? 0x80000000u : 0;
  const std::uint32_t magnitude = code & format.magnitude_mask();
  if (magnitude > format.largest_code()) {
    if (format.has_infinity && magnitude == format.largest_code() + 1) {
      return std::bit_cast<float>(sign | 0x7f800000u);
    }
    const std::uint32_t payload = format.nan_codes == 1 ? 0 : magnitude & ((1u << format.fraction_bits) - 1);
    return std::bit_cast<float>(sign | 0x7fc00000u | (payload << (23 - format.fraction_bits)));
  }
  const auto field = static_cast<int>(magnitude >> format.fraction_bits);
  const std::uint32_t fraction = magnitude & ((1u << format.fraction_bits) - 1);
  const std::uint32_t significand = field == 0 ? fraction : fraction | (1u << format.fraction_bits);
  const int exponent = std::max(field, 1) - format.bias - format.fraction_bits;
  const double value = static_cast<double>(significand) * power_of_two(exponent);
  return static_cast<float>(sign != 0 ? -value : value);
}

bool overflows(const FloatFormat& format, const Exact& x, Rounding rounding, std::uint32_t word) {
  return unbounded_code(format, x, rounding, word) > format.largest_code();
}

}  // namespace precsim::formats
