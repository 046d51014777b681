// An independent oracle for the MX formats: their table, and blocks converted by exact comparisons.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "tests/oracle/product_oracle.hpp"

/// Written from OCP Microscaling Formats 1.0 and the contract (numerics 2), sharing nothing with the library.
namespace oracle {

/// One format: elements of `format`, or (`integer`) codes from -127 to 127. The landmarks are those of elements without
/// scale, numbers of their own that do not follow from the record.
struct NamedMx {
  std::string_view name;
  int width;
  bool integer;
  Format format;
  int emax;
  double largest, smallest_normal, smallest, epsilon;
};
std::span<const NamedMx> named_mx();

struct MxBlock {
  int exponent = 0;
  std::vector<std::int32_t> codes;  ///< integers, or bit patterns
  std::vector<float> elements;      ///< without scale
  std::uint64_t saturated = 0;

  /// Element times scale.
  float value(std::size_t i) const;
};
MxBlock convert_block(const NamedMx& mx, const std::vector<float>& x, Mode mode, int stochastic_bits,
                      const std::function<std::uint32_t(std::size_t)>& word);

/// Elements and exponents of every place of a side's implicit matrix (which is not made even); words as for
/// ConvertedSide.
struct MxSide {
  std::vector<float> elements;
  std::vector<int> exponents;
};
MxSide convert_side(const Shape& shape, Product product, bool left, std::int64_t block, const NamedMx& mx, Mode mode,
                    int stochastic_bits, const std::vector<float>& tensor,
                    const std::function<std::uint32_t(std::uint64_t)>& word);

}  // namespace oracle
