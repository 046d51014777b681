// Converting many blocks at once: Format::convert of each, bit for bit.
#pragma once

#include <cstdint>

#include "formats/array_kernel.hpp"
#include "formats/format.hpp"

namespace precsim::formats {

/// Blocks of numbers: lines of `length` numbers, one after another, cut into blocks of `block` (the last one of a line
/// shorter); or, `down`, the columns of `lines` rows of `length` numbers whose beginnings are `distance` apart, a
/// column a block. Each block has statistics of its own.
struct Panel {
  const float* x = nullptr;
  std::int64_t lines = 0, length = 0;
  std::int64_t block = 0;     ///< not of columns
  std::int64_t distance = 0;  ///< of columns
  bool down = false;
  std::uint64_t first = 0;  ///< the index of x[0] in its tensor, for random words

  std::int64_t blocks_of_line() const { return down ? length : (length + block - 1) / block; }
};

/// Where the numbers go, at the same places as in the panel; `values` or `codes` may be null. `exponents`: one per
/// block, line by line.
struct PanelOutput {
  float* values = nullptr;
  std::int16_t* codes = nullptr;
  std::int16_t* exponents = nullptr;
};

/// `counts.refused` is the place in the panel (of an infinity or NaN; formats with blocks take neither); nothing else
/// is then said of the output. The format must have an exponent per block.
void convert_panel(const Format& format, const Panel& in, Rounding rounding, const RandomBits& bits,
                   const PanelOutput& out, ConversionCounts& counts, const ArrayKernel& kernel = best_array_kernel());

}  // namespace precsim::formats
