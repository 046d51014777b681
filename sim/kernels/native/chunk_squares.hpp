// Sums of squares of an operand's chunks, straight from a convolution's tensors: what the norm bound is made of.
#pragma once

#include <cstdint>
#include <memory>

#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

/// One side of a product: the largest sum of squares over the rows of a group, by chunk of the reduction. Squares are
/// formed once, in pieces that taps and chain lengths share.
class ChunkSquares {
 public:
  virtual ~ChunkSquares() = default;
  /// Chunks are [c * chain, (c + 1) * chain) from here on.
  virtual void set_chain(std::int64_t chain) = 0;
  /// At least largest(), found without looking at every row.
  virtual std::uint64_t bound(std::int64_t group, std::int64_t chunk) const { return largest(group, chunk); }
  virtual std::uint64_t largest(std::int64_t group, std::int64_t chunk) const = 0;
};

std::unique_ptr<ChunkSquares> chunk_squares(const NativeKernel& kernel, const ConvShape& shape, Pass pass, Side side,
                                            const std::int16_t* codes);

}  // namespace precsim::kernels::native
