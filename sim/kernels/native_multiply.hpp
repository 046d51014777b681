// Products at the speed of the machine, without telemetry.
#pragma once

#include <span>

#include "sim/kernels/engine.hpp"

namespace precsim::kernels {

/// The same bits as the simulation. Tensors go through the convolution kernels without being lowered, with blocks too
/// (multiply_blocked), matrices through the tiles of the matrix product. What has no native form (floating-point
/// accumulators other than FP32 FMA, saturation after every single product, spill scales that FP32 cannot hold or, of
/// matrices, that are no normal FP32 numbers) is simulated, which is the fastest kernel there is for it. Telemetry:
/// sizes, chain length, proof; `measured` is false.
void multiply_native(const ProductCall& call, std::span<float> result, Telemetry& telemetry, const TileKernel& kernel);

/// The chain of a product of two tensors of codes, as their matrices would give it.
ProvedChain prove_tensors(const ProductCall& call, const TileKernel& kernel);

/// Whether native kernels have the steps of an accumulator.
constexpr bool has_native_steps(const arith::IntegerAccumulator& accumulator) {
  return accumulator.overflow == arith::OverflowRule::wrap || accumulator.atom != arith::Atom::single;
}

/// The tensor of one side as a matrix.
Matrix as_matrix(const ProductCall& call, Side side);

}  // namespace precsim::kernels
