// Sums of squares of a tensor of codes: all that the proofs of chain=auto in every pass ask of it.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

/// Of a tensor (pixels, channels), pixels flattened, that convolutions of `groups` groups read. Who writes the codes
/// adds them while they are in the cache; a proof then reads none of them, unless its chains are shorter than 64.
/// Memory: an eighth of the codes' bytes per block, and 8 bytes per pixel and piece.
class CodeSquares {
 public:
  static constexpr std::int64_t block_pixels = 32;
  static constexpr std::int64_t longest_piece = 64;

  /// Begins another tensor. Memory is kept.
  void begin(std::int64_t pixels, std::int64_t channels, std::int64_t groups = 1);
  /// Pixels [first, last), `codes` those of the first one. Every pixel once; within a block in order and by one thread.
  void add(const NativeKernel& kernel, const std::int16_t* codes, std::int64_t first, std::int64_t last);

  bool describes(std::int64_t pixels, std::int64_t channels, std::int64_t groups) const {
    return pixels == pixels_ && channels == channels_ && groups == groups_;
  }
  /// Neighboring channels of a group in one sum: a divisor of longest_piece, or all of an odd number and a zero.
  std::int64_t piece() const { return piece_; }
  /// [pixel][group][piece].
  const std::vector<std::uint64_t>& pieces() const { return by_pixel_; }
  /// [group][block][lane]: channels of the group in the order of LineSquares::across.
  const std::vector<std::uint64_t>& lanes() const { return by_block_; }

 private:
  std::int64_t pixels_ = 0, channels_ = 0, groups_ = 0, piece_ = 0;
  std::vector<std::uint64_t> by_pixel_, by_block_;
};

}  // namespace precsim::kernels::native
