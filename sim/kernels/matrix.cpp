// Lowering tensors to matrices.
#include "sim/kernels/matrix.hpp"

#include <algorithm>

#include "formats/error.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels {
namespace {

/// Where tap t of position p of the rows' image lies along one axis of the tensor, or -1: at(p, t).
class AxisMap {
 public:
  AxisMap(std::int64_t positions, std::int64_t taps, std::int64_t size) : taps_(taps), size_(size) {
    index_.resize(static_cast<std::size_t>(positions * taps), -1);
  }
  void set(std::int64_t position, std::int64_t tap, std::int64_t index) {
    index_[static_cast<std::size_t>(position * taps_ + tap)] = index >= 0 && index < size_ ? index : -1;
  }
  const std::int64_t* at(std::int64_t position) const { return index_.data() + position * taps_; }

 private:
  std::int64_t taps_, size_;
  std::vector<std::int64_t> index_;
};

/// The input positions that output positions see, and the output positions that saw input positions.
AxisMap forward_axis(std::int64_t size, std::int64_t out, std::int64_t taps, const ConvShape& shape) {
  AxisMap map(out, taps, size);
  for (std::int64_t p = 0; p < out; ++p) {
    for (std::int64_t t = 0; t < taps; ++t) {
      map.set(p, t, p * shape.stride - shape.pad + t);
    }
  }
  return map;
}
AxisMap backward_axis(std::int64_t size, std::int64_t out, std::int64_t taps, const ConvShape& shape) {
  AxisMap map(size, taps, out);
  for (std::int64_t p = 0; p < size; ++p) {
    for (std::int64_t t = 0; t < taps; ++t) {
      const std::int64_t steps = p + shape.pad - t;
      map.set(p, t, steps >= 0 && steps % shape.stride == 0 ? steps / shape.stride : -1);
    }
  }
  return map;
}

/// An image tensor seen through the taps of a kernel from every position of another image.
struct Patches {
  std::int64_t tensor_h, tensor_w, tensor_c, rows_h, rows_w;
  AxisMap y, x;

  Patches(const ConvShape& shape, bool forward)
      : tensor_h(forward ? shape.h : shape.out_h()),
        tensor_w(forward ? shape.w : shape.out_w()),
        tensor_c(forward ? shape.ic : shape.oc),
        rows_h(forward ? shape.out_h() : shape.h),
        rows_w(forward ? shape.out_w() : shape.w),
        y(forward ? forward_axis(shape.h, shape.out_h(), shape.kh, shape)
                  : backward_axis(shape.h, shape.out_h(), shape.kh, shape)),
        x(forward ? forward_axis(shape.w, shape.out_w(), shape.kw, shape)
                  : backward_axis(shape.w, shape.out_w(), shape.kw, shape)) {}
};

/// One row per position: the channels of every tap, zeros where a tap sees nothing.
template <class T>
void copy_patch(const ConvShape& shape, const Patches& patches, const T* tensor, std::int64_t position,
                std::int64_t first_channel, std::int64_t channels, std::int64_t period, T* out) {
  const std::int64_t n = position / (patches.rows_h * patches.rows_w);
  const std::int64_t* y = patches.y.at(position / patches.rows_w % patches.rows_h);
  const std::int64_t* x = patches.x.at(position % patches.rows_w);
  for (std::int64_t r = 0; r < shape.kh; ++r) {
    if (y[r] < 0) {
      continue;
    }
    const T* line = tensor + (n * patches.tensor_h + y[r]) * patches.tensor_w * patches.tensor_c + first_channel;
    for (std::int64_t s = 0; s < shape.kw; ++s) {
      for (std::int64_t c = 0; c < channels && x[s] >= 0; ++c) {
        out[(r * shape.kw + s) * period + c] = line[x[s] * patches.tensor_c + c];
      }
    }
  }
}

/// One row per (tap, channel): what it sees from every position.
template <class T>
void copy_view_row(const ConvShape& shape, const Patches& patches, const T* tensor, std::int64_t tap,
                   std::int64_t channel, T* out) {
  for (std::int64_t n = 0; n < shape.n; ++n) {
    for (std::int64_t y = 0; y < patches.rows_h; ++y) {
      const std::int64_t in_y = patches.y.at(y)[tap / shape.kw];
      if (in_y < 0) {
        continue;
      }
      const T* line = tensor + (n * patches.tensor_h + in_y) * patches.tensor_w * patches.tensor_c + channel;
      for (std::int64_t x = 0; x < patches.rows_w; ++x) {
        const std::int64_t in_x = patches.x.at(x)[tap % shape.kw];
        if (in_x >= 0) {
          out[(n * patches.rows_h + y) * patches.rows_w + x] = line[in_x * patches.tensor_c];
        }
      }
    }
  }
}

/// Rows whose channels lie `stride` apart: weights, and errors by output channel.
template <class T>
void copy_strided(const ConvShape& shape, Pass pass, Side side, const ProductShape& product, const T* tensor,
                  std::int64_t group, std::int64_t row, std::int64_t period, T* out) {
  const std::int64_t stride = channel_stride(shape, pass, side);
  for (std::int64_t tap = 0; tap < product.taps; ++tap) {
    const T* from = tensor + source_index(shape, pass, side, group, row, tap, 0);
    for (std::int64_t c = 0; c < product.channels; ++c) {
      out[tap * period + c] = from[c * stride];
    }
  }
}

/// The whole matrix. Equal to reading source_index for every element.
template <class T>
std::vector<T> gather(const ConvShape& shape, Pass pass, Side side, std::int64_t rows, std::int64_t period,
                      const T* tensor) {
  const ProductShape product = product_shape(shape, pass);
  const std::int64_t length = product.taps * period;
  std::vector<T> out(static_cast<std::size_t>(product.groups * rows * length));
  const bool view = pass == Pass::weight_gradient && side == Side::right;
  const bool patch = pass != Pass::weight_gradient && side == Side::left;
  const Patches patches(shape, pass != Pass::input_gradient);
#pragma omp parallel for schedule(static) if (worth_threads(product.groups * rows * length))
  for (std::int64_t line = 0; line < product.groups * rows; ++line) {
    T* to = out.data() + line * length;
    const std::int64_t group = line / rows;
    const std::int64_t row = line % rows;
    if (view) {
      const std::int64_t channel = group * shape.group_ic() + row % shape.group_ic();
      copy_view_row(shape, patches, tensor, row / shape.group_ic(), channel, to);
    } else if (patch) {
      copy_patch(shape, patches, tensor, row, group * product.channels, product.channels, period, to);
    } else {
      copy_strided(shape, pass, side, product, tensor, group, row, period, to);
    }
  }
  return out;
}

Matrix outline(const ConvShape& shape, Pass pass, Side side, bool even) {
  const ProductShape product = product_shape(shape, pass);
  Matrix matrix;
  matrix.groups = product.groups;
  matrix.rows = side == Side::left ? product.rows : product.columns;
  matrix.taps = product.taps;
  matrix.period = product.channels + (even ? product.channels % 2 : 0);
  return matrix;
}

}  // namespace

Matrix lower(const ConvShape& shape, Pass pass, Side side, std::span<const std::int16_t> codes, int exponent) {
  Matrix matrix = outline(shape, pass, side, true);
  matrix.kind = formats::OperandKind::integer;
  matrix.codes = gather(shape, pass, side, matrix.rows, matrix.period, codes.data());
  matrix.exponents = {static_cast<std::int16_t>(exponent)};
  return matrix;
}

Matrix lower(const ConvShape& shape, Pass pass, Side side, std::span<const float> values, bool even) {
  Matrix matrix = outline(shape, pass, side, even);
  matrix.values = gather(shape, pass, side, matrix.rows, matrix.period, values.data());
  return matrix;
}

arith::ReductionLayout reduction_layout(const Matrix& left, const Matrix& right) {
  PRECSIM_CHECK(left.length() == right.length() && left.period == right.period && left.groups == right.groups,
                "matrices of different products");
  return {left.length(), left.period, left.block, right.block};
}

}  // namespace precsim::kernels
