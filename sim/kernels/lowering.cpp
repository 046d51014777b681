// Lowering tensors row by row.
#include "sim/kernels/lowering.hpp"

#include <algorithm>
#include <cstring>

namespace precsim::kernels {
namespace {

/// Short runs: without the call of a function.
template <class T>
void copy_run(const T* from, std::int64_t count, T* to) {
  constexpr std::int64_t chunk = 16 / sizeof(T);
  std::int64_t i = 0;
  for (; i + chunk <= count; i += chunk) {
    std::memcpy(to + i, from + i, chunk * sizeof(T));
  }
  for (; i < count; ++i) {
    to[i] = from[i];
  }
}

}  // namespace

AxisMap::AxisMap(std::int64_t positions, std::int64_t taps, std::int64_t size)
    : taps_(taps), size_(size), index_(static_cast<std::size_t>(positions * taps), -1) {}

void AxisMap::set(std::int64_t position, std::int64_t tap, std::int64_t index) {
  index_[static_cast<std::size_t>(position * taps_ + tap)] = index >= 0 && index < size_ ? index : -1;
}

AxisMap AxisMap::forward(std::int64_t size, std::int64_t out, std::int64_t taps, const ConvShape& shape) {
  AxisMap map(out, taps, size);
  for (std::int64_t p = 0; p < out; ++p) {
    for (std::int64_t t = 0; t < taps; ++t) {
      map.set(p, t, p * shape.stride - shape.pad + t);
    }
  }
  return map;
}

AxisMap AxisMap::backward(std::int64_t size, std::int64_t out, std::int64_t taps, const ConvShape& shape) {
  AxisMap map(size, taps, out);
  for (std::int64_t p = 0; p < size; ++p) {
    for (std::int64_t t = 0; t < taps; ++t) {
      const std::int64_t steps = p + shape.pad - t;
      map.set(p, t, steps >= 0 && steps % shape.stride == 0 ? steps / shape.stride : -1);
    }
  }
  return map;
}

template <class T>
Lowering<T>::Lowering(const ConvShape& shape, Pass pass, Side side, std::int64_t period, const T* tensor)
    : shape_(shape),
      pass_(pass),
      side_(side),
      period_(period),
      tensor_(tensor),
      product_(product_shape(shape, pass)),
      tensor_h_(pass == Pass::input_gradient ? shape.out_h() : shape.h),
      tensor_w_(pass == Pass::input_gradient ? shape.out_w() : shape.w),
      tensor_c_(pass == Pass::input_gradient ? shape.oc : shape.ic),
      rows_h_(pass == Pass::input_gradient ? shape.h : shape.out_h()),
      rows_w_(pass == Pass::input_gradient ? shape.w : shape.out_w()),
      y_(pass == Pass::input_gradient ? AxisMap::backward(shape.h, shape.out_h(), shape.kh, shape)
                                      : AxisMap::forward(shape.h, shape.out_h(), shape.kh, shape)),
      x_(pass == Pass::input_gradient ? AxisMap::backward(shape.w, shape.out_w(), shape.kw, shape)
                                      : AxisMap::forward(shape.w, shape.out_w(), shape.kw, shape)) {}

template <class T>
void Lowering<T>::row(std::int64_t group, std::int64_t row, T* to) const {
  if (pass_ == Pass::weight_gradient && side_ == Side::right) {
    view_row(row / shape_.group_ic(), group * shape_.group_ic() + row % shape_.group_ic(), to);
  } else if (pass_ != Pass::weight_gradient && side_ == Side::left) {
    patch(row, group * product_.channels, product_.channels, period_, to);
  } else {
    strided(group, row, to);
  }
}

template <class T>
void Lowering<T>::across(std::int64_t group, std::int64_t k, T* to) const {
  if (side_ == Side::left) {
    std::copy_n(tensor_ + k * shape_.oc + group * shape_.group_oc(), shape_.group_oc(), to);
  } else {
    patch(k, group * shape_.group_ic(), shape_.group_ic(), shape_.group_ic(), to);
  }
}

/// The channels of every tap, zeros where a tap sees nothing. Taps that lie side by side in the tensor are one run.
template <class T>
void Lowering<T>::patch(std::int64_t position, std::int64_t first_channel, std::int64_t channels, std::int64_t period,
                        T* to) const {
  const std::int64_t n = position / (rows_h_ * rows_w_);
  const std::int64_t* const y = y_.at(position / rows_w_ % rows_h_);
  const std::int64_t* const x = x_.at(position % rows_w_);
  const bool one_run = pass_ != Pass::input_gradient && channels == tensor_c_ && period == channels && x[0] >= 0 &&
                       x[shape_.kw - 1] >= 0;
  for (std::int64_t r = 0; r < shape_.kh; ++r, to += shape_.kw * period) {
    if (y[r] < 0) {
      std::fill_n(to, shape_.kw * period, T{});
      continue;
    }
    const T* const line = tensor_ + (n * tensor_h_ + y[r]) * tensor_w_ * tensor_c_ + first_channel;
    if (one_run) {
      copy_run(line + x[0] * tensor_c_, shape_.kw * channels, to);
      continue;
    }
    for (std::int64_t s = 0; s < shape_.kw; ++s) {
      T* const tap = to + s * period;
      if (x[s] < 0) {
        std::fill_n(tap, period, T{});
        continue;
      }
      copy_run(line + x[s] * tensor_c_, channels, tap);
      std::fill(tap + channels, tap + period, T{});
    }
  }
}

/// What one tap sees of one channel from every position.
template <class T>
void Lowering<T>::view_row(std::int64_t tap, std::int64_t channel, T* to) const {
  for (std::int64_t n = 0; n < shape_.n; ++n) {
    for (std::int64_t y = 0; y < rows_h_; ++y, to += rows_w_) {
      const std::int64_t in_y = y_.at(y)[tap / shape_.kw];
      if (in_y < 0) {
        std::fill_n(to, rows_w_, T{});
        continue;
      }
      const T* const line = tensor_ + (n * tensor_h_ + in_y) * tensor_w_ * tensor_c_ + channel;
      for (std::int64_t x = 0; x < rows_w_; ++x) {
        const std::int64_t in_x = x_.at(x)[tap % shape_.kw];
        to[x] = in_x >= 0 ? line[in_x * tensor_c_] : T{};
      }
    }
  }
  std::fill_n(to, period_ - product_.channels, T{});
}

/// Rows whose channels lie at equal distances: weights, and errors by output channel.
template <class T>
void Lowering<T>::strided(std::int64_t group, std::int64_t row, T* to) const {
  const std::int64_t stride = channel_stride(shape_, pass_, side_);
  for (std::int64_t tap = 0; tap < product_.taps; ++tap, to += period_) {
    const T* const from = tensor_ + source_index(shape_, pass_, side_, group, row, tap, 0);
    for (std::int64_t c = 0; c < product_.channels; ++c) {
      to[c] = from[c * stride];
    }
    std::fill(to + product_.channels, to + period_, T{});
  }
}

template class Lowering<std::int16_t>;
template class Lowering<float>;

}  // namespace precsim::kernels
