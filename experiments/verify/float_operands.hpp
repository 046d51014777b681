// Operands that floating-point units get wrong: telling values of a format, and triples a * b + c made of them.
#pragma once

#include <cstdint>
#include <vector>

#include "experiments/verify/float_support.hpp"

namespace precsim::verify {

/// The telling values of a format: for every exponent, subnormal ones included, the fractions all zeros, all ones, one
/// half, and these one unit off, with both signs; and in the last row zeros, infinities, NaN (where the format has
/// them), the smallest and largest numbers and their neighbors.
class TellingValues {
 public:
  explicit TellingValues(const Target& target);

  std::uint64_t rows() const { return rows_.size(); }
  /// Value of a row; both indices wrap around.
  float at(std::uint64_t row, std::uint64_t column) const;
  /// A finite one at the exponent, or at the nearest that there is.
  float at_exponent(int exponent, std::uint64_t column) const;
  /// Any value of the format, from its code.
  float any(std::uint64_t random) const;
  /// The value of the format nearest to x from zero's side.
  float into(float x) const;
  const oracle::Format& format() const { return format_; }

 private:
  oracle::Format format_;
  int lowest_exponent_ = 0;
  std::vector<std::vector<float>> rows_;
};

struct Triple {
  float a = 0, b = 0, c = 0;
};
std::string describe(const Triple& t);

/// a * b + c: a and b of one format, c of the accumulator's.
class Triples {
 public:
  Triples(const Target& operands, const Target& sum);
  /// The triple of a random number: c at a chosen distance from the product; midpoints of the sum's format plus or
  /// minus something tiny; half and quarter units added to c; cancellations; results around the smallest normal number
  /// and around the largest; any codes.
  Triple draw(std::uint64_t random) const;

 private:
  Triple at_distance(std::uint64_t random) const;
  Triple midpoint(std::uint64_t random) const;
  Triple part_of_unit(std::uint64_t random) const;
  Triple cancellation(std::uint64_t random) const;
  Triple boundary(std::uint64_t random) const;

  TellingValues operands_, sums_;
};

}  // namespace precsim::verify
