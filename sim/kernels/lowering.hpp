// The lowering of one tensor to the rows of a matrix, a row at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/kernels/conv_shape.hpp"

namespace precsim::kernels {

/// Where tap t of position p of the rows' image lies along one axis of the tensor, or -1: at(p)[t].
class AxisMap {
 public:
  /// The input positions that output positions see.
  static AxisMap forward(std::int64_t size, std::int64_t out, std::int64_t taps, const ConvShape& shape);
  /// The output positions that saw input positions.
  static AxisMap backward(std::int64_t size, std::int64_t out, std::int64_t taps, const ConvShape& shape);
  const std::int64_t* at(std::int64_t position) const { return index_.data() + position * taps_; }

 private:
  AxisMap(std::int64_t positions, std::int64_t taps, std::int64_t size);
  void set(std::int64_t position, std::int64_t tap, std::int64_t index);

  std::int64_t taps_, size_;
  std::vector<std::int64_t> index_;
};

/// Equal to reading source_index for every element: a tensor seen as groups x rows x (taps * period), `period` being
/// the channels, or one more with a zero in it.
template <class T>
class Lowering {
 public:
  Lowering(const ConvShape& shape, Pass pass, Side side, std::int64_t period, const T* tensor);

  /// All of one row.
  void row(std::int64_t group, std::int64_t row, T* to) const;
  /// Whether it is the rows' elements at one place of the reduction that lie together: in weight gradients.
  bool lies_across() const { return pass_ == Pass::weight_gradient; }
  /// Of weight gradients: element `k`, below reduction(), of all rows of a group.
  void across(std::int64_t group, std::int64_t k, T* to) const;
  std::int64_t reduction() const { return product_.taps * product_.channels; }

 private:
  void patch(std::int64_t position, std::int64_t first_channel, std::int64_t channels, std::int64_t period,
             T* to) const;
  void view_row(std::int64_t tap, std::int64_t channel, T* to) const;
  void strided(std::int64_t group, std::int64_t row, T* to) const;

  const ConvShape& shape_;
  Pass pass_;
  Side side_;
  std::int64_t period_;
  const T* tensor_;
  ProductShape product_;
  std::int64_t tensor_h_, tensor_w_, tensor_c_, rows_h_, rows_w_;  ///< of patches: the tensor; the image of positions
  AxisMap y_, x_;
};

}  // namespace precsim::kernels
