// Numbers of the form integer * 2^exponent, without limits: exact sums, and how far a result is from them.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <string>

#include "formats/exact.hpp"

namespace precsim::explain {

/// integer * 2^exponent.
struct Dyadic {
  boost::multiprecision::cpp_int integer;
  int exponent = 0;

  Dyadic() = default;
  Dyadic(std::int64_t i, int e) : integer(i), exponent(e) {}
  explicit Dyadic(const formats::Exact& x);
  /// x must be finite.
  explicit Dyadic(float x) : Dyadic(formats::exact(x)) {}

  bool is_zero() const { return integer == 0; }
  /// E(x) = floor(log2 |x|); x is not zero.
  int leading() const;
  /// The nearest double, ties to even (below its normal range: nearest but for a second rounding).
  double nearest() const;
  /// Digits of the integer, and the exponent: "-12345 * 2^-7", or the integer alone for 2^0.
  std::string text() const;
  /// The same number with an odd integer; zero is 0 * 2^0.
  Dyadic reduced() const;

  Dyadic& operator+=(const Dyadic& other);
  friend Dyadic operator-(Dyadic x);
};

/// x / 2^exponent as a double.
double in_units(const Dyadic& x, int exponent);

}  // namespace precsim::explain
