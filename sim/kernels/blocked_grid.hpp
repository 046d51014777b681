// Where the blocks of a tensor lie.
#pragma once

#include <cstdint>

#include "sim/kernels/matrix.hpp"

namespace precsim::kernels {

/// Blocks of `panels` times `lines` x `length` elements, one after another; along the lines, or down the columns of a
/// panel.
struct Grid {
  std::int64_t panels = 1, lines = 0, length = 0, block = 0;
  bool down = false;

  std::int64_t size() const { return panels * lines * length; }
  std::int64_t blocks_of_line() const { return (length + block - 1) / block; }
  std::int64_t bands() const { return (lines + block - 1) / block; }
  std::int64_t blocks() const { return down ? panels * bands() * length : panels * lines * blocks_of_line(); }
  /// The number of the block that an element is in.
  std::int64_t block_of(std::int64_t element) const {
    const std::int64_t line = element / length;
    const std::int64_t at = element % length;
    return down ? (line / lines * bands() + line % lines / block) * length + at : line * blocks_of_line() + at / block;
  }
};

/// What of an operand has a format's exponents, and its blocks; of the patches of a weight gradient in blocks, in the
/// order of BlockedTensor.
Grid block_grid(const ConvShape& shape, Pass pass, Side side, const formats::Blocking& blocking);

/// Whether the codes are those of patches, which have no place of their own in the tensor.
constexpr bool converts_patches(Pass pass, Side side, const formats::Blocking& blocking) {
  return pass == Pass::weight_gradient && side == Side::right && blocking.kind == formats::BlockKind::reduction;
}

/// The elements of a scaled tensor, without their exponents.
std::vector<float> decode_elements(const BlockedTensor& tensor);

}  // namespace precsim::kernels
