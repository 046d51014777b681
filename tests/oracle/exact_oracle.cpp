// The independent rounding oracle; see exact_oracle.hpp.
#include "tests/oracle/exact_oracle.hpp"

#include <bit>
#include <cmath>
#include <limits>

namespace oracle {
namespace {

__extension__ using Wide = unsigned __int128;

int length(std::uint64_t value) {
  return value == 0 ? 0 : 64 - __builtin_clzll(value);
}

/// a - b for a >= b, both within a factor of about two of each other or b = 0.
Number difference(const Number& a, const Number& b) {
  if (b.significand == 0) {
    return a;
  }
  const int unit = a.exponent < b.exponent ? a.exponent : b.exponent;
  const Wide left = static_cast<Wide>(a.significand) << (a.exponent - unit);
  const Wide right = static_cast<Wide>(b.significand) << (b.exponent - unit);
  return {static_cast<std::uint64_t>(left - right), unit};
}

/// The largest code in [0, limit] whose value is at most x, for a rising scale with value(0) = 0.
template <class Value>
std::uint64_t search(const Number& x, std::uint64_t limit, const Value& value) {
  std::uint64_t low = 0;
  std::uint64_t high = limit + 1;
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (compare(value(middle), x) <= 0 ? low : high) = middle;
  }
  return low;
}

bool keeps_largest(Mode mode, bool negative) {
  return mode == Mode::toward_zero || mode == Mode::to_odd || (mode == Mode::toward_positive && negative) ||
         (mode == Mode::toward_negative && !negative);
}

std::uint32_t top_code(const Format& format) {
  return (1u << (format.exponent_bits + format.fraction_bits)) - 1;
}

/// The quiet NaN with the leading bits of an FP32 fraction; a format with a single NaN has only its topmost code.
std::uint32_t nan_code(const Format& format, std::uint32_t fp32_fraction) {
  std::uint32_t code = top_code(format);
  for (int bit = 0; bit < format.fraction_bits - 1 && format.nan_codes > 1; ++bit) {
    const bool set = (fp32_fraction >> (23 - format.fraction_bits + bit) & 1) != 0;
    code -= set ? 0 : 1u << bit;
  }
  return code;
}

std::uint32_t overflow_code(const Format& format) {
  if (format.overflow == Overflow::nan) {
    return nan_code(format, 0);
  }
  return format.largest_code() + (format.overflow == Overflow::infinity ? 1 : 0);
}

}  // namespace

int compare(const Number& a, const Number& b) {
  if (a.significand == 0 || b.significand == 0) {
    return (a.significand != 0 ? 1 : 0) - (b.significand != 0 ? 1 : 0);
  }
  const int a_top = length(a.significand) + a.exponent;
  const int b_top = length(b.significand) + b.exponent;
  if (a_top != b_top) {
    return a_top < b_top ? -1 : 1;
  }
  const int unit = a.exponent < b.exponent ? a.exponent : b.exponent;
  const Wide left = static_cast<Wide>(a.significand) << (a.exponent - unit);
  const Wide right = static_cast<Wide>(b.significand) << (b.exponent - unit);
  return left < right ? -1 : left > right ? 1 : 0;
}

Number magnitude_of(std::uint32_t fp32_bits) {
  const std::uint32_t field = fp32_bits << 1 >> 24;
  const std::uint32_t fraction = fp32_bits % (1u << 23);
  if (field == 0) {
    return {fraction, -149};
  }
  return {(1u << 23) + fraction, static_cast<int>(field) - 127 - 23};
}

std::uint64_t decide(const Place& place, bool negative, Mode mode, int stochastic_bits, std::uint32_t word) {
  const bool between = place.rest.significand != 0;
  const bool odd = place.low % 2 == 1;
  const auto against = [&](std::uint64_t parts, int power) {
    return compare(place.rest, {parts, place.gap_exponent - power});
  };
  bool up = false;
  switch (mode) {
    case Mode::nearest_even:
      up = against(1, 1) > 0 || (against(1, 1) == 0 && odd);
      break;
    case Mode::nearest_away:
      up = against(1, 1) >= 0;
      break;
    case Mode::toward_zero:
      break;
    case Mode::toward_positive:
      up = between && !negative;
      break;
    case Mode::toward_negative:
      up = between && negative;
      break;
    case Mode::to_odd:
      up = between && !odd;
      break;
    case Mode::stochastic: {
      // draw < floor(f 2^r) says the same as draw + 1 <= f 2^r.
      const std::uint64_t draw = static_cast<std::uint64_t>(word) >> (32 - stochastic_bits);
      up = against(draw + 1, stochastic_bits) >= 0;
      break;
    }
    case Mode::biased:
      up = against(1, 2) >= 0;
      break;
  }
  return place.low + (up ? 1 : 0);
}

Place place_on_grid(std::uint32_t fp32_bits, int step_exponent) {
  const Number x = magnitude_of(fp32_bits);
  constexpr std::uint64_t beyond = std::uint64_t{1} << 62;
  if (x.exponent >= step_exponent) {
    const bool fits = length(x.significand) + x.exponent - step_exponent <= 62;
    return {fits ? x.significand << (x.exponent - step_exponent) : beyond, Number{}, step_exponent};
  }
  const auto value = [&](std::uint64_t code) { return Number{code, step_exponent}; };
  const std::uint64_t low = search(x, beyond, value);
  return {low, low == beyond ? Number{} : difference(x, value(low)), step_exponent};
}

std::uint32_t Format::largest_code() const {
  return top_code(*this) - nan_codes - (has_infinity ? 1 : 0);
}

Number value_of(const Format& format, std::uint64_t magnitude_code) {
  const std::uint64_t per_octave = std::uint64_t{1} << format.fraction_bits;
  const std::uint64_t octave = magnitude_code / per_octave;
  const std::uint64_t within = magnitude_code % per_octave;
  if (octave == 0) {
    return {within, 1 - format.bias - format.fraction_bits};
  }
  return {per_octave + within, static_cast<int>(octave) - format.bias - format.fraction_bits};
}

Place place_in(const Format& format, std::uint32_t fp32_bits) {
  return place_in(format, magnitude_of(fp32_bits));
}

Place place_in(const Format& format, const Number& x) {
  const auto value = [&](std::uint64_t code) { return value_of(format, code); };
  const std::uint64_t above_fp32 = static_cast<std::uint64_t>(128 + format.bias) << format.fraction_bits;
  const std::uint64_t low = search(x, above_fp32, value);
  return {low, difference(x, value(low)), value(low).exponent};
}

Number Ascent::value(std::uint64_t code) const {
  return step_exponent_ ? Number{code, *step_exponent_} : value_of(format_, code);
}

const Place& Ascent::place(std::uint32_t fp32_bits) {
  const Number x = magnitude_of(fp32_bits);
  if (compare(x, high_) >= 0) {
    low_ = value(++place_.low);
    high_ = value(place_.low + 1);
  }
  if (compare(x, low_) < 0 || compare(x, high_) >= 0) {
    place_ = step_exponent_ ? place_on_grid(fp32_bits, *step_exponent_) : place_in(format_, fp32_bits);
    low_ = value(place_.low);
    high_ = value(place_.low + 1);
    return place_;
  }
  place_.rest = difference(x, low_);
  place_.gap_exponent = step_exponent_.value_or(low_.exponent);
  return place_;
}

std::uint32_t finished_code(const Format& format, std::uint64_t magnitude_code, bool negative, Mode mode) {
  const std::uint32_t sign = negative ? top_code(format) + 1 : 0;
  if (magnitude_code <= format.largest_code()) {
    return sign + static_cast<std::uint32_t>(magnitude_code);
  }
  return sign + (keeps_largest(mode, negative) ? format.largest_code() : overflow_code(format));
}

float fp32_of(const Format& format, std::uint32_t code) {
  const bool negative = code > top_code(format);
  const std::uint32_t magnitude_code = negative ? code - top_code(format) - 1 : code;
  const Number magnitude = value_of(format, magnitude_code);
  float value = static_cast<float>(std::ldexp(static_cast<double>(magnitude.significand), magnitude.exponent));
  if (magnitude_code > format.largest_code() + (format.has_infinity ? 1 : 0)) {
    const std::uint32_t payload = format.nan_codes == 1 ? 0 : magnitude_code % (1u << format.fraction_bits);
    value = std::bit_cast<float>(0x7fc00000u | payload << (23 - format.fraction_bits));
  } else if (magnitude_code > format.largest_code()) {
    value = std::numeric_limits<float>::infinity();
  }
  return std::copysign(value, negative ? -1.0f : 1.0f);
}

std::uint32_t encode_at(const Format& format, const Place& place, bool negative, Mode mode, int stochastic_bits,
                        std::uint32_t word) {
  return finished_code(format, decide(place, negative, mode, stochastic_bits, word), negative, mode);
}

std::optional<std::uint32_t> encode_nonfinite(const Format& format, std::uint32_t fp32_bits) {
  const std::uint32_t sign = fp32_bits >> 31 != 0 ? top_code(format) + 1 : 0;
  const std::uint32_t fraction = fp32_bits % (1u << 23);
  if (fraction == 0) {
    return sign + overflow_code(format);
  }
  if (format.nan_codes == 0) {
    return std::nullopt;
  }
  return sign + nan_code(format, fraction);
}

}  // namespace oracle
