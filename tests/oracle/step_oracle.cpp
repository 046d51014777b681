// The oracle of single operations; see step_oracle.hpp.
#include "tests/oracle/step_oracle.hpp"

#include <bit>
#include <cmath>
#include <limits>

namespace oracle {
namespace {

/// Bits of a term in units of the sum; so narrow that what lies 126 places below a step is less than 2^-39 of it.
constexpr int widest = 86;

struct Term {
  bool negative;
  std::uint64_t magnitude;
  int exponent;
};

Term term(float x) {
  const Number magnitude = magnitude_of(std::bit_cast<std::uint32_t>(x));
  return {std::signbit(x), magnitude.significand, magnitude.exponent};
}

int length(UInt128 value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  return high != 0 ? 64 + std::bit_width(high) : std::bit_width(static_cast<std::uint64_t>(value));
}

/// value = quotient * unit + rest; short division where the numbers are short.
UInt128 divide(UInt128 value, UInt128 unit, UInt128& rest) {
  if (value >> 64 == 0) {
    const auto short_value = static_cast<std::uint64_t>(value);
    const bool below = unit >> 64 != 0;
    const auto short_unit = static_cast<std::uint64_t>(unit);
    const std::uint64_t quotient = below ? 0 : short_value / short_unit;
    rest = below ? short_value : short_value - quotient * short_unit;
    return quotient;
  }
  const UInt128 quotient = value / unit;
  rest = value - quotient * unit;
  return quotient;
}

bool goes_up(const Fraction& x, Mode mode, int bits, std::uint32_t word) {
  const UInt128 above = x.unit - x.rest;
  switch (mode) {
    case Mode::nearest_even:
      return x.rest > above || (x.rest == above && x.low % 2 == 1);
    case Mode::nearest_away:
      return x.rest >= above;
    case Mode::toward_zero:
      return false;
    case Mode::toward_positive:
      return x.rest != 0 && !x.negative;
    case Mode::toward_negative:
      return x.rest != 0 && x.negative;
    case Mode::to_odd:
      return x.rest != 0 && x.low % 2 == 0;
    case Mode::stochastic:
      return (word >> (32 - bits)) < parts_of(x, bits);
    case Mode::biased:
      return 3 * x.rest >= above;
  }
  return false;
}

FloatKind kind_of(const Format& format) {
  return {format.fraction_bits, 1 - format.bias, static_cast<double>(fp32_of(format, format.largest_code())),
          format.overflow};
}

}  // namespace

std::optional<Sum> exact_sum(float a, float b, float c) {
  const Term x = term(a);
  const Term y = term(b);
  Term product{x.negative != y.negative, x.magnitude * y.magnitude, x.exponent + y.exponent};
  Term other = term(c);
  if (product.magnitude == 0 || other.magnitude == 0) {
    const Term& present = product.magnitude == 0 ? other : product;
    const bool negative = present.magnitude == 0 ? product.negative && other.negative : present.negative;
    return Sum{negative, present.magnitude, present.exponent};
  }
  const int unit = product.exponent < other.exponent ? product.exponent : other.exponent;
  const int top_product = std::bit_width(product.magnitude) + product.exponent - unit;
  const int top_other = std::bit_width(other.magnitude) + other.exponent - unit;
  if (top_product > widest || top_other > widest) {
    return std::nullopt;
  }
  const auto counted = [unit](const Term& t) {
    const auto magnitude = static_cast<Int128>(UInt128{t.magnitude} << (t.exponent - unit));
    return t.negative ? -magnitude : magnitude;
  };
  const Int128 sum = counted(product) + counted(other);
  return Sum{sum < 0, static_cast<UInt128>(sum < 0 ? -sum : sum), unit};
}

Fraction fraction_in(const Format& format, const Sum& x) {
  if (x.magnitude == 0) {
    return {0, 0, 1, x.negative};
  }
  const int smallest = 1 - format.bias;
  const int exponent = length(x.magnitude) - 1 + x.exponent;
  const bool subnormal = exponent < smallest;
  const int step = (subnormal ? smallest : exponent) - format.fraction_bits;
  Fraction place{0, 0, 1, x.negative};
  UInt128 steps = 0;
  if (step <= x.exponent) {
    steps = x.magnitude << (x.exponent - step);
  } else if (step - x.exponent > 126) {
    place.rest = 1;
    place.unit = UInt128{1} << 126;
  } else {
    place.unit = UInt128{1} << (step - x.exponent);
    steps = divide(x.magnitude, place.unit, place.rest);
  }
  const std::uint64_t per_octave = std::uint64_t{1} << format.fraction_bits;
  const auto octaves = static_cast<std::uint64_t>(subnormal ? 0 : exponent - smallest);
  place.low = octaves * per_octave + static_cast<std::uint64_t>(steps);
  return place;
}

std::uint32_t code_of(const Format& format, const Fraction& x, Mode mode, int stochastic_bits, std::uint32_t word) {
  return finished_code(format, x.low + (goes_up(x, mode, stochastic_bits, word) ? 1 : 0), x.negative, mode);
}

std::optional<float> nonfinite_step(const Format& format, float a, float b, float c) {
  if (std::isfinite(a) && std::isfinite(b) && std::isfinite(c)) {
    return std::nullopt;
  }
  const bool product_infinite = std::isinf(a) || std::isinf(b);
  const bool product_negative = std::signbit(a) != std::signbit(b);
  const bool invalid = (product_infinite && (a == 0 || b == 0)) ||
                       (product_infinite && std::isinf(c) && product_negative != std::signbit(c));
  if (std::isnan(a) || std::isnan(b) || std::isnan(c) || invalid) {
    return std::numeric_limits<float>::quiet_NaN();
  }
  const bool negative = product_infinite ? product_negative : std::signbit(c);
  return fp32_of(format, encode_nonfinite(format, negative ? 0xff800000u : 0x7f800000u).value());
}

std::uint64_t parts_of(const Fraction& x, int bits) {
  const UInt128 parts = UInt128{1} << bits;
  UInt128 left = 0;
  if (x.unit >= parts) {
    return static_cast<std::uint64_t>(divide(x.rest, x.unit / parts, left));
  }
  return static_cast<std::uint64_t>(divide(x.rest * parts, x.unit, left));
}

Step::Step(const Format& format, float a, float b, float c)
    : format_(format), special_(nonfinite_step(format, a, b, c)) {
  if (special_) {
    return;
  }
  if (const std::optional<Sum> sum = exact_sum(a, b, c)) {
    fraction_ = fraction_in(format, *sum);
  } else {
    wide_ = Wide::product(a, b) + Wide::from(c);
  }
}

float Step::rounded(Mode mode, int stochastic_bits, std::uint32_t word) const {
  if (special_) {
    return *special_;
  }
  if (fraction_) {
    return fp32_of(format_, code_of(format_, *fraction_, mode, stochastic_bits, word));
  }
  return round(kind_of(format_), wide_, mode, stochastic_bits, word);
}

std::uint32_t Step::word_near(std::uint64_t random) const {
  const auto word = static_cast<std::uint32_t>(random >> 32);
  if ((random & 1) == 0 || !fraction_) {
    return word;
  }
  return static_cast<std::uint32_t>(parts_of(*fraction_, 32)) - (word & 1);
}

Step product_step(const Format& format, float a, float b) {
  return {format, a, b, std::signbit(a) != std::signbit(b) ? -0.0f : 0.0f};
}

}  // namespace oracle
