// What the lanes of a product do, and how its reduction is cut for that.
#pragma once

#include <span>
#include <vector>

#include "sim/arith/accumulator.hpp"
#include "sim/arith/chain.hpp"
#include "sim/kernels/native/tiling.hpp"

namespace precsim::kernels::native {

/// What scales the chains of operands with blocks, chain by chain of the whole reduction, by powers of two
/// whose products are normal numbers. Of forward products and input gradients.
struct BlockedSpills {
  std::span<const arith::Chain> chains;
  const float* row_factors = nullptr;   ///< [pixel][group][block of a tap] of the tensor that rows are windows of
  std::int64_t row_blocks = 0;          ///< of a tap; 0: one factor for all
  float border = 1;                     ///< the factor of what is outside of the tensor: any in range
  const float* lane_factors = nullptr;  ///< [group][panel][chain][panel_lanes]
};

/// Operands that share one exponent each, or have `blocks`; FP32 operands need none of it.
struct Semantics {
  std::int64_t chain = 0;  ///< products, resolved; chain_to_end
  arith::OverflowRule overflow = arith::OverflowRule::wrap;
  int exponent = 0;  ///< of a product of codes; within [-149, 127]
  const BlockedSpills* blocks = nullptr;
};

/// Products that one word of T takes part in.
template <class T>
inline constexpr std::int64_t products_per_step = static_cast<std::int64_t>(sizeof(Word) / sizeof(T));

/// Steps of a panel that stay in the first-level cache while tiles pass over them.
inline constexpr std::int64_t steps_per_block = 256;

/// The kernel's functions and the factor for operands of T.
template <class T>
void set_semantics(Tiling& tiling, const NativeKernel& kernel, const Semantics& semantics);

/// The stretches of a reduction of `length` products in segments and blocks of about `steps`; FP32 ignores `chain`.
template <class T>
std::vector<std::vector<Segment>> cut_reduction(std::span<const Stretch> stretches, std::int64_t length,
                                                std::int64_t chain, std::int64_t steps = steps_per_block);

}  // namespace precsim::kernels::native
