// An independent oracle for rounding: it searches the codes around a number and compares exact values.
#pragma once

#include <cstdint>
#include <optional>

/// Written from the contract alone and sharing nothing with the library: where the library shifts, masks and lets a
/// carry run, the oracle enumerates codes by bisection and asks only whether one exact number is above another.
namespace oracle {

enum class Mode : std::uint8_t {
  nearest_even,
  nearest_away,
  toward_zero,
  toward_positive,
  toward_negative,
  to_odd,
  stochastic,
  biased
};

/// The nonnegative number significand * 2^exponent.
struct Number {
  std::uint64_t significand = 0;
  int exponent = 0;
};

/// Negative, zero or positive for a <, =, > b; exact for any exponents.
int compare(const Number& a, const Number& b);

/// |x| of finite FP32 bits.
Number magnitude_of(std::uint32_t fp32_bits);

/// Where a number lies among the codes 0, 1, 2, ... of a rising scale: between `low` and low + 1, `rest` above low's
/// value, in a gap of 2^gap_exponent.
struct Place {
  std::uint64_t low = 0;
  Number rest;
  int gap_exponent = 0;
};

/// Rounding decision in a place: the code low or low + 1. stochastic_bits and word matter for Mode::stochastic only.
std::uint64_t decide(const Place& place, bool negative, Mode mode, int stochastic_bits, std::uint32_t word);

/// |x| among the multiples of 2^step_exponent; code 2^62 stands for itself and all above.
Place place_on_grid(std::uint32_t fp32_bits, int step_exponent);

enum class Overflow : std::uint8_t { infinity, nan, saturate };

/// A floating-point format as numerics 2 describes it; nan_codes counts per sign, from the topmost code down.
struct Format {
  int exponent_bits = 0;
  int fraction_bits = 0;
  int bias = 0;
  bool has_infinity = false;
  std::uint32_t nan_codes = 0;
  Overflow overflow = Overflow::saturate;

  std::uint32_t largest_code() const;
};

/// Value of a magnitude code; the pattern goes on beyond the largest finite code.
Number value_of(const Format& format, std::uint64_t magnitude_code);

/// |x| of finite FP32 bits, or a number below 2^128, among the magnitude codes.
Place place_in(const Format& format, std::uint32_t fp32_bits);
Place place_in(const Format& format, const Number& x);

/// place_in or place_on_grid for inputs of which most follow their predecessor: a place close above the last one is
/// found by a step, any other by a search.
class Ascent {
 public:
  explicit Ascent(const Format& format) : format_(format) {}
  explicit Ascent(int step_exponent) : format_(), step_exponent_(step_exponent) {}
  const Place& place(std::uint32_t fp32_bits);

 private:
  Number value(std::uint64_t code) const;

  Format format_;
  std::optional<int> step_exponent_;
  Place place_{~std::uint64_t{0}, {}, 0};  ///< before the first input: below code 0
  Number low_, high_;                      ///< values of the codes place_.low and place_.low + 1
};

/// A rounded magnitude code with its sign; beyond the largest, the overflow rule of the mode.
std::uint32_t finished_code(const Format& format, std::uint64_t magnitude_code, bool negative, Mode mode);

/// The FP32 number that a code stands for; NaN codes give a quiet NaN with the payload moved to the top.
float fp32_of(const Format& format, std::uint32_t code);

/// The code of finite FP32 bits whose place is known, overflow rule included.
std::uint32_t encode_at(const Format& format, const Place& place, bool negative, Mode mode, int stochastic_bits,
                        std::uint32_t word);

/// The code of an infinity or NaN; nullopt for a NaN where the format has none.
std::optional<std::uint32_t> encode_nonfinite(const Format& format, std::uint32_t fp32_bits);

}  // namespace oracle
