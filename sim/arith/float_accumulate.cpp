// Exact floating-point multiply-accumulate by integers.
#include "sim/arith/float_accumulate.hpp"

#include <bit>
#include <cmath>

#include "formats/error.hpp"

namespace precsim::arith {
namespace {

using formats::Exact;

int leading(const Exact& x) {
  return static_cast<int>(std::bit_width(x.magnitude)) + x.exponent;
}

/// Magnitude moved up so that its leading one is bit 61.
Exact normalized(const Exact& x) {
  const int up = 62 - static_cast<int>(std::bit_width(x.magnitude));
  return {x.negative, x.magnitude << up, x.exponent - up};
}

float rounded(const formats::FloatFormat& format, const Exact& x, formats::Rounding rounding, std::uint32_t word) {
  return formats::decode(format, formats::encode(format, x, rounding, word));
}

float rounded(const formats::FloatFormat& format, float x) {
  const auto code = formats::encode(format, x, {}, 0);
  PRECSIM_CHECK(code.has_value(), "a NaN in an accumulator without NaN");
  return formats::decode(format, *code);
}

}  // namespace

Exact add(const Exact& a, const Exact& b) {
  if (a.magnitude == 0 && b.magnitude == 0) {
    return {a.negative && b.negative, 0, 0};
  }
  if (a.magnitude == 0 || b.magnitude == 0) {
    return a.magnitude == 0 ? b : a;
  }
  const bool a_leads = leading(a) >= leading(b);
  const Exact high = normalized(a_leads ? a : b);
  const Exact& low = a_leads ? b : a;
  const int drop = high.exponent - low.exponent;
  const std::uint64_t aligned = drop >= 0 ? formats::shift_right_sticky(low.magnitude, drop) : low.magnitude << -drop;
  if (high.negative == low.negative) {
    return {high.negative, high.magnitude + aligned, high.exponent};
  }
  if (high.magnitude == aligned) {
    return {false, 0, 0};
  }
  const bool flipped = aligned > high.magnitude;
  return {high.negative != flipped, flipped ? aligned - high.magnitude : high.magnitude - aligned, high.exponent};
}

Exact multiply(float a, float b) {
  const Exact x = formats::exact(a);
  const Exact y = formats::exact(b);
  return {x.negative != y.negative, x.magnitude * y.magnitude, x.exponent + y.exponent};
}

float accumulate(const FloatAccumulator& accumulator, float sum, float a, float b, StepWords words) {
  const bool finite_sum = !formats::is_nonfinite(sum);
  if (formats::is_nonfinite(a) || formats::is_nonfinite(b) || (!finite_sum && !accumulator.product)) {
    return rounded(accumulator.sum, std::fmaf(a, b, sum));
  }
  Exact product = multiply(a, b);
  if (accumulator.product) {
    const float stored = rounded(*accumulator.product, product, accumulator.rounding, words.product);
    if (formats::is_nonfinite(stored) || !finite_sum) {
      return rounded(accumulator.sum, stored + sum);
    }
    product = formats::exact(stored);
  }
  return rounded(accumulator.sum, add(product, formats::exact(sum)), accumulator.rounding, words.sum);
}

}  // namespace precsim::arith
