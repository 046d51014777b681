// Converting whole arrays: absmax, one block or many, and what the caller gets back.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "formats/catalogue.hpp"
#include "formats/format.hpp"

namespace precsim::formats {

struct ArrayKernel;
const ArrayKernel& best_array_kernel();

/// The largest finite magnitude of a strided array (0 if none) and the index j of the first non-finite element or -1.
struct Extent {
  float absmax = 0;
  std::int64_t first_nonfinite = -1;
};
Extent extent(const float* x, std::int64_t count, std::int64_t stride = 1,
              const ArrayKernel& kernel = best_array_kernel());

/// A converted array: values (FP32), codes (integers, or bit patterns of scaled elements), exponents (one per block),
/// counts.
struct ConvertedArray {
  std::vector<float> values;
  std::vector<std::int16_t> codes;
  std::vector<std::int16_t> exponents;
  ConversionCounts counts;
};

/// Converts x, whose logical order is its storage order, in blocks of consecutive elements: one block for formats
/// of blocking none or tensor; blocks of k elements within each row of `row` elements for block=k (the last one
/// of a row shorter); one per row for channel. row must divide the size. Raises UserError naming `what` and the
/// index of an element that the format cannot take.
ConvertedArray convert(std::span<const float> x, std::int64_t row, const Conversion& conversion, const RandomBits& bits,
                       std::string_view what, const ArrayKernel& kernel = best_array_kernel());

/// Raises the UserError for the element at `index` that `format` cannot take.
[[noreturn]] void refuse_element(const Format& format, std::string_view what, std::int64_t index, float value);

}  // namespace precsim::formats
