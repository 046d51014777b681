// MPFR as an oracle: single operations rounded once to a small floating-point format.
#pragma once

#include <memory>

#include "tests/oracle/exact_oracle.hpp"

namespace oracle {

/// Why MPFR cannot be asked: "built without MPFR", or that it keeps its exponent range in a variable that threads
/// share; null where it can.
const char* mpfr_obstacle();

/// True for the modes that MPFR has: nearest_even, toward_zero, toward_positive, toward_negative.
bool mpfr_has(Mode mode);

/// Operations of MPFR on FP32 numbers, each rounded once to `format`: to its precision, then (by the ternary value, so
/// still once) to its smallest exponent by mpfr_check_range and mpfr_subnormalize. Where the format overflows to
/// infinity as IEEE 754 says, MPFR does that too; otherwise the largest value and the option are applied here.
/// An exact zero is positive unless all terms are negative, also under toward_negative, where MPFR gives -0
/// (numerics 4); a rounded zero keeps its sign. Results are FP32 numbers; NaN without payload.
/// For one thread. Built without MPFR, everything here raises std::logic_error.
class MpfrFormat {
 public:
  explicit MpfrFormat(const Format& format);
  ~MpfrFormat();
  MpfrFormat(const MpfrFormat&) = delete;
  MpfrFormat& operator=(const MpfrFormat&) = delete;

  float fma(float a, float b, float c, Mode mode);
  float multiply(float a, float b, Mode mode);
  float add(float a, float b, Mode mode);
  float convert(float a, Mode mode);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace oracle
