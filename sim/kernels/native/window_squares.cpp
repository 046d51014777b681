// Sums of squares of windows.
#include <algorithm>
#include <numeric>

#include "sim/kernels/native/chunk_squares_parts.hpp"
#include "sim/kernels/native/line_squares.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native/windows.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

/// Squares of neighboring channels are joined in pieces of the first length, and these in slices of the second.
constexpr std::int64_t longest_piece = CodeSquares::longest_piece, longest_slice = 512;

/// Squares per pixel.
class WindowSquares final : public ChunkSquares {
 public:
  WindowSquares(const NativeKernel& kernel, const ConvShape& shape, Pass pass, CodeOperand operand)
      : kernel_(kernel), operand_(operand) {
    if (pass == Pass::forward) {
      add_set(input_windows(shape), shape, 0, 0, 1, false);
    } else {
      for (const GradientWindows& gradient : gradient_windows(shape)) {
        add_set(gradient.windows, shape, gradient.rest_h, gradient.rest_w, shape.stride, true);
      }
    }
    const Windows& w = sets_.front().windows;
    pixels_ = w.images * w.h * w.w;
    even_channels_ = w.channels + w.channels % 2;
    length_ = shape.kh * shape.kw * even_channels_;
  }

  void set_chain(std::int64_t chain) override {
    chain_ = chain;
    const std::int64_t wanted = std::gcd(std::gcd(chain, even_channels_), longest_slice);
    if (wanted != slice_) {
      slice_ = wanted;
      slices_ = even_channels_ / slice_;
      form_pieces();
      join();
    }
  }

  bool exceeds(std::int64_t group, std::int64_t chunk, std::uint64_t limit) const override {
    const std::vector<Place> places = places_of(group, chunk);
    std::uint64_t bound = 0;
    for (const Place& place : places) {
      bound += most_[static_cast<std::size_t>(place.plane)];
    }
    if (bound <= limit) {
      return false;
    }
    Sums sums;
    for (const Set& set : sets_) {
      for (std::int64_t line = 0; line < set.windows.images * set.windows.lines; ++line) {
        if (bound_of_line(set, line, places) > limit && largest_of_line(set, line, places, sums) > limit) {
          return true;
        }
      }
    }
    return false;
  }

 private:
  /// Place of every tap in the windows, or height -1 where it belongs to other rows.
  struct Set {
    Windows windows;
    std::vector<std::pair<std::int64_t, std::int64_t>> taps;
  };
  /// Slices of a chunk.
  struct Place {
    std::size_t tap;
    std::int64_t plane;
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

  /// With a zero behind the last of an odd number of channels where a piece ends within a pixel.
  void form_pieces() {
    const std::int64_t piece = std::gcd(slice_, longest_piece);
    if (piece_ != 0 && piece % piece_ == 0) {
      return;
    }
    if (operand_.squares != nullptr && piece % operand_.squares->piece() == 0) {
      piece_ = operand_.squares->piece();
      pieces_ = operand_.squares->pieces().data();
      return;
    }
    piece_ = piece;
    const Windows& w = sets_.front().windows;
    const std::int64_t pieces = pixels_ * groups() * (even_channels_ / piece_);
    if (piece_ == even_channels_) {
      squares_along(kernel_, operand_.codes, pieces * w.channels, w.channels, *sums_);
    } else {
      const auto even = add_border(operand_.codes, 1, 1, pixels_, w.groups, w.channels, {0, 0, 0, 0}, true);
      squares_along(kernel_, even.data, pieces * piece_, piece_, *sums_);
    }
    pieces_ = sums_->data();
  }

  void join() {
    const std::int64_t factor = slice_ / piece_;
    const std::int64_t planes = groups() * slices_;
    const std::int64_t width = sets_.front().windows.w;
    const std::int64_t lines = pixels_ / width;
    (*joined_).resize(static_cast<std::size_t>(pixels_ * planes));
    most_of_lines_.resize(static_cast<std::size_t>(lines * planes));
#pragma omp parallel for schedule(static) if (worth_threads(pixels_ * planes * factor))
    for (std::int64_t line = 0; line < lines; ++line) {
      for (std::int64_t plane = 0; plane < planes; ++plane) {
        const std::uint64_t* from = pieces_ + (line * width * planes + plane) * factor;
        std::uint64_t* const to = (*joined_).data() + plane * pixels_ + line * width;
        std::uint64_t most = 0;
        for (std::int64_t x = 0; x < width; ++x, from += planes * factor) {
          to[x] = std::accumulate(from, from + factor, std::uint64_t{0});
          most = std::max(most, to[x]);
        }
        most_of_lines_[static_cast<std::size_t>(line * planes + plane)] = most;
      }
    }
    most_.assign(static_cast<std::size_t>(planes), 0);
    for (std::size_t i = 0; i < most_of_lines_.size(); ++i) {
      std::uint64_t& most = most_[i % most_.size()];
      most = std::max(most, most_of_lines_[i]);
    }
  }

  std::vector<Place> places_of(std::int64_t group, std::int64_t chunk) const {
    std::vector<Place> places;
    for (std::int64_t k = chunk * chain_; k < std::min((chunk + 1) * chain_, length_); k += slice_) {
      places.push_back({static_cast<std::size_t>(k / even_channels_), group * slices_ + k % even_channels_ / slice_});
    }
    return places;
  }

  /// The line of the tensor that a line of windows meets at a tap; -1 where it is outside.
  static std::int64_t line_at(const Windows& w, std::int64_t line, std::int64_t y) {
    const std::int64_t at = line % w.lines * w.stride - w.top + y;
    return y >= 0 && at >= 0 && at < w.h ? line / w.lines * w.h + at : -1;
  }

  std::uint64_t bound_of_line(const Set& set, std::int64_t line, const std::vector<Place>& places) const {
    std::uint64_t bound = 0;
    for (const Place& place : places) {
      const std::int64_t at = line_at(set.windows, line, set.taps[place.tap].first);
      bound += at < 0 ? 0 : most_of_lines_[static_cast<std::size_t>(at * groups() * slices_ + place.plane)];
    }
    return bound;
  }

  std::uint64_t largest_of_line(const Set& set, std::int64_t line, const std::vector<Place>& places, Sums& sums) const {
    const Windows& w = set.windows;
    sums.assign(static_cast<std::size_t>(w.columns), 0);
    for (const Place& place : places) {
      const auto [y, x] = set.taps[place.tap];
      const std::int64_t at = line_at(w, line, y);
      if (at >= 0) {
        add_line(w, joined_->data() + place.plane * pixels_ + at * w.w, x - w.left, sums);
      }
    }
    return *std::max_element(sums.begin(), sums.end());
  }

  /// sums[i] += pixel i * stride + from of the line, where there is one.
  void add_line(const Windows& w, const std::uint64_t* line, std::int64_t from, Sums& sums) const {
    const std::int64_t first = from >= 0 ? 0 : (-from + w.stride - 1) / w.stride;
    const std::int64_t last = w.w <= from ? 0 : std::min(w.columns, (w.w - from + w.stride - 1) / w.stride);
    if (first < last) {
      line_squares(kernel_).add_every(line + from + first * w.stride, w.stride, last - first, sums.data() + first);
    }
  }

  const NativeKernel& kernel_;
  std::vector<Set> sets_;
  CodeOperand operand_;
  std::int64_t even_channels_ = 0, pixels_ = 0, length_ = 0, chain_ = 0, piece_ = 0, slice_ = 0, slices_ = 0;
  KeptSums sums_, joined_;                 ///< [pixel][group][piece]; [plane][pixel], a plane being a slice of a group
  const std::uint64_t* pieces_ = nullptr;  ///< sums_, or those of the operand
  Sums most_, most_of_lines_;              ///< [plane]; [line of the tensor][plane]
};

}  // namespace

std::unique_ptr<ChunkSquares> window_squares(const NativeKernel& kernel, const ConvShape& shape, Pass pass,
                                             CodeOperand operand) {
  return std::make_unique<WindowSquares>(kernel, shape, pass, operand);
}

}  // namespace precsim::kernels::native
