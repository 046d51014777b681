// Conversions of the CPU: FP32 to fp16 by F16C, to bf16 by AVX512-BF16.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "formats/rounding.hpp"

namespace precsim::verify {

/// Why the instruction cannot be used, or nothing.
std::string f16c_obstacle();
std::string avx512_bf16_obstacle();

/// True for nearest_even, toward_zero, toward_positive and toward_negative.
bool f16c_has(formats::RoundingMode mode);

/// codes[i] = VCVTPS2PH(x[i]) under a mode that F16C has. Sizes are equal multiples of 16. Raises CheckError on a CPU
/// without.
void f16c_convert(std::span<const float> x, std::span<std::uint16_t> codes, formats::RoundingMode mode);

/// codes[i] = VCVTNEPS2BF16(x[i]): nearest even, subnormal inputs taken as zero. Sizes and errors as above.
void avx512_bf16_convert(std::span<const float> x, std::span<std::uint16_t> codes);

}  // namespace precsim::verify
