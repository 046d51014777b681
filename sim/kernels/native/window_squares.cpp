// Sums of squares of windows.
#include <algorithm>
#include <numeric>

#include "sim/kernels/native/chunk_squares_parts.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native/windows.hpp"

namespace precsim::kernels::native {
namespace {

constexpr std::int64_t longest_joined = 512;

/// Squares per pixel.
class WindowSquares final : public ChunkSquares {
 public:
  WindowSquares(const NativeKernel& kernel, const ConvShape& shape, Pass pass, const std::int16_t* codes)
      : kernel_(kernel) {
    if (pass == Pass::forward) {
      add_set(input_windows(shape), shape, 0, 0, 1, false);
    } else {
      for (const GradientWindows& gradient : gradient_windows(shape)) {
        add_set(gradient.windows, shape, gradient.rest_h, gradient.rest_w, shape.stride, true);
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
      squares_along(kernel_, even_.data, codes, piece_, *sums_);
    }
    if (slice_ != wanted) {
      slice_ = wanted;
      slices_ = even_.channels / slice_;
      join();
    }
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

  void add_set(const Windows& windows, const ConvShape& shape, std::int64_t rest_h, std::int64_t rest_w,
               std::int64_t stride, bool reversed) {
    Set set{windows, {}};
    for (std::int64_t kh = 0; kh < shape.kh; ++kh) {
      for (std::int64_t kw = 0; kw < shape.kw; ++kw) {
        const bool here = kh % stride == rest_h && kw % stride == rest_w;
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
    const std::int64_t factor = slice_ / piece_;
    const std::int64_t per_pixel = groups() * slices_;
    (*joined_).resize(static_cast<std::size_t>(pixels_ * per_pixel));
    most_.assign(static_cast<std::size_t>(per_pixel), 0);
    const std::uint64_t* piece = sums_->data();
    std::uint64_t* joined = (*joined_).data();
    for (std::int64_t pixel = 0; pixel < pixels_; ++pixel) {
      for (std::uint64_t& most : most_) {
        *joined = std::accumulate(piece, piece + factor, std::uint64_t{0});
        most = std::max(most, *joined++);
        piece += factor;
      }
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
    const std::uint64_t* const of_line = joined_->data() + (pixel + from) * per_pixel + slice;
    for (std::int64_t i = first; i < last; ++i) {
      sums[static_cast<std::size_t>(i)] += of_line[i * w.stride * per_pixel];
    }
  }

  const NativeKernel& kernel_;
  std::vector<Set> sets_;
  Bordered<std::int16_t> even_;
  std::int64_t pixels_ = 0, length_ = 0, chain_ = 0, piece_ = 0, slice_ = 0, slices_ = 0;
  KeptSums sums_, joined_;
  Sums most_;  ///< by pixel and piece, by pixel and slice; the largest of each slice
};

}  // namespace

std::unique_ptr<ChunkSquares> window_squares(const NativeKernel& kernel, const ConvShape& shape, Pass pass,
                                             const std::int16_t* codes) {
  return std::make_unique<WindowSquares>(kernel, shape, pass, codes);
}

}  // namespace precsim::kernels::native
