// The MPFR oracle; see mpfr_oracle.hpp.
#include "tests/oracle/mpfr_oracle.hpp"

#include <mpfr.h>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace oracle {
namespace {

mpfr_rnd_t direction(Mode mode) {
  switch (mode) {
    case Mode::nearest_even:
      return MPFR_RNDN;
    case Mode::toward_zero:
      return MPFR_RNDZ;
    case Mode::toward_positive:
      return MPFR_RNDU;
    case Mode::toward_negative:
      return MPFR_RNDD;
    case Mode::nearest_away:
    case Mode::to_odd:
    case Mode::stochastic:
    case Mode::biased:
      break;
  }
  throw std::logic_error("MPFR has no such rounding");
}

}  // namespace

const char* mpfr_obstacle() {
  return mpfr_buildopt_tls_p() != 0 ? nullptr : "this MPFR is not built for threads";
}

bool mpfr_has(Mode mode) {
  return mode == Mode::nearest_even || mode == Mode::toward_zero || mode == Mode::toward_positive ||
         mode == Mode::toward_negative;
}

/// MPFR's exponents are those of a significand in [1/2, 1).
struct MpfrFormat::State {
  explicit State(const Format& wanted)
      : format(wanted),
        ieee_overflow(wanted.overflow == Overflow::infinity),
        smallest_exponent(1 - wanted.bias - wanted.fraction_bits + 1),
        largest_exponent(mpfr_get_emax()) {
    mpfr_inits2(24, a, b, c, largest, static_cast<mpfr_ptr>(nullptr));
    mpfr_init2(result, wanted.fraction_bits + 1);
    mpfr_set_flt(largest, fp32_of(wanted, wanted.largest_code()), MPFR_RNDN);
    if (ieee_overflow) {
      largest_exponent = mpfr_get_exp(largest);
    }
  }
  ~State() { mpfr_clears(a, b, c, largest, result, static_cast<mpfr_ptr>(nullptr)); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// The operand's range is MPFR's own: only the result is held to the format's.
  static void set(mpfr_ptr to, float x) { mpfr_set_flt(to, x, MPFR_RNDN); }

  /// The number for `result`, of which `ternary` tells on which side of the exact one it lies.
  float finish(int ternary, Mode mode, bool all_negative) {
    if (mpfr_nan_p(result) != 0) {
      return std::numeric_limits<float>::quiet_NaN();
    }
    if (mpfr_zero_p(result) != 0 && ternary == 0) {
      return all_negative ? -0.0f : 0.0f;
    }
    const mpfr_exp_t low = mpfr_get_emin();
    const mpfr_exp_t high = mpfr_get_emax();
    mpfr_set_emin(smallest_exponent);
    mpfr_set_emax(largest_exponent);
    ternary = mpfr_check_range(result, ternary, direction(mode));
    mpfr_subnormalize(result, ternary, direction(mode));
    mpfr_set_emin(low);
    mpfr_set_emax(high);
    if (ieee_overflow || mpfr_cmpabs(result, largest) <= 0) {
      return mpfr_get_flt(result, MPFR_RNDN);
    }
    const bool negative = mpfr_signbit(result) != 0;
    const std::uint32_t code = mpfr_inf_p(result) != 0
                                   ? encode_nonfinite(format, negative ? 0xff800000u : 0x7f800000u).value()
                                   : finished_code(format, std::uint64_t{format.largest_code()} + 1, negative, mode);
    return fp32_of(format, code);
  }

  Format format;
  bool ieee_overflow;
  mpfr_exp_t smallest_exponent, largest_exponent;
  mpfr_t a, b, c, largest, result;
};

MpfrFormat::MpfrFormat(const Format& format) : state_(std::make_unique<State>(format)) {}

MpfrFormat::~MpfrFormat() = default;

float MpfrFormat::fma(float a, float b, float c, Mode mode) {
  State& s = *state_;
  State::set(s.a, a);
  State::set(s.b, b);
  State::set(s.c, c);
  const int ternary = mpfr_fma(s.result, s.a, s.b, s.c, direction(mode));
  return s.finish(ternary, mode, std::signbit(a) != std::signbit(b) && std::signbit(c));
}

float MpfrFormat::multiply(float a, float b, Mode mode) {
  State& s = *state_;
  State::set(s.a, a);
  State::set(s.b, b);
  const int ternary = mpfr_mul(s.result, s.a, s.b, direction(mode));
  return s.finish(ternary, mode, std::signbit(a) != std::signbit(b));
}

float MpfrFormat::add(float a, float b, Mode mode) {
  State& s = *state_;
  State::set(s.a, a);
  State::set(s.b, b);
  const int ternary = mpfr_add(s.result, s.a, s.b, direction(mode));
  return s.finish(ternary, mode, std::signbit(a) && std::signbit(b));
}

float MpfrFormat::convert(float a, Mode mode) {
  State& s = *state_;
  State::set(s.a, a);
  const int ternary = mpfr_set(s.result, s.a, direction(mode));
  return s.finish(ternary, mode, std::signbit(a));
}

}  // namespace oracle
