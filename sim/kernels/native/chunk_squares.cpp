// Sums of squares by chunk.
#include "sim/kernels/native/chunk_squares.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "sim/kernels/native/line_squares.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native/windows.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

using Sums = std::vector<std::uint64_t>;

constexpr std::int64_t most_piece = 32;
constexpr std::int64_t longest_joined = 512;

std::uint64_t largest_of(const Sums& sums) {
  return *std::max_element(sums.begin(), sums.end());
}

/// Sums of the pieces of a tensor of lines whose length the piece divides.
Sums along(const NativeKernel& kernel, const std::int16_t* codes, std::int64_t count, std::int64_t piece) {
  const std::int64_t pieces = count / piece;
  constexpr std::int64_t at_once = 1024;
  Sums sums(static_cast<std::size_t>(pieces));
#pragma omp parallel for schedule(static) if (worth_threads(count))
  for (std::int64_t i = 0; i < pieces; i += at_once) {
    line_squares(kernel).along(codes + i * piece, std::min(at_once, pieces - i), piece, sums.data() + i);
  }
  return sums;
}

/// Rows that are windows: input patches forward, error patches of an input gradient. Squares per pixel.
class WindowSquares final : public ChunkSquares {
 public:
  WindowSquares(const NativeKernel& kernel, const ConvShape& shape, Pass pass, const std::int16_t* codes)
      : kernel_(kernel) {
    if (pass == Pass::forward) {
      add_set(input_windows(shape), shape, 0, 1, false);
    } else {
      for (std::int64_t rest = 0; rest < shape.stride * shape.stride; ++rest) {
        add_set(gradient_windows(shape, rest / shape.stride, rest % shape.stride).windows, shape, rest, shape.stride,
                true);
      }
    }
    const Windows& w = sets_.front().windows;
    pixels_ = w.images * w.h * w.w;
    even_ = add_border(codes, 1, 1, pixels_, w.groups, w.channels, {0, 0, 0, 0}, true);
    length_ = shape.kh * shape.kw * even_.channels;
  }

  void set_chain(std::int64_t chain) override {
    chain_ = chain;
    const std::int64_t codes = pixels_ * groups() * even_.channels;
    const std::int64_t wanted = std::gcd(std::gcd(chain, even_.channels), longest_joined);
    if (piece_ == 0 || wanted % piece_ != 0) {
      piece_ = std::min(wanted, std::gcd(wanted, most_piece));
      sums_ = along(kernel_, even_.data, codes, piece_);
    }
    slice_ = wanted;
    slices_ = even_.channels / slice_;
    join();
  }

  std::uint64_t bound(std::int64_t group, std::int64_t chunk) const override {
    std::uint64_t sum = 0;
    for (std::int64_t k = chunk * chain_; k < end(chunk); k += slice_) {
      sum += most_[static_cast<std::size_t>(group * slices_ + k % even_.channels / slice_)];
    }
    return sum;
  }

  std::uint64_t largest(std::int64_t group, std::int64_t chunk) const override {
    std::uint64_t most = 0;
    for (const Set& set : sets_) {
      most = std::max(most, largest_of_set(set, group, chunk));
    }
    return most;
  }

 private:
  /// Place of every tap in the windows, or height -1 where it belongs to other rows.
  struct Set {
    Windows windows;
    std::vector<std::pair<std::int64_t, std::int64_t>> taps;
  };

  void add_set(const Windows& windows, const ConvShape& shape, std::int64_t rest, std::int64_t stride, bool reversed) {
    Set set{windows, {}};
    for (std::int64_t kh = 0; kh < shape.kh; ++kh) {
      for (std::int64_t kw = 0; kw < shape.kw; ++kw) {
        const bool here = kh % stride == rest / stride && kw % stride == rest % stride;
        const std::int64_t y = reversed ? windows.height - 1 - kh / stride : kh;
        const std::int64_t x = reversed ? windows.width - 1 - kw / stride : kw;
        set.taps.emplace_back(here ? y : -1, x);
      }
    }
    sets_.push_back(std::move(set));
  }

  std::int64_t groups() const { return sets_.front().windows.groups; }
  std::int64_t end(std::int64_t chunk) const { return std::min((chunk + 1) * chain_, length_); }

  void join() {
    const auto factor = static_cast<std::size_t>(slice_ / piece_);
    joined_.assign(sums_.size() / factor, 0);
    most_.assign(static_cast<std::size_t>(groups() * slices_), 0);
    for (std::size_t i = 0; i < joined_.size(); ++i) {
      for (std::size_t j = 0; j < factor; ++j) {
        joined_[i] += sums_[i * factor + j];
      }
      most_[i % most_.size()] = std::max(most_[i % most_.size()], joined_[i]);
    }
  }

  std::uint64_t largest_of_set(const Set& set, std::int64_t group, std::int64_t chunk) const {
    const Windows& w = set.windows;
    std::uint64_t most = 0;
    Sums sums(static_cast<std::size_t>(w.columns));
    for (std::int64_t line = 0; line < w.images * w.lines; ++line) {
      std::fill(sums.begin(), sums.end(), 0);
      for (std::int64_t k = chunk * chain_; k < end(chunk); k += slice_) {
        const auto [y, x] = set.taps[static_cast<std::size_t>(k / even_.channels)];
        const std::int64_t at = line % w.lines * w.stride - w.top + y;
        if (y >= 0 && at >= 0 && at < w.h) {
          const std::int64_t pixel = (line / w.lines * w.h + at) * w.w;
          add_line(w, pixel, x - w.left, group * slices_ + k % even_.channels / slice_, sums);
        }
      }
      for (const std::uint64_t sum : sums) {
        most = std::max(most, sum);
      }
    }
    return most;
  }

  /// sums[i] += slice of pixel i * stride + from of the line, where there is one.
  void add_line(const Windows& w, std::int64_t pixel, std::int64_t from, std::int64_t slice, Sums& sums) const {
    const std::int64_t first = from >= 0 ? 0 : (-from + w.stride - 1) / w.stride;
    const std::int64_t last = w.w <= from ? 0 : std::min(w.columns, (w.w - from + w.stride - 1) / w.stride);
    const std::int64_t per_pixel = groups() * slices_;
    const std::uint64_t* const of_line = joined_.data() + (pixel + from) * per_pixel + slice;
    for (std::int64_t i = first; i < last; ++i) {
      sums[static_cast<std::size_t>(i)] += of_line[i * w.stride * per_pixel];
    }
  }

  const NativeKernel& kernel_;
  std::vector<Set> sets_;
  Bordered<std::int16_t> even_;
  std::int64_t pixels_ = 0, length_ = 0, chain_ = 0, piece_ = 0, slice_ = 0, slices_ = 0;
  Sums sums_, joined_, most_;  ///< by pixel and piece, by pixel and slice; the largest of each slice
};

/// Rows that lie along the reduction: weights of a forward product.
class RowSquares final : public ChunkSquares {
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
      sums_ = along(kernel_, even_.data, codes_, piece_);
    }
  }

  std::uint64_t largest(std::int64_t group, std::int64_t chunk) const override {
    const std::int64_t first = chunk * chain_ / piece_;
    const std::int64_t last = std::min((chunk + 1) * chain_, length_) / piece_;
    std::uint64_t most = 0;
    for (std::int64_t row = group * rows_; row < (group + 1) * rows_; ++row) {
      const std::uint64_t* const of_row = sums_.data() + row * (length_ / piece_);
      most = std::max(most, std::accumulate(of_row + first, of_row + last, std::uint64_t{0}));
    }
    return most;
  }

 private:
  const NativeKernel& kernel_;
  std::int64_t rows_;
  Bordered<std::int16_t> even_;
  std::int64_t length_, codes_, chain_ = 0, piece_ = 0;
  Sums sums_;
};

/// Rows that lie side by side; the lines of the reduction follow in `lines` (-1: zeros).
class LaneSquares final : public ChunkSquares {
 public:
  struct Layout {
    std::int64_t groups, next_group, lanes;
    std::vector<std::int64_t> lines;
  };
  LaneSquares(const NativeKernel& kernel, const std::int16_t* codes, Layout layout)
      : kernel_(kernel),
        codes_(codes),
        layout_(std::move(layout)),
        length_(static_cast<std::int64_t>(layout_.lines.size())) {}

  void set_chain(std::int64_t chain) override {
    chain_ = chain;
    const std::int64_t wanted = chain < length_ ? std::gcd(chain, most_piece) : most_piece;
    if (wanted == piece_) {
      return;
    }
    piece_ = wanted;
    pieces_ = (length_ + piece_ - 1) / piece_;
    sums_.resize(static_cast<std::size_t>(layout_.groups * pieces_ * layout_.lanes));
#pragma omp parallel for schedule(static) if (worth_threads(length_ * layout_.lanes))
    for (std::int64_t i = 0; i < layout_.groups * pieces_; ++i) {
      const std::int64_t first = i % pieces_ * piece_;
      line_squares(kernel_).across(codes_ + i / pieces_ * layout_.next_group, layout_.lines.data() + first,
                                   std::min(piece_, length_ - first), layout_.lanes, sums_.data() + i * layout_.lanes);
    }
  }

  std::uint64_t largest(std::int64_t group, std::int64_t chunk) const override {
    Sums sums(static_cast<std::size_t>(layout_.lanes));
    const std::int64_t last = chain_ < length_ ? std::min(pieces_, (chunk + 1) * chain_ / piece_) : pieces_;
    for (std::int64_t piece = chunk * chain_ / piece_; piece < last; ++piece) {
      const std::uint64_t* const of_piece = sums_.data() + (group * pieces_ + piece) * layout_.lanes;
      for (std::size_t j = 0; j < sums.size(); ++j) {
        sums[j] += of_piece[j];
      }
    }
    return largest_of(sums);
  }

 private:
  const NativeKernel& kernel_;
  const std::int16_t* codes_;
  Layout layout_;
  std::int64_t length_, chain_ = 0, piece_ = 0, pieces_ = 0;
  Sums sums_;  ///< [group][piece][lane]
};

LaneSquares::Layout weight_lanes(const ConvShape& shape) {
  const std::int64_t taps = shape.kh * shape.kw;
  const std::int64_t ic = shape.group_ic();
  LaneSquares::Layout layout{shape.groups, shape.group_oc() * taps * ic, ic, {}};
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    for (std::int64_t oc = 0; oc < shape.group_oc() + shape.group_oc() % 2; ++oc) {
      layout.lines.push_back(oc < shape.group_oc() ? (oc * taps + tap) * ic : -1);
    }
  }
  return layout;
}

LaneSquares::Layout error_lanes(const ConvShape& shape) {
  const std::int64_t pixels = shape.n * shape.out_h() * shape.out_w();
  LaneSquares::Layout layout{shape.groups, shape.group_oc(), shape.group_oc(), {}};
  for (std::int64_t p = 0; p < pixels + pixels % 2; ++p) {
    layout.lines.push_back(p < pixels ? p * shape.oc : -1);
  }
  return layout;
}

/// Input patches of a weight gradient with more than one tap: bounded by the lines that any tap meets.
class PatchSquares final : public ChunkSquares {
 public:
  PatchSquares(const NativeKernel& kernel, const ConvShape& shape, const std::int16_t* codes)
      : kernel_(kernel), shape_(shape), codes_(codes), pixels_(shape.n * shape.out_h() * shape.out_w()) {
    const std::int64_t lanes = shape.group_ic();
    const std::int64_t lines = shape.n * shape.h;
    std::vector<std::int64_t> pixels(static_cast<std::size_t>(shape.w));
    for (std::int64_t x = 0; x < shape.w; ++x) {
      pixels[static_cast<std::size_t>(x)] = x * shape.ic;
    }
    lines_.resize(static_cast<std::size_t>(shape.groups * lines * lanes));
#pragma omp parallel for schedule(static) if (worth_threads(shape.input_size()))
    for (std::int64_t i = 0; i < shape.groups * lines; ++i) {
      line_squares(kernel).across(codes + i % lines * shape.w * shape.ic + i / lines * lanes, pixels.data(), shape.w,
                                  lanes, lines_.data() + i * lanes);
    }
  }

  void set_chain(std::int64_t chain) override {
    chain_ = chain;
  }

  std::uint64_t bound(std::int64_t group, std::int64_t chunk) const override {
    const std::int64_t out_h = shape_.out_h();
    const std::int64_t last = (end(chunk) - 1) / shape_.out_w() + 1;
    Sums sums(static_cast<std::size_t>(shape_.group_ic()));
    for (std::int64_t line = chunk * chain_ / shape_.out_w(); line < last;) {
      const std::int64_t image = line / out_h;
      const std::int64_t stop = std::min(last, (image + 1) * out_h);
      const std::int64_t top = std::max<std::int64_t>(0, line % out_h * shape_.stride - shape_.pad);
      const std::int64_t bottom =
          std::min(shape_.h, (stop - 1 - image * out_h) * shape_.stride - shape_.pad + shape_.kh);
      for (std::int64_t y = top; y < bottom; ++y) {
        const std::uint64_t* const of_line =
            lines_.data() + ((group * shape_.n + image) * shape_.h + y) * shape_.group_ic();
        for (std::size_t j = 0; j < sums.size(); ++j) {
          sums[j] += of_line[j];
        }
      }
      line = stop;
    }
    return largest_of(sums);
  }

  std::uint64_t largest(std::int64_t group, std::int64_t chunk) const override {
    std::uint64_t most = 0;
    Sums sums(static_cast<std::size_t>(shape_.group_ic()));
    for (std::int64_t tap = 0; tap < shape_.kh * shape_.kw; ++tap) {
      const std::vector<std::int64_t> lines = pixel_lines(chunk * chain_, end(chunk), tap);
      line_squares(kernel_).across(codes_ + group * shape_.group_ic(), lines.data(),
                                   static_cast<std::int64_t>(lines.size()), shape_.group_ic(), sums.data());
      most = std::max(most, largest_of(sums));
    }
    return most;
  }

 private:
  std::int64_t end(std::int64_t chunk) const {
    return std::min((chunk + 1) * chain_, pixels_);
  }

  /// Where output pixels [first, last) meet the input at a tap.
  std::vector<std::int64_t> pixel_lines(std::int64_t first, std::int64_t last, std::int64_t tap) const {
    std::vector<std::int64_t> lines;
    std::int64_t ow = first % shape_.out_w();
    std::int64_t line = first / shape_.out_w();
    for (std::int64_t p = first; p < last; ++p) {
      const std::int64_t ih = line % shape_.out_h() * shape_.stride + tap / shape_.kw - shape_.pad;
      const std::int64_t iw = ow * shape_.stride + tap % shape_.kw - shape_.pad;
      const bool inside = ih >= 0 && ih < shape_.h && iw >= 0 && iw < shape_.w;
      lines.push_back(inside ? ((line / shape_.out_h() * shape_.h + ih) * shape_.w + iw) * shape_.ic : -1);
      if (++ow == shape_.out_w()) {
        ow = 0;
        ++line;
      }
    }
    return lines;
  }

  const NativeKernel& kernel_;
  const ConvShape& shape_;
  const std::int16_t* codes_;
  std::int64_t pixels_, chain_ = 0;
  Sums lines_;  ///< [group][image line][lane]
};

/// Input pixels that the patches of a kernel of one tap without padding are.
LaneSquares::Layout pixel_lanes(const ConvShape& shape) {
  LaneSquares::Layout layout{shape.groups, shape.group_ic(), shape.group_ic(), {}};
  for (std::int64_t line = 0; line < shape.n * shape.out_h(); ++line) {
    const std::int64_t from =
        (line / shape.out_h() * shape.h + line % shape.out_h() * shape.stride) * shape.w * shape.ic;
    for (std::int64_t ow = 0; ow < shape.out_w(); ++ow) {
      layout.lines.push_back(from + ow * shape.stride * shape.ic);
    }
  }
  layout.lines.resize(layout.lines.size() + layout.lines.size() % 2, -1);
  return layout;
}

}  // namespace

std::unique_ptr<ChunkSquares> chunk_squares(const NativeKernel& kernel, const ConvShape& shape, Pass pass, Side side,
                                            const std::int16_t* codes) {
  if (pass == Pass::weight_gradient) {
    if (side == Side::left) {
      return std::make_unique<LaneSquares>(kernel, codes, error_lanes(shape));
    }
    if (shape.kh * shape.kw == 1) {
      return std::make_unique<LaneSquares>(kernel, codes, pixel_lanes(shape));
    }
    return std::make_unique<PatchSquares>(kernel, shape, codes);
  }
  if (side == Side::left) {
    return std::make_unique<WindowSquares>(kernel, shape, pass, codes);
  }
  if (pass == Pass::forward) {
    return std::make_unique<RowSquares>(kernel, shape, codes);
  }
  return std::make_unique<LaneSquares>(kernel, codes, weight_lanes(shape));
}

}  // namespace precsim::kernels::native
