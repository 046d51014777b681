// An independent oracle for single operations: the exact a * b + c counted in 128 bits, and one rounding by division.
#pragma once

#include <cstdint>
#include <optional>

#include "tests/oracle/exact_oracle.hpp"
#include "tests/oracle/product_oracle.hpp"

/// Where the library aligns, keeps a sticky bit and shifts, this oracle counts the whole sum in units small enough for
/// both terms, and divides it by the step of the result. Sums too wide for that are left to oracle::Wide.
namespace oracle {

__extension__ using UInt128 = unsigned __int128;

/// The exact number magnitude * 2^exponent with a sign, zeros included.
struct Sum {
  bool negative = false;
  UInt128 magnitude = 0;
  int exponent = 0;
};

/// a * b + c of finite numbers; nullopt where the terms span more than 86 bits. A zero is negative iff both terms are.
std::optional<Sum> exact_sum(float a, float b, float c);

/// A number between two neighboring magnitude codes of a format (`low` and low + 1, beyond the largest too): `rest` of
/// `unit` of the gap lie below it.
struct Fraction {
  std::uint64_t low = 0;
  UInt128 rest = 0;
  UInt128 unit = 1;
  bool negative = false;
};
Fraction fraction_in(const Format& format, const Sum& x);

/// The code after one rounding and the overflow rule.
std::uint32_t code_of(const Format& format, const Fraction& x, Mode mode, int stochastic_bits, std::uint32_t word);

/// floor(f * 2^bits) of the fraction f = rest / unit, bits <= 32: the draws below it round up under Mode::stochastic.
std::uint64_t parts_of(const Fraction& x, int bits);

/// a * b + c where infinities or NaN take part, by IEEE 754; nullopt where none does. An infinity that the format lacks
/// is the overflow option's value.
std::optional<float> nonfinite_step(const Format& format, float a, float b, float c);

/// a * b + c of any operands, to be rounded to a format (which must outlive it) once under any mode. Sums that
/// are too wide are left to oracle::Wide.
class Step {
 public:
  Step(const Format& format, float a, float b, float c);
  /// The FP32 number of the result's code; NaN without payload.
  float rounded(Mode mode, int stochastic_bits, std::uint32_t word) const;
  /// A word for Mode::stochastic: every other one on or just below the threshold of 32 bits where that is known.
  std::uint32_t word_near(std::uint64_t random) const;

 private:
  const Format& format_;
  std::optional<float> special_;
  std::optional<Fraction> fraction_;
  Wide wide_;
};

/// The Step of a product alone: its zero keeps the product's sign.
Step product_step(const Format& format, float a, float b);

}  // namespace oracle
