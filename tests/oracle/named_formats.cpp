// Tables of the named formats, and a reader of the names with parameters.
#include "tests/oracle/named_formats.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string>

#include "tests/oracle/control_oracle.hpp"

namespace oracle {
namespace {

constexpr Overflow inf = Overflow::infinity;

/// IEEE 754-2019 (binary32, binary16), bfloat16 and TensorFloat-32 (its exponent, shorter fractions), OCP 8-bit
/// Floating Point Specification 1.0, OCP Microscaling Formats 1.0.
constexpr std::array<NamedFloat, 9> table{{
    {"fp32", 32, {8, 23, 127, true, 8388607, inf}, 0x1.fffffep127, 0x1p-126, 0x1p-149},
    {"fp16", 16, {5, 10, 15, true, 1023, inf}, 65504, 0x1p-14, 0x1p-24},
    {"bf16", 16, {8, 7, 127, true, 127, inf}, 0x1.fep127, 0x1p-126, 0x1p-133},
    {"tf32", 19, {8, 10, 127, true, 1023, inf}, 0x1.ffcp127, 0x1p-126, 0x1p-136},
    {"fp8_e5m2", 8, {5, 2, 15, true, 3, inf}, 57344, 0x1p-14, 0x1p-16},
    {"fp8_e4m3fn", 8, {4, 3, 7, false, 1, Overflow::nan}, 448, 0x1p-6, 0x1p-9},
    {"fp6_e3m2", 6, {3, 2, 3, false, 0, Overflow::saturate}, 28, 0.25, 0.0625},
    {"fp6_e2m3", 6, {2, 3, 1, false, 0, Overflow::saturate}, 7.5, 1, 0.125},
    {"fp4_e2m1", 4, {2, 1, 1, false, 0, Overflow::saturate}, 6, 1, 0.5},
}};

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument("the oracle knows no format '" + std::string(text) + "'");
}

/// The whole of `digits` as a number from `least` to `most`.
int number(std::string_view digits, int least, int most, std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value < least || value > most) {
    refuse(text);
  }
  return value;
}

/// 2^X exponent fields of which the topmost is for infinity and NaN; bias 2^(X-1) - 1.
NamedFloat ieee_like(std::string_view base, std::string_view text) {
  const std::size_t m = base.find('m');
  if (base.empty() || base[0] != 'e' || m == std::string_view::npos) {
    refuse(text);
  }
  const int x = number(base.substr(1, m - 1), 2, 8, text);
  const int y = number(base.substr(m + 1), 1, 23, text);
  const int bias = (1 << (x - 1)) - 1;
  const double largest = std::ldexp(2 - std::ldexp(1.0, -y), bias);
  return {"",
          1 + x + y,
          {x, y, bias, true, (1u << y) - 1, inf},
          largest,
          std::ldexp(1.0, 1 - bias),
          std::ldexp(1.0, 1 - bias - y)};
}

NamedFloat without_options(std::string_view base, std::string_view text) {
  for (const NamedFloat& row : table) {
    if (row.name == base) {
      return row;
    }
  }
  return ieee_like(base, text);
}

}  // namespace

std::span<const NamedFloat> named_floats() {
  return table;
}

NamedFloat named_float(std::string_view text) {
  const std::size_t colon = text.find(':');
  NamedFloat named = without_options(text.substr(0, colon), text);
  if (colon == std::string_view::npos) {
    return named;
  }
  const std::string_view option = text.substr(colon + 1);
  if (option == "overflow=inf") {
    named.format.overflow = inf;
  } else if (option == "overflow=nan") {
    named.format.overflow = Overflow::nan;
  } else if (option == "overflow=saturate") {
    named.format.overflow = Overflow::saturate;
  } else {
    refuse(text);
  }
  return named;
}

Format named_format(std::string_view text) {
  return named_float(text).format;
}

NamedFixed named_fixed(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (!text.starts_with("fix") || dot == std::string_view::npos) {
    refuse(text);
  }
  const int i = number(text.substr(3, dot - 3), 1, 32, text);
  const int f = number(text.substr(dot + 1), 0, 31, text);
  const std::int64_t half = std::int64_t{1} << (i + f - 1);
  return {i + f, -f, -half, half - 1};
}

NamedDfp named_dfp(std::string_view text) {
  const std::string_view base = text.substr(0, text.find(':'));
  if (!base.starts_with("dfp")) {
    refuse(text);
  }
  const int p = number(base.substr(3), 2, 16, text);
  int h = 0;
  constexpr std::string_view key = "headroom=";
  if (const std::size_t at = text.find(key); at != std::string_view::npos) {
    const std::string_view rest = text.substr(at + key.size());
    h = number(rest.substr(0, rest.find(',')), 0, p - 2, text);
  }
  return {p, (std::int64_t{1} << (p - 1 - h)) - 1, h - (p - 2)};
}

bool is_controlled(std::string_view text) {
  return text.starts_with("flex") || text.starts_with("dfxp");
}

NamedControlled named_controlled(std::string_view text) {
  const std::string_view base = text.substr(0, text.find(':'));
  if (!is_controlled(text)) {
    refuse(text);
  }
  const std::size_t plus = std::min(base.find('+'), base.size());
  const int width = number(base.substr(4, plus - 4), 3, 16, text);
  const std::int64_t limit = std::int64_t{1} << (width - 1);
  if (base.starts_with("flex")) {
    // At 2^-8, 1 is code 256, or too much; of 257, nine bits, there are width - 1 in use.
    const int exponent = width > 10 ? -8 + 9 - (width - 1) : first_exponent({width}, 0x3f800000u);
    return {width, -limit, limit - 1, exponent};
  }
  int range = 5;
  constexpr std::string_view key = "range=";
  if (const std::size_t at = text.find(key); at != std::string_view::npos) {
    const std::string_view rest = text.substr(at + key.size());
    range = number(rest.substr(0, rest.find(',')), -64, 64, text);
  }
  return {width, -limit, limit - 1, range - (width - 1)};
}

}  // namespace oracle
