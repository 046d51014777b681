// Rows of convolutions.
#include "sim/kernels/native/geometry.hpp"

#include <algorithm>
#include <type_traits>

namespace precsim::kernels::native {
namespace {

template <class T>
constexpr bool even = !std::is_same_v<T, float>;

}  // namespace

template <class T>
Rows<T> forward_rows(const ConvShape& shape, const T* input) {
  Rows<T> rows;
  rows.tensor = add_border(input, shape.n, shape.h, shape.w, shape.groups, shape.group_ic(),
                           {shape.pad, shape.pad, shape.pad, shape.pad}, even<T>);
  const Bordered<T>& in = rows.tensor;
  rows.length = shape.kh * shape.kw * in.channels;
  rows.group_words = in.channels / products_per_step<T>;
  const std::int64_t pixel = shape.groups * rows.group_words;
  RowSet set;
  const std::int64_t side_by_side = shape.groups == 1 ? shape.kw : 1;  // taps of a line without a gap
  for (std::int64_t tap = 0; tap < shape.kh * shape.kw; tap += side_by_side) {
    set.stretches.push_back(
        {tap * in.channels, side_by_side * in.channels, (tap / shape.kw * in.width + tap % shape.kw) * pixel});
  }
  const std::int64_t out_w = shape.out_w();
  const std::int64_t pixels = shape.n * shape.out_h() * out_w;
  for (std::int64_t p = 0; p < pixels; ++p) {
    const std::int64_t line = p / out_w;
    const std::int64_t top = line / shape.out_h() * in.height + line % shape.out_h() * shape.stride;
    set.row_starts.push_back((top * in.width + p % out_w * shape.stride) * pixel);
    set.result_starts.push_back(p * shape.oc);
  }
  rows.sets.push_back(std::move(set));
  return rows;
}

template <class T>
Rows<T> input_gradient_rows(const ConvShape& shape, const T* errors) {
  const std::int64_t stride = shape.stride;
  const std::int64_t reach_h = (shape.kh - 1) / stride;
  const std::int64_t reach_w = (shape.kw - 1) / stride;
  const std::int64_t bottom = (shape.h - 1 + shape.pad) / stride + 1 - shape.out_h();
  const std::int64_t right = (shape.w - 1 + shape.pad) / stride + 1 - shape.out_w();
  Rows<T> rows;
  rows.tensor =
      add_border(errors, shape.n, shape.out_h(), shape.out_w(), shape.groups, shape.group_oc(),
                 {reach_h, std::max<std::int64_t>(0, bottom), reach_w, std::max<std::int64_t>(0, right)}, even<T>);
  const Bordered<T>& in = rows.tensor;
  rows.length = shape.kh * shape.kw * in.channels;
  rows.group_words = in.channels / products_per_step<T>;
  const std::int64_t pixel = shape.groups * rows.group_words;
  const auto first = [&](std::int64_t rest) { return ((rest - shape.pad) % stride + stride) % stride; };
  for (std::int64_t rest = 0; rest < stride * stride; ++rest) {
    RowSet set;
    for (std::int64_t kh = rest / stride; kh < shape.kh; kh += stride) {
      for (std::int64_t kw = rest % stride; kw < shape.kw; kw += stride) {
        set.stretches.push_back(
            {(kh * shape.kw + kw) * in.channels, in.channels, -(kh / stride * in.width + kw / stride) * pixel});
      }
    }
    for (std::int64_t image = 0; image < shape.n; ++image) {
      for (std::int64_t ih = first(rest / stride); ih < shape.h; ih += stride) {
        for (std::int64_t iw = first(rest % stride); iw < shape.w; iw += stride) {
          const std::int64_t line = image * in.height + (ih + shape.pad) / stride + reach_h;
          set.row_starts.push_back((line * in.width + (iw + shape.pad) / stride + reach_w) * pixel);
          set.result_starts.push_back(((image * shape.h + ih) * shape.w + iw) * shape.ic);
        }
      }
    }
    rows.sets.push_back(std::move(set));
  }
  return rows;
}

template Rows<std::int16_t> forward_rows(const ConvShape&, const std::int16_t*);
template Rows<float> forward_rows(const ConvShape&, const float*);
template Rows<std::int16_t> input_gradient_rows(const ConvShape&, const std::int16_t*);
template Rows<float> input_gradient_rows(const ConvShape&, const float*);

}  // namespace precsim::kernels::native
