// The longest chain that provably cannot overflow, decided from a convolution's tensors.
#pragma once

#include <cstdint>

#include "sim/arith/accumulator.hpp"
#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/multiply.hpp"
#include "sim/kernels/native/chunk_squares.hpp"

namespace precsim::kernels::native {

/// The same decisions as prove_chain() and is_proved() on the lowered operands, without lowering them: tensors of codes
/// under one exponent each, in their logical order.
ProvedChain prove_chain(const ConvShape& shape, Pass pass, CodeOperand left, CodeOperand right, arith::Atom atom,
                        const TileKernel& kernel);
bool is_proved(const ConvShape& shape, Pass pass, CodeOperand left, CodeOperand right, std::int64_t chain,
               const TileKernel& kernel);

}  // namespace precsim::kernels::native
