// The multiply-accumulate: what one step adds to a lane, and what happens when the lane overflows.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "formats/catalogue.hpp"
#include "formats/float_format.hpp"
#include "formats/rounding.hpp"

namespace precsim::arith {

/// How many products one step adds, exactly, before the overflow rule is applied once.
enum class Atom : std::uint8_t {
  single,  ///< 1: multiply and add; DSP-style when saturating
  pair,    ///< 2: VPDPWSSD and VPMADDWD+VPADDD (wrap), VPDPWSSDS (saturate)
  pair4,   ///< four `pair` steps in order: VP4DPWSSD, VP4DPWSSDS; chains are multiples of 8
};
enum class OverflowRule : std::uint8_t { wrap, saturate };

constexpr int products_per_step(Atom atom) {
  return atom == Atom::single ? 1 : 2;
}
constexpr int chain_multiple(Atom atom) {
  return atom == Atom::pair4 ? 8 : 2;
}

/// The lane after a step whose exact sum (lane + products) is `sum`. |sum| < 2^33.
constexpr std::int32_t apply(OverflowRule rule, std::int64_t sum) {
  if (rule == OverflowRule::wrap) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum));
  }
  constexpr std::int64_t low = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t high = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(sum < low ? low : sum > high ? high : sum);
}
/// True iff that step is an overflow event.
constexpr bool is_overflow(std::int64_t sum) {
  return sum != static_cast<std::int32_t>(static_cast<std::uint32_t>(sum));
}

// The four corners of a pair: only (-32768)^2 twice leaves the range from lane 0.
static_assert(is_overflow(2 * (std::int64_t{-32768} * -32768)) && !is_overflow(2 * (std::int64_t{-32768} * 32767)));
static_assert(apply(OverflowRule::wrap, std::int64_t{1} << 31) == std::numeric_limits<std::int32_t>::min());
static_assert(apply(OverflowRule::saturate, std::int64_t{1} << 31) == std::numeric_limits<std::int32_t>::max());

inline constexpr std::int64_t chain_to_end = 0;
inline constexpr std::int64_t chain_auto = -1;
inline constexpr std::int64_t longest_proved_chain = 512;

/// The INT32 accumulator of one pass: "int32:chain=64,atom=pair,overflow=wrap".
struct IntegerAccumulator {
  Atom atom = Atom::pair;
  OverflowRule overflow = OverflowRule::wrap;
  std::int64_t chain = chain_auto;  ///< products per chain (a multiple of chain_multiple), chain_to_end or chain_auto

  std::string name() const;
  /// With the options that name() leaves out because they are the defaults: "int32:chain=auto,atom=pair,overflow=wrap".
  std::string full_name() const;
  friend bool operator==(const IntegerAccumulator&, const IntegerAccumulator&) = default;
};
/// Raises UserError naming the valid options. chain=auto|inf|EVEN (pair4: a multiple of 8).
IntegerAccumulator parse_integer_accumulator(std::string_view text);

/// A floating-point accumulator: the exact product plus the sum, rounded once to `sum`; with `product`, the product
/// is first rounded to that format with the same rounding. "fp32", "bf16:product=fp16@stochastic:bits=8".
struct FloatAccumulator {
  formats::FloatFormat sum = formats::ieee_format(8, 23);
  std::optional<formats::FloatFormat> product;
  formats::Rounding rounding;

  std::string name() const;
  /// True iff a step is one IEEE FP32 fused multiply-add.
  bool is_fp32_fma() const;
};
/// Raises UserError naming the valid choices; a product that may become NaN needs a sum that has NaN.
FloatAccumulator parse_float_accumulator(std::string_view text);

}  // namespace precsim::arith
