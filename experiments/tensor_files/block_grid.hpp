// How the elements of a tensor in C order fall into blocks that share a scale.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "formats/format.hpp"

namespace precsim::tensor_files {

/// Consecutive elements first ... first + size - 1; `index` counts the blocks of the tensor from 0.
struct BlockPlace {
  std::int64_t index = 0, first = 0, size = 0;
};

/// tensor (or none): one block. channel: one per index of the first axis. block=k: k elements along the last axis, the
/// last block of a row shorter. A scalar is a tensor of one element in every respect.
class BlockGrid {
 public:
  BlockGrid(std::span<const std::int64_t> shape, const formats::Blocking& blocking);

  /// Elements in all.
  std::int64_t size() const { return size_; }
  /// Blocks in all; 0 for a tensor without elements.
  std::int64_t count() const { return row_ == 0 ? 0 : size_ / row_ * blocks_per_row_; }
  /// Elements of the longest block.
  std::int64_t longest() const { return block_; }
  /// Consecutive elements that are cut into blocks anew.
  std::int64_t row() const { return row_; }
  /// The block of an element.
  BlockPlace at(std::int64_t element) const;
  /// The axes of a tensor of one exponent per block: none, the channels, or the tensor's own with the last one divided.
  /// One without axes has one element, also where count() is 0.
  const std::vector<std::int64_t>& exponents_shape() const { return exponents_shape_; }

  friend bool operator==(const BlockGrid&, const BlockGrid&) = default;

 private:
  std::int64_t size_ = 1, row_ = 1, block_ = 1, blocks_per_row_ = 1;
  std::vector<std::int64_t> exponents_shape_;
};

}  // namespace precsim::tensor_files
