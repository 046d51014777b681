// Products of matrices: packed beforehand, or as product calls bring them.
#pragma once

#include <span>

#include "sim/kernels/multiply.hpp"
#include "sim/kernels/native/packed.hpp"
#include "sim/kernels/native/semantics.hpp"

namespace precsim::kernels::native {

/// result (rows x columns) = left * right. Both sides of one kind and length; `left` packed for this kernel.
void gemm(const NativeKernel& kernel, const PackedRows& left, const PackedColumns& right, const Semantics& semantics,
          float* result);

/// Operands converted for one use, blocks and channels with exponents of their own, or FP32 numbers: the result of the
/// product in its logical order, without bias. `chains` as cut (unused for FP32); returns false, with nothing done,
/// where the scale of a spill is no normal FP32 number. Working memory: both matrices of a group once more, kept by the
/// thread for the next call, and 4 bytes per row and chain where operands have blocks.
bool multiply_matrices(const NativeKernel& kernel, const Product& product, std::span<const arith::Chain> chains,
                       arith::OverflowRule overflow, std::span<float> result);

}  // namespace precsim::kernels::native
