// Native products of tensors whose blocks have exponents of their own.
#pragma once

#include <span>

#include "sim/kernels/engine.hpp"

namespace precsim::kernels {

/// The product of two tensors of codes, at least one of them an Operand::blocked, or of two of elements under an FP32
/// accumulator: these as integers where FP32 would hold every sum of a block. The convolution kernels read them as they
/// read tensors that share one exponent; spills have factors of their own. Where no bound on the codes proves a chain,
/// tensors become matrices for the proof. Returns false, with nothing done, for all others, where the scale of a spill
/// is no normal FP32 number, and where elements times their scales might leave the range of FP32.
bool multiply_blocked(const ProductCall& call, std::span<float> result, Telemetry& telemetry, const TileKernel& kernel);

}  // namespace precsim::kernels
