// Exact numbers, lanes, chains and the norm bound of the product oracle; see product_oracle.hpp.
#include "tests/oracle/product_oracle.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace oracle {
namespace {

/// The nearest integer with at most 24 significant bits, ties to an even last kept bit.
std::int64_t nearest_24_bits(std::int64_t value) {
  std::int64_t unit = 1;
  const std::int64_t magnitude = value < 0 ? -value : value;
  while (magnitude / unit >= (1 << 24)) {
    unit *= 2;
  }
  const std::int64_t kept = magnitude / unit;
  const std::int64_t twice_rest = 2 * (magnitude % unit);
  const std::int64_t rounded = kept + (twice_rest > unit || (twice_rest == unit && kept % 2 == 1) ? 1 : 0);
  return (value < 0 ? -1 : 1) * rounded * unit;
}

const FloatKind fp32{23, -126, 0x1.fffffep127, Overflow::infinity};

bool goes_up(std::uint64_t kept, const Wide& rest, int step, bool negative, Mode mode, int bits, std::uint32_t word) {
  const bool any = !rest.is_zero();
  const std::uint64_t quarters = rest.steps(step - 2);
  const bool odd = kept % 2 == 1;
  switch (mode) {
    case Mode::nearest_even:
      return quarters >= 2 && (odd || quarters == 3 || !rest.rest(step - 1).is_zero());
    case Mode::nearest_away:
      return quarters >= 2;
    case Mode::toward_zero:
      return false;
    case Mode::toward_positive:
      return any && !negative;
    case Mode::toward_negative:
      return any && negative;
    case Mode::to_odd:
      return any && !odd;
    case Mode::stochastic:
      return word / (std::uint64_t{1} << (32 - bits)) < rest.steps(step - bits);
    case Mode::biased:
      return quarters >= 1;
  }
  throw std::logic_error("unknown rounding mode");
}

float overflowed(const FloatKind& kind, bool negative, Mode mode) {
  const bool to_largest = mode == Mode::toward_zero || mode == Mode::to_odd ||
                          (mode == Mode::toward_positive && negative) || (mode == Mode::toward_negative && !negative);
  double value = kind.largest;
  if (!to_largest && kind.overflow == Overflow::infinity) {
    value = std::numeric_limits<double>::infinity();
  } else if (!to_largest && kind.overflow == Overflow::nan) {
    value = std::numeric_limits<double>::quiet_NaN();
  }
  return static_cast<float>(negative ? -value : value);
}

}  // namespace

Wide Wide::from(std::int64_t value, int exponent) {
  Wide wide;
  wide.negative_ = value < 0;
  const std::uint64_t magnitude = value < 0 ? -static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  if (magnitude == 0) {
    return wide;
  }
  const int place = exponent - lowest_ + std::countr_zero(magnitude);
  const std::uint64_t odd = magnitude >> std::countr_zero(magnitude);
  if (place < 0 || place + std::bit_width(odd) > 64 * static_cast<int>(wide.words_.size())) {
    throw std::logic_error("the oracle's numbers are too short");
  }
  const auto word = static_cast<std::size_t>(place / 64);
  const int shift = place % 64;
  wide.words_[word] = odd << shift;
  if (shift + std::bit_width(odd) > 64) {
    wide.words_[word + 1] = odd >> (64 - shift);
  }
  return wide;
}

Wide Wide::from(float x) {
  int exponent = 0;
  const float fraction = std::frexp(std::fabs(x), &exponent);
  Wide wide = from(static_cast<std::int64_t>(std::ldexp(fraction, 24)), exponent - 24);
  wide.negative_ = std::signbit(x);
  return wide;
}

Wide Wide::product(float a, float b) {
  int exponent_a = 0;
  int exponent_b = 0;
  const float fraction_a = std::frexp(std::fabs(a), &exponent_a);
  const float fraction_b = std::frexp(std::fabs(b), &exponent_b);
  const std::int64_t magnitude =
      static_cast<std::int64_t>(std::ldexp(fraction_a, 24)) * static_cast<std::int64_t>(std::ldexp(fraction_b, 24));
  Wide wide = from(magnitude, exponent_a + exponent_b - 48);
  wide.negative_ = std::signbit(a) != std::signbit(b);
  return wide;
}

int Wide::compare(const Wide& a, const Wide& b) {
  for (std::size_t i = a.words_.size(); i-- > 0;) {
    if (a.words_[i] != b.words_[i]) {
      return a.words_[i] < b.words_[i] ? -1 : 1;
    }
  }
  return 0;
}

Wide operator+(const Wide& a, const Wide& b) {
  const bool a_larger = Wide::compare(a, b) >= 0;
  const Wide& large = a_larger ? a : b;
  const Wide& small = a_larger ? b : a;
  const bool subtract = a.negative_ != b.negative_;
  Wide sum;
  Int128 carry = 0;
  for (std::size_t i = 0; i < sum.words_.size(); ++i) {
    const Int128 word =
        Int128{large.words_[i]} + (subtract ? -Int128{small.words_[i]} : Int128{small.words_[i]}) + carry;
    sum.words_[i] = static_cast<std::uint64_t>(word);
    carry = word >> 64;
  }
  sum.negative_ = sum.is_zero() ? a.negative_ && b.negative_ : large.negative_;
  return sum;
}

bool Wide::is_zero() const {
  return words_ == decltype(words_){};
}

std::uint64_t Wide::window(int place) const {
  const auto word = [&](int index) {
    return index < 0 || index >= static_cast<int>(words_.size()) ? 0 : words_[static_cast<std::size_t>(index)];
  };
  const int index = place >= 0 ? place / 64 : -((63 - place) / 64);
  const int shift = place - 64 * index;
  return word(index) >> shift | (shift == 0 ? 0 : word(index + 1) << (64 - shift));
}

int Wide::exponent() const {
  std::size_t word = words_.size() - 1;
  while (words_[word] == 0) {
    --word;
  }
  return static_cast<int>(64 * word) + 63 - std::countl_zero(words_[word]) + lowest_;
}

std::uint64_t Wide::steps(int step) const {
  if (is_zero()) {
    return 0;
  }
  if (exponent() - step >= 64) {
    throw std::logic_error("too many steps");
  }
  return exponent() < step ? 0 : window(step - lowest_);
}

Wide Wide::rest(int step) const {
  Wide low;
  low.negative_ = negative_;
  for (int word = 0; word < static_cast<int>(words_.size()); ++word) {
    const int kept = step - lowest_ - 64 * word;
    const std::uint64_t mask = kept >= 64 ? ~std::uint64_t{0} : kept <= 0 ? 0 : (std::uint64_t{1} << kept) - 1;
    low.words_[static_cast<std::size_t>(word)] = words_[static_cast<std::size_t>(word)] & mask;
  }
  return low;
}

float round(const FloatKind& kind, const Wide& x, Mode mode, int stochastic_bits, std::uint32_t word) {
  if (x.is_zero()) {
    return x.negative() ? -0.0f : 0.0f;
  }
  const int exponent = x.exponent() < kind.smallest_exponent ? kind.smallest_exponent : x.exponent();
  const int step = exponent - kind.fraction_bits;
  const std::uint64_t kept = x.steps(step);
  const bool up = goes_up(kept, x.rest(step), step, x.negative(), mode, stochastic_bits, word);
  const double value = std::ldexp(static_cast<double>(kept + (up ? 1 : 0)), step);
  if (value > kind.largest) {
    return overflowed(kind, x.negative(), mode);
  }
  return static_cast<float>(x.negative() ? -value : value);
}

float spill(std::int32_t lane, int exponent, float c) {
  if (std::isinf(c)) {
    return c;
  }
  return round(fp32, Wide::from(nearest_24_bits(lane), exponent) + Wide::from(c), Mode::nearest_even, 32, 0);
}

float spill(float sum, int exponent, float c) {
  if (!std::isfinite(sum) || !std::isfinite(c)) {
    return sum + c;
  }
  int exponent_of_sum = 0;
  const float fraction = std::frexp(sum, &exponent_of_sum);
  const Wide term = Wide::from(static_cast<std::int64_t>(std::ldexp(fraction, 24)), exponent_of_sum - 24 + exponent);
  return round(fp32, term + Wide::from(c), Mode::nearest_even, 32, 0);
}

Lane run_lane(const std::vector<std::int64_t>& products, int per_step, bool saturate) {
  const Int128 two_31 = Int128{1} << 31;
  Lane lane;
  Int128 value = 0;
  for (std::size_t k = 0; k < products.size(); k += static_cast<std::size_t>(per_step)) {
    for (std::size_t i = k; i < products.size() && i < k + static_cast<std::size_t>(per_step); ++i) {
      value += products[i];
      lane.true_sum += products[i];
    }
    if (value < -two_31 || value >= two_31) {
      lane.first = lane.events == 0 ? static_cast<std::int64_t>(k) : lane.first;
      ++lane.events;
      if (saturate) {
        value = value < 0 ? -two_31 : two_31 - 1;
      }
      while (value < -two_31) {
        value += 2 * two_31;
      }
      while (value >= two_31) {
        value -= 2 * two_31;
      }
    }
  }
  lane.value = static_cast<std::int32_t>(value);
  return lane;
}

int bits_of(Int128 x) {
  int bits = 1;
  while (x < -(Int128{1} << (bits - 1)) || x >= Int128{1} << (bits - 1)) {
    ++bits;
  }
  return bits;
}

std::vector<Piece> cut(std::int64_t length, std::int64_t period, std::int64_t block_a, std::int64_t block_b,
                       std::int64_t chain) {
  const auto same_block = [&](std::int64_t block, std::int64_t k) {
    return block == 0 || (k / period == (k - 1) / period && k % period / block == (k - 1) % period / block);
  };
  std::vector<Piece> pieces;
  for (std::int64_t k = 0; k < length; ++k) {
    const bool joined = k > 0 && same_block(block_a, k) && same_block(block_b, k) &&
                        (chain == 0 || pieces.back().end - pieces.back().begin < chain);
    if (joined) {
      pieces.back().end = k + 1;
    } else {
      pieces.push_back({k, k + 1});
    }
  }
  return pieces;
}

bool norms_fit(Int128 squares_a, Int128 squares_b) {
  const Int128 limit = (Int128{1} << 31) - 1;
  return squares_a * squares_b <= limit * limit;
}

}  // namespace oracle
