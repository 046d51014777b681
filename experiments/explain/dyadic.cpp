// Exact sums.
#include "experiments/explain/dyadic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace precsim::explain {

using boost::multiprecision::cpp_int;

Dyadic::Dyadic(const formats::Exact& x) : integer(x.magnitude), exponent(x.exponent) {
  if (x.negative) {
    integer = -integer;
  }
}

int Dyadic::leading() const {
  const cpp_int magnitude = abs(integer);
  return static_cast<int>(msb(magnitude)) + exponent;
}

double Dyadic::nearest() const {
  return in_units(*this, 0);
}

std::string Dyadic::text() const {
  return exponent == 0 ? integer.str() : fmt::format("{} * 2^{}", integer.str(), exponent);
}

Dyadic Dyadic::reduced() const {
  if (is_zero()) {
    return {};
  }
  const cpp_int magnitude = abs(integer);
  const auto zeros = static_cast<int>(lsb(magnitude));
  Dyadic x;
  x.integer = integer < 0 ? cpp_int(-(magnitude >> zeros)) : cpp_int(magnitude >> zeros);
  x.exponent = exponent + zeros;
  return x;
}

Dyadic& Dyadic::operator+=(const Dyadic& other) {
  if (other.is_zero()) {
    return *this;
  }
  if (is_zero()) {
    return *this = other;
  }
  if (other.exponent >= exponent) {
    integer += other.integer << (other.exponent - exponent);
  } else {
    integer = (integer << (exponent - other.exponent)) + other.integer;
    exponent = other.exponent;
  }
  return *this;
}

Dyadic operator-(Dyadic x) {
  x.integer = -x.integer;
  return x;
}

double in_units(const Dyadic& x, int exponent) {
  if (x.is_zero()) {
    return 0;
  }
  const cpp_int magnitude = abs(x.integer);
  const int drop = std::max(0, static_cast<int>(msb(magnitude)) - 62);
  auto top = static_cast<std::uint64_t>(cpp_int(magnitude >> drop));
  if (static_cast<int>(lsb(magnitude)) < drop) {
    top |= 1;
  }
  const double value = std::ldexp(static_cast<double>(top), x.exponent + drop - exponent);
  return x.integer < 0 ? -value : value;
}

}  // namespace precsim::explain
