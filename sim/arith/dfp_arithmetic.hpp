// Arithmetic of dynamic fixed point tensors: down-conversion of INT32 results and addition.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "formats/random_bits.hpp"
#include "formats/shared_exponent.hpp"

namespace precsim::arith {

/// A tensor of integer codes with one exponent: value codes[i] * 2^exponent.
struct DfpTensor {
  std::vector<std::int32_t> codes;
  int exponent = 0;
};

/// INT32 results times 2^exponent, brought down to the format (blocking `tensor`): the shift is
/// R = max(0, bits(max|i|) - (P-1-h)), each integer is rounded once, then the top rule applies (bump: R+1 from
/// the original integers; under stochastic rounding decided from max|i| alone). Das et al. 2018, section 3.
DfpTensor down_convert(std::span<const std::int32_t> integers, int exponent, const formats::DfpFormat& format,
                       formats::Rounding rounding, const formats::RandomBits& bits);

/// a + b: aligned to the larger exponent (an all-zero tensor takes the other's), the shifted operand rounded,
/// summed exactly in INT32, then brought down. Sizes must match; codes of at most 16 bits. `use` of the bits
/// numbers the shifted operand's draws, use + 1 those of the down-conversion.
DfpTensor add(const DfpTensor& a, const DfpTensor& b, const formats::DfpFormat& format, formats::Rounding rounding,
              const formats::RandomBits& bits);

}  // namespace precsim::arith
