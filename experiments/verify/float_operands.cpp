// Structured operands.
#include "experiments/verify/float_operands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tests/oracle/step_oracle.hpp"

namespace precsim::verify {
namespace {

std::vector<std::uint32_t> telling_fractions(int bits) {
  const std::uint32_t all = (1u << bits) - 1;
  const std::uint32_t half = 1u << (bits - 1);
  std::vector<std::uint32_t> fractions{0, all, half, 1, all - 1, half - 1, half + 1};
  std::erase_if(fractions, [&](std::uint32_t fraction) { return fraction > all; });
  return fractions;
}

float signed_by(float x, std::uint64_t random) {
  return (random & 1) != 0 ? -x : x;
}

float power(int exponent) {
  return static_cast<float>(std::ldexp(1.0, std::clamp(exponent, -149, 127)));
}

int exponent_of(float x) {
  return x == 0 || !std::isfinite(x) ? 0 : std::ilogb(x);
}

/// Takes `count` values from a random number: the parts of a mixed radix.
std::uint64_t take(std::uint64_t& random, std::uint64_t count) {
  const std::uint64_t part = random % count;
  random = scramble(random);
  return part;
}

}  // namespace

TellingValues::TellingValues(const Target& target) : format_(target.oracle) {
  lowest_exponent_ = 1 - format_.bias - format_.fraction_bits;
  const std::uint32_t largest = format_.largest_code();
  const auto with_both_signs = [&](std::vector<float>& row, std::uint32_t code) {
    row.push_back(oracle::fp32_of(format_, code));
    row.push_back(-row.back());
  };
  for (int length = 1; length <= format_.fraction_bits; ++length) {
    const std::uint32_t leading = 1u << (length - 1);
    rows_.emplace_back();
    for (const std::uint32_t fraction : {0u, 1u, leading - 1}) {
      with_both_signs(rows_.back(), leading + fraction % leading);
    }
  }
  for (std::uint32_t octave = 1; octave << format_.fraction_bits <= largest; ++octave) {
    rows_.emplace_back();
    for (const std::uint32_t fraction : telling_fractions(format_.fraction_bits)) {
      with_both_signs(rows_.back(), std::min((octave << format_.fraction_bits) + fraction, largest));
    }
  }
  rows_.emplace_back();
  for (const std::uint32_t code : {0u, 1u, largest, largest - 1, 1u << format_.fraction_bits}) {
    with_both_signs(rows_.back(), code);
  }
  if (format_.has_infinity) {
    with_both_signs(rows_.back(), largest + 1);
  }
  if (format_.nan_codes != 0) {
    rows_.back().push_back(std::numeric_limits<float>::quiet_NaN());
  }
}

float TellingValues::at(std::uint64_t row, std::uint64_t column) const {
  const std::vector<float>& values = rows_[row % rows_.size()];
  return values[column % values.size()];
}

float TellingValues::at_exponent(int exponent, std::uint64_t column) const {
  const int last = static_cast<int>(rows_.size()) - 2;
  return at(static_cast<std::uint64_t>(std::clamp(exponent - lowest_exponent_, 0, last)), column);
}

float TellingValues::any(std::uint64_t random) const {
  return signed_by(oracle::fp32_of(format_, static_cast<std::uint32_t>((random >> 1) % (format_.largest_code() + 1u))),
                   random);
}

float TellingValues::into(float x) const {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (!std::isfinite(x)) {
    return 0;
  }
  return oracle::fp32_of(format_, oracle::encode_at(format_, oracle::place_in(format_, bits & 0x7fffffffu),
                                                    std::signbit(x), oracle::Mode::toward_zero, 32, 0));
}

std::string describe(const Triple& t) {
  return fmt::format("{:#010x} * {:#010x} + {:#010x} ({:.9g} * {:.9g} + {:.9g})", std::bit_cast<std::uint32_t>(t.a),
                     std::bit_cast<std::uint32_t>(t.b), std::bit_cast<std::uint32_t>(t.c), t.a, t.b, t.c);
}

Triples::Triples(const Target& operands, const Target& sum) : operands_(operands), sums_(sum) {}

Triple Triples::draw(std::uint64_t random) const {
  switch (take(random, 6)) {
    case 0:
      return at_distance(random);
    case 1:
      return midpoint(random);
    case 2:
      return part_of_unit(random);
    case 3:
      return cancellation(random);
    case 4:
      return boundary(random);
    default: {
      const std::uint64_t which = take(random, 8);
      Triple t{operands_.any(take(random, ~std::uint64_t{0})), operands_.any(take(random, ~std::uint64_t{0})),
               sums_.any(random)};
      if (which < 3) {
        (which == 0   ? t.a
         : which == 1 ? t.b
                      : t.c) =
            (which == 2 ? sums_ : operands_).at((which == 2 ? sums_ : operands_).rows() - 1, random >> 40);
      }
      return t;
    }
  }
}

Triple Triples::at_distance(std::uint64_t random) const {
  Triple t;
  t.a = operands_.at(take(random, operands_.rows() - 1), take(random, 64));
  t.b = operands_.at(take(random, operands_.rows() - 1), take(random, 64));
  const int reach = 2 * sums_.format().fraction_bits + 6;
  const int distance = static_cast<int>(take(random, static_cast<std::uint64_t>(2 * reach + 1))) - reach;
  t.c = sums_.at_exponent(exponent_of(t.a) + exponent_of(t.b) + distance, random);
  return t;
}

Triple Triples::midpoint(std::uint64_t random) const {
  const int fraction_bits = sums_.format().fraction_bits;
  const auto odd = [&](int bits) {
    const std::uint64_t leading = std::uint64_t{1} << (bits - 1);
    return static_cast<float>(leading | take(random, leading) | 1);
  };
  Triple t;
  if (take(random, 2) == 0) {
    const int product_bits = fraction_bits + 2 + static_cast<int>(take(random, 2));
    t.a = odd(product_bits / 2);
    t.b = odd(product_bits - product_bits / 2);
  } else {
    t.a = odd(std::min(fraction_bits + 2, 24));
    t.b = 1;
  }
  const int top = exponent_of(sums_.into(std::numeric_limits<float>::max())) - fraction_bits;
  const int bottom = 1 - sums_.format().bias - fraction_bits;
  const int scale = bottom - 1 + static_cast<int>(take(random, static_cast<std::uint64_t>(top - bottom + 1)));
  t.a = operands_.into(signed_by(t.a * power(scale / 2), take(random, 2)));
  t.b = operands_.into(t.b * power(scale - scale / 2));
  const int deep = static_cast<int>(take(random, 40));
  t.c = signed_by(sums_.at_exponent(scale - 1 - deep, take(random, 64)), random);
  return t;
}

Triple Triples::part_of_unit(std::uint64_t random) const {
  Triple t{0, 0, sums_.at(take(random, sums_.rows() - 1), take(random, 64))};
  const int unit =
      std::max(exponent_of(t.c) - sums_.format().fraction_bits, 1 - sums_.format().bias - sums_.format().fraction_bits);
  const int part = unit - static_cast<int>(take(random, 4));
  const int split = static_cast<int>(take(random, 25)) - 12;
  t.a = operands_.at_exponent(part / 2 + split, take(random, 4) == 0 ? random >> 8 : random & 1);
  t.b = operands_.at_exponent(part - part / 2 - split, take(random, 2) == 0 ? random >> 8 : random & 1);
  return t;
}

Triple Triples::cancellation(std::uint64_t random) const {
  Triple t{operands_.any(take(random, ~std::uint64_t{0})), operands_.any(take(random, ~std::uint64_t{0})), 0};
  const oracle::Mode mode = take(random, 2) == 0 ? oracle::Mode::toward_zero : oracle::Mode::nearest_away;
  const float product = oracle::product_step(sums_.format(), -t.a, t.b).rounded(mode, 32, 0);
  t.c = std::isfinite(product) ? product : sums_.into(-t.a);
  const auto code = take(random, 4);
  if (code == 0 && t.c != 0) {
    t.c = sums_.into(std::nextafter(t.c, 0.0f));
  }
  return t;
}

Triple Triples::boundary(std::uint64_t random) const {
  const bool high = take(random, 2) == 0;
  const float largest = sums_.into(std::numeric_limits<float>::max());
  const int bottom = 1 - sums_.format().bias;
  const int edge = high ? exponent_of(largest) : bottom;
  Triple t;
  const std::uint64_t column = take(random, 64);
  t.c = take(random, 2) == 0 ? sums_.at_exponent(edge, column) : signed_by(high ? largest : power(bottom), column);
  const int below = static_cast<int>(take(random, static_cast<std::uint64_t>(sums_.format().fraction_bits + 4))) - 1;
  const int product = edge - below;
  const int split = static_cast<int>(take(random, 11)) - 5;
  t.a = operands_.at_exponent(product / 2 + split, take(random, 64));
  t.b = operands_.at_exponent(product - product / 2 - split, take(random, 64));
  return t;
}

}  // namespace precsim::verify
