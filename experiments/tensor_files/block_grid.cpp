// Blocks of a tensor; see block_grid.hpp.
#include "experiments/tensor_files/block_grid.hpp"

#include <algorithm>

namespace precsim::tensor_files {

using formats::BlockKind;

BlockGrid::BlockGrid(std::span<const std::int64_t> shape, const formats::Blocking& blocking) {
  for (const std::int64_t extent : shape) {
    size_ *= extent;
  }
  row_ = size_;
  if (size_ != 0 && !shape.empty()) {
    row_ = blocking.kind == BlockKind::channel     ? size_ / shape.front()
           : blocking.kind == BlockKind::reduction ? shape.back()
                                                   : size_;
  }
  block_ = blocking.kind == BlockKind::reduction ? std::min<std::int64_t>(blocking.size, row_) : row_;
  blocks_per_row_ = block_ == 0 ? 0 : (row_ + block_ - 1) / block_;
  if (blocking.kind == BlockKind::channel && !shape.empty()) {
    exponents_shape_ = {shape.front()};
  } else if (blocking.kind == BlockKind::reduction) {
    exponents_shape_.assign(shape.begin(), shape.end());
    if (!shape.empty()) {
      exponents_shape_.back() = (shape.back() + blocking.size - 1) / blocking.size;
    }
  }
}

BlockPlace BlockGrid::at(std::int64_t element) const {
  const std::int64_t row = element / row_;
  const std::int64_t in_row = (element - row * row_) / block_;
  return {row * blocks_per_row_ + in_row, row * row_ + in_row * block_, std::min(block_, row_ - in_row * block_)};
}

}  // namespace precsim::tensor_files
