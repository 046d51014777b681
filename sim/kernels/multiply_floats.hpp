// The simulated product of FP32 numbers under any floating-point accumulator.
#pragma once

#include <span>

#include "sim/arith/chain.hpp"
#include "sim/kernels/multiply.hpp"

namespace precsim::kernels {

/// Fills `result` and, unless it is empty, `exact` (arith::exact_reduction) in the result's logical order. FP32 sums
/// run on the native tiles; others in lanes of float where every product is exact in FP32, else in lanes of double;
/// what lanes cannot do (outputs of non-finite operands, products that overflow to infinity in a format of their own,
/// random bits beyond the precision of double) by the reference, output by output. Threads
/// share outputs. Scaled operands: `chains` are their blocks, each summed so from zero, in lanes of float where the
/// accumulator is FP32, and spilled in lanes of double. Working memory: 8 bytes per element of one operand where lanes
/// of double or exact sums are needed, 8 more where these are of scaled operands.
void multiply_floats(const Product& product, std::span<const arith::Chain> chains, const TileKernel& kernel,
                     std::span<float> result, std::span<double> exact);

}  // namespace precsim::kernels
