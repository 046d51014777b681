// Where a convolution's rows lie in its tensors: the left side of a product, read in place.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native/semantics.hpp"

namespace precsim::kernels::native {

/// Rows that meet the same stretches of the reduction. Row i of group g begins at word row_starts[i] + g * group_words
/// of the tensor, its result at element result_starts[i] + g * (channels of a group of the result).
struct RowSet {
  std::vector<Stretch> stretches;  ///< none: all products are zeros
  std::vector<std::int64_t> row_starts, result_starts;
};

/// The rows of a forward or input gradient product: input or errors with their border, all of one set, or for input
/// gradients one set for each remainder of the stride.
template <class T>
struct Rows {
  Bordered<T> tensor;
  std::int64_t group_words = 0;
  std::vector<RowSet> sets;
  const Word* words(std::int64_t group) const {
    return reinterpret_cast<const Word*>(tensor.data) + group * group_words;
  }
  /// Products per row: taps times channels of a group, even for pairs.
  std::int64_t length = 0;
};
template <class T>
Rows<T> forward_rows(const ConvShape& shape, const T* input);
template <class T>
Rows<T> input_gradient_rows(const ConvShape& shape, const T* errors);

/// Where the pixels of the output meet the input at one tap.
class PixelLines {
 public:
  PixelLines(const ConvShape& shape, std::int64_t tap) : shape_(shape), kh_(tap / shape.kw), kw_(tap % shape.kw) {}
  /// First channel of the input pixel that output pixel p meets, or -1 in the padding and beyond the last pixel.
  std::int64_t operator()(std::int64_t p) const {
    const std::int64_t line = p / shape_.out_w();
    const std::int64_t image = line / shape_.out_h();
    const std::int64_t ih = line % shape_.out_h() * shape_.stride + kh_ - shape_.pad;
    const std::int64_t iw = p % shape_.out_w() * shape_.stride + kw_ - shape_.pad;
    const bool inside = image < shape_.n && ih >= 0 && ih < shape_.h && iw >= 0 && iw < shape_.w;
    return inside ? ((image * shape_.h + ih) * shape_.w + iw) * shape_.ic : -1;
  }

 private:
  const ConvShape& shape_;
  std::int64_t kh_, kw_;
};

}  // namespace precsim::kernels::native
