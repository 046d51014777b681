// Weight gradients of operands with blocks.
#pragma once

#include <span>

#include "sim/arith/chain.hpp"
#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/lowering.hpp"
#include "sim/kernels/native/semantics.hpp"

namespace precsim::kernels::native {

/// One side of a weight gradient: codes, or FP32 numbers, and powers of two for chains of the blocks of their places.
template <class T>
struct BlockedLines {
  const T* codes = nullptr;  ///< of a place: those of all rows or columns of a group
  std::int64_t group_step = 0, pixel_step = 0;
  const Lowering<T>* lowering = nullptr;  ///< gives them instead
  const float* factors = nullptr;
  std::int64_t factor_group = 0, factor_block = 0, factor_line = 0;  ///< from each to the next one

  float factor(std::int64_t group, std::int64_t block, std::int64_t line) const {
    return factors[group * factor_group + block * factor_block + line * factor_line];
  }
};

/// `errors` by output channel, `patches` by column. Products of two factors are normal numbers; `chains` of all output
/// pixels, an odd number of codes followed by a zero. Working memory per thread: of about 448 pixels, 4 bytes per pair
/// or number of all rows and of the thread's columns, and their codes where they are not in memory.
template <class T>
void blocked_weight_gradient(const NativeKernel& kernel, const ConvShape& shape, const BlockedLines<T>& errors,
                             const BlockedLines<T>& patches, std::span<const arith::Chain> chains,
                             arith::OverflowRule overflow, float* result);

}  // namespace precsim::kernels::native
