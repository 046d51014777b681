// A convolution as three implicit matrix products: which tensor element stands where (numerics 4, "Order").
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace precsim::kernels {

enum class Pass : std::uint8_t { forward, input_gradient, weight_gradient };
inline constexpr std::array<Pass, 3> passes{Pass::forward, Pass::input_gradient, Pass::weight_gradient};
std::string_view name(Pass pass);

/// The two operands of a product. Results have one row per row of `left` and one column per row of `right`.
enum class Side : std::uint8_t { left, right };

/// Shapes: input (n, h, w, ic), weight (oc, kh, kw, ic / groups), output (n, out_h, out_w, oc); last index fastest.
/// A linear layer is h = w = kh = kw = 1; the GEMM C[M x N] = A[M x K] B[N x K]^T is its forward pass with n = M.
struct ConvShape {
  std::int64_t n = 1, h = 1, w = 1, ic = 1, oc = 1, kh = 1, kw = 1, stride = 1, pad = 0, groups = 1;

  std::int64_t out_h() const { return (h + 2 * pad - kh) / stride + 1; }
  std::int64_t out_w() const { return (w + 2 * pad - kw) / stride + 1; }
  std::int64_t group_ic() const { return ic / groups; }
  std::int64_t group_oc() const { return oc / groups; }
  std::int64_t input_size() const { return n * h * w * ic; }
  std::int64_t weight_size() const { return oc * kh * kw * group_ic(); }
  std::int64_t output_size() const { return n * out_h() * out_w() * oc; }
  /// Elements of the tensor that is this operand of the pass: input, weight or error.
  std::int64_t operand_size(Pass pass, Side side) const {
    const bool weights = pass != Pass::weight_gradient && side == Side::right;
    const bool errors = pass != Pass::forward && side == Side::left;
    return weights ? weight_size() : errors ? output_size() : input_size();
  }
  /// Multiply-accumulates of one forward pass, padding counted.
  std::int64_t macs() const { return n * out_h() * out_w() * oc * kh * kw * group_ic(); }

  /// Raises UserError naming `what` and the field: every size from 1 to 2^31, pad < kernel, groups dividing both
  /// channel counts, a non-empty output, tensors of at most 2^40 elements.
  void check(std::string_view what) const;
  static ConvShape gemm(std::int64_t m, std::int64_t columns, std::int64_t k) {
    ConvShape shape;
    shape.n = m;
    shape.oc = columns;
    shape.ic = k;
    return shape;
  }
};

/// The sizes of one pass as a product, per group. The reduction is `taps` periods of `channels` products; weight
/// gradients have one period over all output pixels.
///   forward          left: input patches, right: weights; k = (kh, kw, ic of the group)
///   input_gradient   left: error patches, right: weights; k = (kh, kw, oc of the group), the weight's own kh, kw
///   weight_gradient  left: errors by oc, right: input patches by (kh, kw, ic); k = (n, oh, ow)
struct ProductShape {
  std::int64_t groups = 1, rows = 0, columns = 0, taps = 1, channels = 0;
};
ProductShape product_shape(const ConvShape& shape, Pass pass);

/// The element of the operand tensor (input, weight or error) at (group, row, tap, channel), or -1 for an explicit
/// zero: padding or a hole of the stride. This function is the definition of the three products.
std::int64_t source_index(const ConvShape& shape, Pass pass, Side side, std::int64_t group, std::int64_t row,
                          std::int64_t tap, std::int64_t channel);

/// Distance in the tensor between neighbors along the reduction within one tap; not for the patches of a weight
/// gradient, where there is none.
std::int64_t channel_stride(const ConvShape& shape, Pass pass, Side side);

/// The element of the result tensor (output, input gradient or weight gradient) of (group, row, column).
std::int64_t result_index(const ConvShape& shape, Pass pass, std::int64_t group, std::int64_t row, std::int64_t column);

/// The inverse: which output of the product an element of the result tensor is.
struct ResultPlace {
  std::int64_t group = 0, row = 0, column = 0;
};
ResultPlace result_place(const ConvShape& shape, Pass pass, std::int64_t index);

/// The result tensor's sizes in its logical order: (n, out_h, out_w, oc), (n, h, w, ic) or (oc, kh, kw, ic / groups).
std::array<std::int64_t, 4> result_sizes(const ConvShape& shape, Pass pass);

}  // namespace precsim::kernels
