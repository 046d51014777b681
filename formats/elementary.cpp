// exp, log, log10, sin, cos, tanh, pow from IEEE operations in a fixed order; see elementary.hpp.
#include "formats/elementary.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "formats/error.hpp"

namespace precsim::formats {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

constexpr double log2_e = 0x1.71547652b82fep+0;
// The leading part has 42 bits, so that its product with any exponent of a double is exact.
constexpr double ln2_high = 0x1.62e42fefa3800p-1;
constexpr double ln2_low = 0x1.ef35793c76730p-45;

/// An unevaluated sum hi + lo, |lo| <= ulp(hi) / 2: about 106 bits.
struct Pair {
  double hi = 0.0;
  double lo = 0.0;
};

/// a + b exactly; |a| >= |b| or a = 0.
Pair fast_two_sum(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

/// a + b exactly, in any order of magnitude.
Pair two_sum(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

Pair add(Pair a, Pair b) {
  const Pair sum = two_sum(a.hi, b.hi);
  return fast_two_sum(sum.hi, sum.lo + (a.lo + b.lo));
}

Pair multiply(Pair a, Pair b) {
  const double product = a.hi * b.hi;
  return fast_two_sum(product, std::fma(a.hi, b.hi, -product) + (a.hi * b.lo + a.lo * b.hi));
}

Pair divide(Pair a, Pair b) {
  const double quotient = a.hi / b.hi;
  const double remainder = std::fma(-quotient, b.hi, a.hi) + (a.lo - quotient * b.lo);
  return fast_two_sum(quotient, remainder / b.hi);
}

/// c[0] + c[1] x + c[2] x^2 + ..., by Horner.
template <std::size_t N>
double polynomial(double x, const double (&c)[N]) {
  double sum = c[N - 1];
  for (std::size_t i = N - 1; i-- > 0;) {
    sum = sum * x + c[i];
  }
  return sum;
}

/// 2^k, -1022 <= k <= 1023.
double power_of_two(int k) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
}

/// m * 2^k with one rounding at most, for m in [1/2, 2] and -1100 <= k <= 1100.
double scale(double m, int k) {
  if (k > 1000) {
    return m * power_of_two(1000) * power_of_two(k - 1000);
  }
  return k < -1000 ? m * power_of_two(k + 200) * power_of_two(-200) : m * power_of_two(k);
}

/// e^x = 2^exponent * (1 + fraction), |fraction| < 0.42, relative error of the fraction < 2^-55.
struct Exponential {
  int exponent = 0;
  Pair fraction;
};

/// |x| <= 1500. Reduction by ln 2, then Taylor's series of e^r - 1 with r itself kept apart.
Exponential exponential(Pair x) {
  constexpr double series[] = {1.0 / 2,         1.0 / 6,          1.0 / 24,         1.0 / 120,     1.0 / 720,
                               1.0 / 5040,      1.0 / 40320,      1.0 / 362880,     1.0 / 3628800, 1.0 / 39916800,
                               1.0 / 479001600, 1.0 / 6227020800, 1.0 / 87178291200};
  const double k = std::floor(x.hi * log2_e + 0.5);
  const Pair r = two_sum(x.hi - k * ln2_high, x.lo - k * ln2_low);
  return {static_cast<int>(k), fast_two_sum(r.hi, r.lo + r.hi * r.hi * polynomial(r.hi, series))};
}

/// e^x rounded once; 0 and infinity beyond the range of double.
double exp_of_pair(Pair x) {
  if (x.hi > 710.0) {
    return infinity;
  }
  if (x.hi < -746.0) {
    return 0.0;
  }
  const Exponential e = exponential(x);
  const Pair sum = fast_two_sum(1.0, e.fraction.hi);
  return scale(sum.hi + (sum.lo + e.fraction.lo), e.exponent);
}

/// Natural logarithm of a positive finite x, relative error < 2^-69: x = 2^k m with m in [sqrt(1/2), sqrt(2)],
/// log m = 2 artanh(s), s = (m - 1) / (m + 1). The first terms of the series, which carry the error, are pairs.
Pair log_of(double x) {
  constexpr double sqrt_2 = 0x1.6a09e667f3bcdp+0;
  constexpr double tail[] = {1.0 / 7,  1.0 / 9,  1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17,
                             1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25, 1.0 / 27, 1.0 / 29};
  constexpr Pair third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
  constexpr Pair fifth = {0x1.999999999999ap-3, -0x1.999999999999ap-57};

  int k = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= power_of_two(54);
    k = -54;
  }
  const auto bits = std::bit_cast<std::uint64_t>(x);
  k += static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  if (m > sqrt_2) {
    m *= 0.5;
    ++k;
  }

  const Pair s = divide({m - 1.0, 0.0}, two_sum(m, 1.0));
  const Pair z = multiply(s, s);
  const Pair inner = add(fifth, {z.hi * polynomial(z.hi, tail), 0.0});
  const Pair series = multiply(z, add(third, multiply(z, inner)));
  const Pair artanh = add(s, multiply(s, series));
  const Pair whole = two_sum(k * ln2_high, k * ln2_low);
  return add(whole, {2.0 * artanh.hi, 2.0 * artanh.lo});
}

/// A logarithm's specials; `of_log` makes the result from log x for positive finite x.
template <class Function>
double logarithm(double x, Function of_log) {
  if (std::isnan(x) || x == infinity) {
    return x;
  }
  if (x <= 0.0) {
    return x == 0.0 ? -infinity : not_a_number;
  }
  return of_log(log_of(x));
}

/// x = quadrant * pi/2 + rest (quadrant modulo 4), |rest| <= pi/4 plus a hair.
struct Reduced {
  int quadrant = 0;
  Pair rest;
};

/// |x| <= 2^20: the products with the three leading parts of pi/2 (33 bits each) are exact, and the rest is good to
/// 2^-130, far below 2^-60, the least distance of such an x from a multiple of pi/2.
Reduced reduce(double x) {
  constexpr double two_over_pi = 0x1.45f306dc9c883p-1;
  constexpr double half_pi[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69, 0x1.b839a252049c1p-104};
  PRECSIM_CHECK(std::abs(x) <= 0x1p20, fmt::format("x = {}", x));
  const double n = std::floor(x * two_over_pi + 0.5);
  const Pair second = two_sum(x - n * half_pi[0], -n * half_pi[1]);
  const Pair third = two_sum(second.hi, -n * half_pi[2]);
  const Pair fourth = two_sum(third.hi, -n * half_pi[3]);
  return {static_cast<int>(n) & 3, fast_two_sum(fourth.hi, second.lo + third.lo + fourth.lo)};
}

double sine_kernel(Pair x) {
  constexpr double series[] = {-1.0 / 6,        1.0 / 120,        -1.0 / 5040,          1.0 / 362880,
                               -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000};
  const double z = x.hi * x.hi;
  return x.hi + (x.lo * (1.0 - 0.5 * z) + x.hi * z * polynomial(z, series));
}

double cosine_kernel(Pair x) {
  constexpr double series[] = {1.0 / 24,        -1.0 / 720,         1.0 / 40320,          -1.0 / 3628800,
                               1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000, -1.0 / 6402373705728000};
  const double z = x.hi * x.hi;
  const double z_low = std::fma(x.hi, x.hi, -z);
  const Pair leading = fast_two_sum(1.0, -0.5 * z);
  return leading.hi + (leading.lo - (0.5 * z_low + x.hi * x.lo) + z * z * polynomial(z, series));
}

/// sin(x + quarter_turns * pi/2).
double sine(double x, int quarter_turns) {
  if (!std::isfinite(x)) {
    return not_a_number;
  }
  const Reduced r = reduce(x);
  const int quadrant = (r.quadrant + quarter_turns) & 3;
  const double magnitude = (quadrant & 1) == 0 ? sine_kernel(r.rest) : cosine_kernel(r.rest);
  return quadrant < 2 ? magnitude : -magnitude;
}

bool is_integer(double y) {
  return std::isfinite(y) && std::floor(y) == y;
}
bool is_odd(double y) {
  return is_integer(y) && !is_integer(0.5 * y);
}

/// y infinite, x not NaN and |x| != 1.
double pow_of_infinite(double magnitude, double y) {
  return (magnitude > 1.0) == (y > 0.0) ? infinity : 0.0;
}

}  // namespace

double exp(double x) {
  return std::isnan(x) ? x : exp_of_pair({x, 0.0});
}

double log(double x) {
  return logarithm(x, [](Pair natural) { return natural.hi; });
}

double log10(double x) {
  constexpr Pair inverse_ln_10 = {0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57};
  return logarithm(x, [inverse_ln_10](Pair natural) { return multiply(natural, inverse_ln_10).hi; });
}

double sin(double x) {
  // Below 2^-27 the series ends with x, and the sum would turn -0 into +0.
  return std::abs(x) < 0x1p-27 ? x : sine(x, 0);
}

double cos(double x) {
  return sine(x, 1);
}

double tanh(double x) {
  const double magnitude = std::abs(x);
  if (std::isnan(x) || magnitude < 0x1p-28) {
    return x;
  }
  if (magnitude > 22.0) {
    return x < 0.0 ? -1.0 : 1.0;
  }
  const Exponential e = exponential({2.0 * magnitude, 0.0});
  const double power = power_of_two(e.exponent);
  const Pair numerator = add(two_sum(power, -1.0), {power * e.fraction.hi, power * e.fraction.lo});
  const double value = divide(numerator, add(numerator, {2.0, 0.0})).hi;
  return x < 0.0 ? -value : value;
}

double pow(double x, double y) {
  const double magnitude = std::abs(x);
  if (y == 0.0 || x == 1.0) {
    return 1.0;
  }
  if (std::isnan(x) || std::isnan(y)) {
    return x + y;
  }
  if (std::isinf(y)) {
    return magnitude == 1.0 ? 1.0 : pow_of_infinite(magnitude, y);
  }
  const double sign = std::signbit(x) && is_odd(y) ? -1.0 : 1.0;
  if (magnitude == 0.0 || magnitude == infinity) {
    return sign * ((magnitude > 1.0) == (y > 0.0) ? infinity : 0.0);
  }
  if (x < 0.0 && !is_integer(y)) {
    return not_a_number;
  }
  const Pair l = log_of(magnitude);
  const double product = y * l.hi;
  if (std::abs(product) > 800.0) {
    return sign * (product > 0.0 ? infinity : 0.0);
  }
  return sign * exp_of_pair(fast_two_sum(product, std::fma(y, l.hi, -product) + y * l.lo));
}

}  // namespace precsim::formats
