// How the shared exponent of a tensor is chosen before the tensor is known: from what came of its conversions so far.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace precsim::formats {

/// Two's complement codes of one conversion, counted.
struct CodeCounts {
  std::int32_t largest = 0;      ///< the largest magnitude; 2^(width-1) where the most negative code appears
  std::uint64_t at_limit = 0;    ///< magnitudes of at least 2^(width-1) - 1, the largest code
  std::uint64_t above_half = 0;  ///< magnitudes of at least 2^(width-2): at the limit if the exponent were one less
  std::uint64_t elements = 0;

  void join(const CodeCounts& other) {
    largest = std::max(largest, other.largest);
    at_limit += other.at_limit;
    above_half += other.above_half;
    elements += other.elements;
  }
};
CodeCounts count_codes(std::span<const std::int16_t> codes, int width);

/// The state behind the exponents of one tensor that is converted again and again, once per training step. Its numbers
/// follow from what was observed, in order, and from nothing else.
class ExponentController {
 public:
  virtual ~ExponentController() = default;
  /// The exponent of the conversion in training step `step`; nothing before the first observation where it depends on
  /// the tensor: then it is Format::block_exponent(absmax).
  virtual std::optional<int> exponent(std::int64_t step) const = 0;
  /// What came of a conversion under `exponent`.
  virtual void observe(const CodeCounts& codes, int exponent) = 0;
  /// All of it as numbers, each exact as a double.
  virtual std::vector<double> state() const = 0;
  /// The inverse; false, with nothing changed, for numbers that no state has.
  virtual bool restore(std::span<const double> state) = 0;
};

}  // namespace precsim::formats
