// Sums of squares of an operand's chunks, straight from a convolution's tensors: what the norm bound is made of.
#pragma once

#include <cstdint>
#include <memory>

#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/native/code_squares.hpp"
#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

/// One side of a product: sums of squares of the rows of a group, by chunk of the reduction. Squares are formed once,
/// in pieces that taps and chain lengths share.
class ChunkSquares {
 public:
  virtual ~ChunkSquares() = default;
  /// Chunks are [c * chain, (c + 1) * chain) from here on.
  virtual void set_chain(std::int64_t chain) = 0;
  /// True iff the sum of some row is above the limit.
  virtual bool exceeds(std::int64_t group, std::int64_t chunk, std::uint64_t limit) const = 0;
};

/// A side whose largest sums are found without much ado.
class LargestSquares : public ChunkSquares {
 public:
  virtual std::uint64_t largest(std::int64_t group, std::int64_t chunk) const = 0;
  bool exceeds(std::int64_t group, std::int64_t chunk, std::uint64_t limit) const final {
    return largest(group, chunk) > limit;
  }
};

/// One side of a product: a tensor of codes, with the sums that it was written with, or null.
struct CodeOperand {
  const std::int16_t* codes;
  const CodeSquares* squares = nullptr;
};

/// The two sides of a product: `one` the weights, in a weight gradient the errors; `other` the windows.
struct SquaresOfSides {
  std::unique_ptr<LargestSquares> one;
  std::unique_ptr<ChunkSquares> other;
};
SquaresOfSides chunk_squares(const NativeKernel& kernel, const ConvShape& shape, Pass pass, CodeOperand left,
                             CodeOperand right);

}  // namespace precsim::kernels::native
