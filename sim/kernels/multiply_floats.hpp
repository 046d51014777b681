// The simulated product of FP32 numbers under any floating-point accumulator.
#pragma once

#include <span>

#include "sim/kernels/multiply.hpp"

namespace precsim::kernels {

/// Fills `result` and, unless it is empty, `exact` (arith::exact_reduction) in the result's logical order. FP32 sums
/// run on the native tiles; others in lanes of float where every product is exact in FP32, else in lanes of double;
/// what lanes cannot do (outputs of non-finite operands, products that overflow to infinity in a format of their own,
/// random bits beyond the precision of double) by the reference, output by output. Threads
/// share outputs. Working memory: 8 bytes per element of one operand where lanes of double or exact sums are needed.
void multiply_floats(const Product& product, const TileKernel& kernel, std::span<float> result,
                     std::span<double> exact);

}  // namespace precsim::kernels
