// Formats that compete for a number of bits per element.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "experiments/tensor_files/block_grid.hpp"
#include "formats/catalogue.hpp"

namespace precsim::analysis {

/// Bits per element of a tensor in these blocks: those of a code, and those of all shared exponents divided by the
/// number of elements. An exponent has 16 bits; 8 in MX formats, m in flexP+m, none in fixI.F, whose name tells it.
double bits_per_element(const formats::Format& format, const tensor_files::BlockGrid& grid);

/// How much wider than asked for a candidate may be: one exponent for 1600 elements is no reason to leave out dfp8
/// where 8 bits are asked for.
inline constexpr double bits_to_spare = 0.01;

/// The formats that compete for at most `bits` bits per element.
class Candidates {
 public:
  explicit Candidates(double bits);

  /// Those that fit a tensor of that shape, within bits_to_spare: the examples of the catalogue; every eXmY of as many
  /// bits as fit; the widest dfpP with one exponent per tensor, per channel and per block of 16, 32, 64, 128 and 256.
  /// In this order; the first of those that are the same on this tensor.
  std::vector<formats::FormatPtr> of(std::span<const std::int64_t> shape) const;

  double bits() const { return bits_; }
  /// The examples of the catalogue whose codes fit; their exponents may not.
  std::span<const formats::FormatPtr> examples() const { return {formats_.data(), examples_}; }

 private:
  double bits_;
  std::size_t examples_ = 0;
  std::vector<formats::FormatPtr> formats_;  ///< with codes that fit; the examples first
};

}  // namespace precsim::analysis
