// Converting one block by the array kernels: Format::convert, bit for bit.
#pragma once

#include <cstdint>

#include "formats/array_kernel.hpp"
#include "formats/format.hpp"

namespace precsim::formats {

/// Exactly Format::convert: values, codes, counts, exponent. Blocks of stride 1 go through `kernel` where the format
/// has a code rule and the exponent lies in the kernels' range (a block of zeros may lie below it); the rest through
/// Format::convert itself. More is allowed: `out.values` may be null, and for stride 1 `out.codes` may be given for
/// floating formats of at most 16 bits; they are the bit patterns of the codes.
int convert_block(const Format& format, const Block& in, float absmax, int exponent, Rounding rounding,
                  const RandomBits& bits, const BlockOutput& out, ConversionCounts& counts,
                  const ArrayKernel& kernel = best_array_kernel());

/// The values of `count` codes, as a conversion gives them: floating codes (at most 16 bits, upper bits ignored) or
/// code * 2^exponent, the FP32 number nearest to it. The format must have a code rule.
void decode_block(const Format& format, const std::int16_t* codes, std::int64_t count, int exponent, float* values,
                  const ArrayKernel& kernel = best_array_kernel());

}  // namespace precsim::formats
