// Sums of squares by chunk.
#include "sim/kernels/native/chunk_squares.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "sim/kernels/native/chunk_squares_parts.hpp"
#include "sim/kernels/native/line_squares.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

/// Rows that lie along the reduction: weights of a forward product.
class RowSquares final : public LargestSquares {
 public:
  RowSquares(const NativeKernel& kernel, const ConvShape& shape, const std::int16_t* codes)
      : kernel_(kernel),
        rows_(shape.group_oc()),
        even_(add_border(codes, 1, 1, shape.oc * shape.kh * shape.kw, 1, shape.group_ic(), {0, 0, 0, 0}, true)),
        length_(shape.kh * shape.kw * even_.channels),
        codes_(shape.oc * length_) {}

  void set_chain(std::int64_t chain) override {
    chain_ = chain;
    const std::int64_t wanted = std::gcd(std::gcd(chain, length_), most_piece);
    if (wanted != piece_) {
      piece_ = wanted;
      squares_along(kernel_, even_.data, codes_, piece_, *sums_);
    }
  }

  std::uint64_t largest(std::int64_t group, std::int64_t chunk) const override {
    const std::int64_t first = chunk * chain_ / piece_;
    const std::int64_t last = std::min((chunk + 1) * chain_, length_) / piece_;
    std::uint64_t most = 0;
    for (std::int64_t row = group * rows_; row < (group + 1) * rows_; ++row) {
      const std::uint64_t* const of_row = sums_->data() + row * (length_ / piece_);
      most = std::max(most, std::accumulate(of_row + first, of_row + last, std::uint64_t{0}));
    }
    return most;
  }

 private:
  const NativeKernel& kernel_;
  std::int64_t rows_;
  Bordered<std::int16_t> even_;
  std::int64_t length_, codes_, chain_ = 0, piece_ = 0;
  KeptSums sums_;
};

/// Rows that lie side by side; fill(first, count, to) states where the lines of the reduction begin (-1: zeros).
class LaneSquares final : public LargestSquares {
 public:
  struct Layout {
    std::int64_t groups, next_group, lanes, length;
    std::function<void(std::int64_t first, std::int64_t count, std::int64_t* to)> fill;
  };
  /// `squares`: null, or with lines that are just the lines of the tensor.
  LaneSquares(const NativeKernel& kernel, CodeOperand operand, Layout layout)
      : kernel_(kernel), operand_(operand), layout_(std::move(layout)), length_(layout_.length) {}

  void set_chain(std::int64_t chain) override {
    chain_ = chain;
    const std::int64_t wanted = chain < length_ ? std::gcd(chain, most_piece) : most_piece;
    if (wanted == piece_) {
      return;
    }
    piece_ = wanted;
    pieces_ = (length_ + piece_ - 1) / piece_;
    if (operand_.squares != nullptr && piece_ == CodeSquares::block_pixels) {
      sums_ = operand_.squares->lanes().data();
      return;
    }
    form_sums();
  }

  std::uint64_t largest(std::int64_t group, std::int64_t chunk) const override {
    Sums sums(static_cast<std::size_t>(layout_.lanes));
    const std::int64_t last = chain_ < length_ ? std::min(pieces_, (chunk + 1) * chain_ / piece_) : pieces_;
    for (std::int64_t piece = chunk * chain_ / piece_; piece < last; ++piece) {
      line_squares(kernel_).add_every(sums_ + (group * pieces_ + piece) * layout_.lanes, 1, layout_.lanes, sums.data());
    }
    return *std::max_element(sums.begin(), sums.end());
  }

 private:
  void form_sums() {
    (*own_).resize(static_cast<std::size_t>(layout_.groups * pieces_ * layout_.lanes));
#pragma omp parallel for schedule(static) if (worth_threads(length_ * layout_.lanes))
    for (std::int64_t i = 0; i < layout_.groups * pieces_; ++i) {
      const std::int64_t first = i % pieces_ * piece_;
      const std::int64_t count = std::min(piece_, length_ - first);
      std::int64_t lines[most_piece];
      layout_.fill(first, count, lines);
      line_squares(kernel_).across(operand_.codes + i / pieces_ * layout_.next_group, lines, count, layout_.lanes,
                                   (*own_).data() + i * layout_.lanes);
    }
    sums_ = own_->data();
  }

  const NativeKernel& kernel_;
  CodeOperand operand_;
  Layout layout_;
  std::int64_t length_, chain_ = 0, piece_ = 0, pieces_ = 0;
  KeptSums own_;
  const std::uint64_t* sums_ = nullptr;  ///< [group][piece][lane]
};

LaneSquares::Layout weight_lanes(const ConvShape& shape) {
  const std::int64_t taps = shape.kh * shape.kw;
  const std::int64_t ic = shape.group_ic();
  const std::int64_t oc = shape.group_oc();
  const std::int64_t even = oc + oc % 2;
  return {shape.groups, oc * taps * ic, ic, taps * even, [=](std::int64_t first, std::int64_t count, std::int64_t* to) {
            for (std::int64_t k = first; k < first + count; ++k) {
              *to++ = k % even < oc ? (k % even * taps + k / even) * ic : -1;
            }
          }};
}

LaneSquares::Layout error_lanes(const ConvShape& shape) {
  const std::int64_t pixels = shape.n * shape.out_h() * shape.out_w();
  return {shape.groups, shape.group_oc(), shape.group_oc(), pixels + pixels % 2,
          [pixels, oc = shape.oc](std::int64_t first, std::int64_t count, std::int64_t* to) {
            for (std::int64_t p = first; p < first + count; ++p) {
              *to++ = p < pixels ? p * oc : -1;
            }
          }};
}

/// Input pixels that the patches of a kernel of one tap without padding are.
LaneSquares::Layout pixel_lanes(const ConvShape& shape) {
  const std::int64_t pixels = shape.n * shape.out_h() * shape.out_w();
  return {shape.groups, shape.group_ic(), shape.group_ic(), pixels + pixels % 2,
          [pixels, &shape](std::int64_t first, std::int64_t count, std::int64_t* to) {
            for (std::int64_t p = first; p < first + count; ++p) {
              const std::int64_t line = p / shape.out_w();
              const std::int64_t y = line / shape.out_h() * shape.h + line % shape.out_h() * shape.stride;
              *to++ = p < pixels ? (y * shape.w + p % shape.out_w() * shape.stride) * shape.ic : -1;
            }
          }};
}

/// The sums of an operand that is a tensor of these sizes, as the convolution reads it.
CodeOperand with_sums_of(CodeOperand operand, std::int64_t pixels, std::int64_t channels, const ConvShape& shape) {
  const bool fits = operand.squares != nullptr && operand.squares->describes(pixels, channels, shape.groups);
  return {operand.codes, fits ? operand.squares : nullptr};
}

CodeOperand input_of(const ConvShape& shape, CodeOperand operand) {
  return with_sums_of(operand, shape.n * shape.h * shape.w, shape.ic, shape);
}
CodeOperand errors_of(const ConvShape& shape, CodeOperand operand) {
  return with_sums_of(operand, shape.n * shape.out_h() * shape.out_w(), shape.oc, shape);
}

}  // namespace

void squares_along(const NativeKernel& kernel, const std::int16_t* codes, std::int64_t count, std::int64_t piece,
                   Sums& sums) {
  const std::int64_t pieces = count / piece;
  constexpr std::int64_t at_once = 1024;
  sums.resize(static_cast<std::size_t>(pieces));
#pragma omp parallel for schedule(static) if (worth_threads(count))
  for (std::int64_t i = 0; i < pieces; i += at_once) {
    line_squares(kernel).along(codes + i * piece, std::min(at_once, pieces - i), piece, sums.data() + i);
  }
}

SquaresOfSides chunk_squares(const NativeKernel& kernel, const ConvShape& shape, Pass pass, CodeOperand left,
                             CodeOperand right) {
  if (pass == Pass::forward) {
    return {std::make_unique<RowSquares>(kernel, shape, right.codes),
            window_squares(kernel, shape, pass, input_of(shape, left))};
  }
  if (pass == Pass::input_gradient) {
    return {std::make_unique<LaneSquares>(kernel, CodeOperand{right.codes}, weight_lanes(shape)),
            window_squares(kernel, shape, pass, errors_of(shape, left))};
  }
  auto errors = std::make_unique<LaneSquares>(kernel, errors_of(shape, left), error_lanes(shape));
  const CodeOperand input = input_of(shape, right);
  if (shape.kh * shape.kw == 1 && shape.pad == 0) {
    const CodeOperand pixels{input.codes, shape.stride == 1 ? input.squares : nullptr};
    return {std::move(errors), std::make_unique<LaneSquares>(kernel, pixels, pixel_lanes(shape))};
  }
  return {std::move(errors), patch_squares(kernel, shape, input)};
}

}  // namespace precsim::kernels::native
