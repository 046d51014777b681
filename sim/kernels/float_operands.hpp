// What the simulation must know of FP32 operands before it chooses how to multiply them.
#pragma once

#include <span>
#include <vector>

#include "formats/array_kernel.hpp"
#include "sim/kernels/matrix.hpp"

namespace precsim::kernels {

/// True only if every product of finite elements is an FP32 number of magnitude below 2^127: the significands have at
/// most 12 bits, so that products have at most 24, and exponents keep their lowest bit at 2^-149 or above.
bool products_are_floats(std::span<const float> left, std::span<const float> right);

/// By (group, row): 1 where a row has an infinity or NaN, else 0.
std::vector<char> nonfinite_rows(const Matrix& matrix, const formats::ArrayKernel& kernel);

}  // namespace precsim::kernels
