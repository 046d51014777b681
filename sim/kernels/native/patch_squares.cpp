// Sums of squares of the patches of a weight gradient.
#include <algorithm>

#include "sim/kernels/native/chunk_squares_parts.hpp"
#include "sim/kernels/native/line_squares.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

std::uint64_t largest_of(const Sums& sums) {
  return *std::max_element(sums.begin(), sums.end());
}

/// Bounded by whole lines: those that the chunk meets at one line of the taps, pixels a stride apart.
class PatchSquares final : public ChunkSquares {
 public:
  PatchSquares(const NativeKernel& kernel, const ConvShape& shape, const std::int16_t* codes)
      : kernel_(kernel),
        shape_(shape),
        codes_(codes),
        pixels_(shape.n * shape.out_h() * shape.out_w()),
        rests_(std::min(shape.stride, shape.w)) {
    const std::int64_t lanes = shape.group_ic();
    const std::int64_t lines = shape.n * shape.h;
    std::vector<std::vector<std::int64_t>> pixels(static_cast<std::size_t>(rests_));
    for (std::int64_t x = 0; x < shape.w; ++x) {
      pixels[static_cast<std::size_t>(x % shape.stride)].push_back(x * shape.ic);
    }
    (*lines_).resize(static_cast<std::size_t>(shape.groups * lines * rests_ * lanes));
#pragma omp parallel for schedule(static) if (worth_threads(shape.input_size()))
    for (std::int64_t i = 0; i < shape.groups * lines; ++i) {
      for (std::int64_t rest = 0; rest < rests_; ++rest) {
        const std::vector<std::int64_t>& of_rest = pixels[static_cast<std::size_t>(rest)];
        line_squares(kernel).across(codes + i % lines * shape.w * shape.ic + i / lines * lanes, of_rest.data(),
                                    static_cast<std::int64_t>(of_rest.size()), lanes,
                                    (*lines_).data() + (i * rests_ + rest) * lanes);
      }
    }
  }

  void set_chain(std::int64_t chain) override {
    chain_ = chain;
  }

  std::uint64_t bound(std::int64_t group, std::int64_t chunk) const override {
    const std::int64_t out_h = shape_.out_h();
    const std::int64_t lanes = rests_ * shape_.group_ic();
    const std::int64_t first = chunk * chain_ / shape_.out_w();
    const std::int64_t last = (end(chunk) - 1) / shape_.out_w() + 1;
    std::uint64_t most = 0;
    Sums sums(static_cast<std::size_t>(lanes));
    for (std::int64_t kh = 0; kh < shape_.kh; ++kh) {
      std::fill(sums.begin(), sums.end(), 0);
      for (std::int64_t line = first; line < last; ++line) {
        const std::int64_t y = line % out_h * shape_.stride - shape_.pad + kh;
        if (y >= 0 && y < shape_.h) {
          const std::uint64_t* const of_line =
              lines_->data() + ((group * shape_.n + line / out_h) * shape_.h + y) * lanes;
          for (std::size_t j = 0; j < sums.size(); ++j) {
            sums[j] += of_line[j];
          }
        }
      }
      most = std::max(most, largest_of(sums));
    }
    return most;
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
  std::int64_t pixels_, rests_, chain_ = 0;
  KeptSums lines_;  ///< [group][image line][pixel % stride][lane]
};

}  // namespace

std::unique_ptr<ChunkSquares> patch_squares(const NativeKernel& kernel, const ConvShape& shape,
                                            const std::int16_t* codes) {
  return std::make_unique<PatchSquares>(kernel, shape, codes);
}

}  // namespace precsim::kernels::native
