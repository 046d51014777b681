// Predicted and controlled exponents from whole histories.
#include "tests/oracle/control_oracle.hpp"

#include <algorithm>
#include <cmath>

#include "tests/oracle/exact_oracle.hpp"
#include "tests/oracle/product_oracle.hpp"

namespace oracle {
namespace {

int within(int exponent, int lowest, int highest) {
  return exponent < lowest ? lowest : exponent > highest ? highest : exponent;
}

int bit_length(std::int64_t n) {
  int length = 0;
  for (; n > 0; n /= 2) {
    ++length;
  }
  return length;
}

/// The conversions that count: back to and with the last overflow, at most `history`.
std::vector<Conversion> remembered(const Flex& flex, const std::vector<Conversion>& before) {
  std::vector<Conversion> kept;
  const std::int64_t top = (std::int64_t{1} << (flex.mantissa_bits - 1)) - 1;
  for (std::size_t i = before.size(); i > 0 && kept.size() < static_cast<std::size_t>(flex.history); --i) {
    kept.push_back(before[i - 1]);
    if (kept.back().largest >= top) {
      kept.back().largest *= 2;
      break;
    }
  }
  return kept;  // the latest first
}

/// What the prediction is made of, all in one unit: largest + deviations * std + offset.
struct Terms {
  std::vector<Int128> values;  // the latest first
  Int128 offset = 0;
  int deviations = 0;

  Int128 largest() const { return *std::max_element(values.begin(), values.end()); }
  Int128 missing(int k) const { return (Int128{1} << k) - largest() - offset; }
  /// Of n * deviations * std.
  Int128 square() const {
    Int128 sum = 0;
    Int128 squares = 0;
    for (const Int128 v : values) {
      sum += v;
      squares += v * v;
    }
    return deviations * deviations * (size() * squares - sum * sum);
  }
  Int128 size() const { return static_cast<Int128>(values.size()); }
};

/// The prediction is 2^k or more.
bool reaches(const Terms& terms, int k) {
  const Int128 missing = terms.missing(k) * terms.size();
  return missing <= 0 || terms.square() >= missing * missing;
}

/// The prediction is 2^k to within 2^(k-48): FP64 may see it on the other side.
bool touches(const Terms& terms, int k) {
  const Int128 missing = terms.missing(k) * terms.size();
  const auto distance = static_cast<double>(terms.square() - missing * missing);  // a^2 - b^2, about 2 b (a - b)
  return missing > 0 && std::fabs(distance) <= std::ldexp(2 * static_cast<double>(missing * terms.size()), k - 48);
}

/// E of the prediction as the contract has it: FP64, one operation after the other, the oldest value first.
int exponent_in_fp64(const Terms& terms) {
  const auto n = static_cast<double>(terms.values.size());
  double mean = 0;
  double squares = 0;
  for (std::size_t i = terms.values.size(); i > 0; --i) {
    mean += static_cast<double>(terms.values[i - 1]);
  }
  mean /= n;
  for (std::size_t i = terms.values.size(); i > 0; --i) {
    const double from_mean = static_cast<double>(terms.values[i - 1]) - mean;
    squares += from_mean * from_mean;
  }
  const double deviation = std::sqrt(squares / n);
  return std::ilogb(static_cast<double>(terms.largest()) + terms.deviations * deviation +
                    static_cast<double>(terms.offset));
}

/// count / total, rounded to a double, is above `rate`: the quotient is above the middle of `rate` and the next double.
bool above(std::uint64_t count, std::uint64_t total, double rate) {
  if (rate == 0 || total == 0) {
    return count > 0;
  }
  int exponent = 0;
  const auto significand = static_cast<std::uint64_t>(std::ldexp(std::frexp(rate, &exponent), 53));
  const Int128 middle = 2 * static_cast<Int128>(significand) + 1;  // times 2^(exponent - 54)
  return (static_cast<Int128>(count) << (54 - exponent)) > middle * static_cast<Int128>(total);
}

}  // namespace

int first_exponent(const Flex& flex, std::uint32_t absmax) {
  const int lowest = -(1 << flex.exponent_bits);
  const std::int64_t low = std::int64_t{1} << (flex.mantissa_bits - 2);
  const std::int64_t high = 2 * low - 1;
  const int half = (flex.mantissa_bits - 1) / 2;
  int exponent = within(-8, lowest, 0);
  for (int tried = 1; tried <= 10; ++tried) {
    const auto code =
        static_cast<std::int64_t>(decide(place_on_grid(absmax, exponent), false, Mode::nearest_even, 0, 0));
    const std::int64_t g = (code > high ? high : code) + 1;
    if (g >= high) {
      exponent = within(exponent + half, lowest, 0);
    } else if (g >= low) {
      return exponent;
    } else {
      exponent = within(exponent + bit_length(g) - bit_length(low), lowest, 0);
      if (g >= 2 && g >= (std::int64_t{1} << (half > 2 ? half - 2 : 0))) {
        return exponent;
      }
    }
  }
  return 0;
}

int next_exponent(const Flex& flex, const std::vector<Conversion>& before, std::int64_t step) {
  const std::vector<Conversion> kept = remembered(flex, before);
  const int last = before.back().exponent;
  int base = last;
  for (const Conversion& c : kept) {
    base = c.exponent < base ? c.exponent : base;
  }
  base += flex.mantissa_bits - 16;  // of the unit
  Terms terms;
  for (const Conversion& c : kept) {
    terms.values.push_back(static_cast<Int128>(c.largest) << (c.exponent - base));
  }
  if (16 * static_cast<std::int64_t>(before.size()) <= step) {
    terms.values.resize(terms.values.size() < 2 ? terms.values.size() : 2);
    terms.offset = Int128{1} << (last + flex.mantissa_bits - 4 - base);
  } else {
    terms.offset = static_cast<Int128>(flex.offset) << (last + flex.mantissa_bits - 16 - base);
    terms.deviations = flex.deviations;
    if (!reaches(terms, 0)) {
      return 0;  // nothing but zeros
    }
  }
  int k = 0;
  while (reaches(terms, k + 1)) {
    ++k;
  }
  if (touches(terms, k) || touches(terms, k + 1)) {
    k = exponent_in_fp64(terms);
  }
  return within(k + base - (flex.mantissa_bits - 2), -(1 << flex.exponent_bits), 0);
}

int range_after(const Range& range, const std::vector<std::vector<std::int32_t>>& batches) {
  int now = range.range;
  const auto every = static_cast<std::size_t>(range.every);
  const std::int32_t limit = (1 << (range.bits - 1)) - 1;
  for (std::size_t first = 0; first + every <= batches.size(); first += every) {
    std::uint64_t overflowed = 0;
    std::uint64_t would = 0;
    std::uint64_t total = 0;
    for (std::size_t batch = first; batch < first + every; ++batch) {
      for (const std::int32_t code : batches[batch]) {
        const std::int32_t magnitude = code < 0 ? -code : code;
        overflowed += magnitude >= limit ? 1 : 0;
        would += 2 * magnitude >= limit ? 1 : 0;
        ++total;
      }
    }
    now = above(overflowed, total, range.overflow) ? now + 1 : above(would, total, range.overflow) ? now : now - 1;
    now = within(now, -64, 64);
  }
  return now;
}

}  // namespace oracle
