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

/// Bounded first by what encloses all that a chunk meets at one line of the taps: blocks of pixels, where the tensor
/// came with their sums, else whole lines, pixels a stride apart. Then by what all taps of such a line meet, and only
/// then tap by tap.
class PatchSquares final : public ChunkSquares {
 public:
  PatchSquares(const NativeKernel& kernel, const ConvShape& shape, CodeOperand input)
      : kernel_(kernel),
        shape_(shape),
        codes_(input.codes),
        squares_(shape.stride == 1 ? input.squares : nullptr),
        pixels_(shape.n * shape.out_h() * shape.out_w()),
        rests_(std::min(shape.stride, shape.w)) {
    if (squares_ == nullptr) {
      form_lines();
    }
  }

  void set_chain(std::int64_t chain) override { chain_ = chain; }

  bool exceeds(std::int64_t group, std::int64_t chunk, std::uint64_t limit) const override {
    Sums sums;
    std::vector<std::int64_t> pixels;
    for (std::int64_t kh = 0; kh < shape_.kh; ++kh) {
      const std::uint64_t bound =
          squares_ != nullptr ? largest_by_blocks(group, chunk, kh, sums) : largest_by_lines(group, chunk, kh, sums);
      if (bound <= limit) {
        continue;
      }
      for (std::int64_t rest = 0; rest < std::min(shape_.stride, shape_.kw); ++rest) {
        if (largest_of_taps(group, chunk, kh, rest, shape_.kw, pixels, sums) <= limit) {
          continue;
        }
        for (std::int64_t kw = rest; kw < shape_.kw; kw += shape_.stride) {
          if (largest_of_taps(group, chunk, kh, kw, kw + 1, pixels, sums) > limit) {
            return true;
          }
        }
      }
    }
    return false;
  }

 private:
  std::int64_t end(std::int64_t chunk) const { return std::min((chunk + 1) * chain_, pixels_); }

  void form_lines() {
    const std::int64_t lanes = shape_.group_ic();
    const std::int64_t lines = shape_.n * shape_.h;
    std::vector<std::vector<std::int64_t>> pixels(static_cast<std::size_t>(rests_));
    for (std::int64_t x = 0; x < shape_.w; ++x) {
      pixels[static_cast<std::size_t>(x % shape_.stride)].push_back(x * shape_.ic);
    }
    (*lines_).resize(static_cast<std::size_t>(shape_.groups * lines * rests_ * lanes));
#pragma omp parallel for schedule(static) if (worth_threads(shape_.input_size()))
    for (std::int64_t i = 0; i < shape_.groups * lines; ++i) {
      for (std::int64_t rest = 0; rest < rests_; ++rest) {
        const std::vector<std::int64_t>& of_rest = pixels[static_cast<std::size_t>(rest)];
        line_squares(kernel_).across(codes_ + i % lines * shape_.w * shape_.ic + i / lines * lanes, of_rest.data(),
                                     static_cast<std::int64_t>(of_rest.size()), lanes,
                                     (*lines_).data() + (i * rests_ + rest) * lanes);
      }
    }
  }

  /// Pixel of the input, flattened, that output pixel p meets at a tap; where it is outside of the image of p, the
  /// nearest end of that image.
  std::int64_t pixel_at(std::int64_t p, std::int64_t kh, std::int64_t kw) const {
    const std::int64_t line = p / shape_.out_w();
    const std::int64_t image = shape_.h * shape_.w;
    const std::int64_t y = line % shape_.out_h() - shape_.pad + kh;
    const std::int64_t x = p % shape_.out_w() - shape_.pad + kw;
    return line / shape_.out_h() * image + std::clamp(y * shape_.w + x, std::int64_t{0}, image);
  }

  /// Of blocks of pixels from the first to the last that the chunk meets at taps (kh, any).
  std::uint64_t largest_by_blocks(std::int64_t group, std::int64_t chunk, std::int64_t kh, Sums& sums) const {
    constexpr std::int64_t block = CodeSquares::block_pixels;
    const std::int64_t lanes = shape_.group_ic();
    const std::int64_t blocks = (shape_.n * shape_.h * shape_.w + block - 1) / block;
    const std::int64_t last = std::min(blocks, pixel_at(end(chunk) - 1, kh, shape_.kw - 1) / block + 1);
    sums.assign(static_cast<std::size_t>(lanes), 0);
    for (std::int64_t i = pixel_at(chunk * chain_, kh, 0) / block; i < last; ++i) {
      line_squares(kernel_).add_every(squares_->lanes().data() + (group * blocks + i) * lanes, 1, lanes, sums.data());
    }
    return largest_of(sums);
  }

  /// Of whole lines at taps (kh, any), for every rest.
  std::uint64_t largest_by_lines(std::int64_t group, std::int64_t chunk, std::int64_t kh, Sums& sums) const {
    const std::int64_t out_h = shape_.out_h();
    const std::int64_t lanes = rests_ * shape_.group_ic();
    const std::int64_t last = (end(chunk) - 1) / shape_.out_w() + 1;
    sums.assign(static_cast<std::size_t>(lanes), 0);
    for (std::int64_t line = chunk * chain_ / shape_.out_w(); line < last; ++line) {
      const std::int64_t y = line % out_h * shape_.stride - shape_.pad + kh;
      if (y >= 0 && y < shape_.h) {
        const std::uint64_t* const of_line =
            lines_->data() + ((group * shape_.n + line / out_h) * shape_.h + y) * lanes;
        line_squares(kernel_).add_every(of_line, 1, lanes, sums.data());
      }
    }
    return largest_of(sums);
  }

  /// Of all pixels that the chunk meets at taps (kh, first), (kh, first + stride), ... before `last`: a bound for each
  /// of these taps, and exact for one.
  std::uint64_t largest_of_taps(std::int64_t group, std::int64_t chunk, std::int64_t kh, std::int64_t first,
                                std::int64_t last, std::vector<std::int64_t>& pixels, Sums& sums) const {
    const std::int64_t out_w = shape_.out_w();
    const std::int64_t further = (last - first - 1) / shape_.stride;
    pixels.clear();
    for (std::int64_t p = chunk * chain_; p < end(chunk);) {
      const std::int64_t line = p / out_w;
      const std::int64_t next = std::min(end(chunk), (line + 1) * out_w);
      const std::int64_t y = line % shape_.out_h() * shape_.stride - shape_.pad + kh;
      const std::int64_t x = p % out_w * shape_.stride - shape_.pad + first;
      for (std::int64_t i = 0; y >= 0 && y < shape_.h && i < next - p + further; ++i) {
        const std::int64_t at = x + i * shape_.stride;
        if (at >= 0 && at < shape_.w) {
          pixels.push_back(((line / shape_.out_h() * shape_.h + y) * shape_.w + at) * shape_.ic);
        }
      }
      p = next;
    }
    sums.assign(static_cast<std::size_t>(shape_.group_ic()), 0);
    line_squares(kernel_).across(codes_ + group * shape_.group_ic(), pixels.data(),
                                 static_cast<std::int64_t>(pixels.size()), shape_.group_ic(), sums.data());
    return largest_of(sums);
  }

  const NativeKernel& kernel_;
  const ConvShape& shape_;
  const std::int16_t* codes_;
  const CodeSquares* squares_;
  std::int64_t pixels_, rests_, chain_ = 0;
  KeptSums lines_;  ///< [group][image line][pixel % stride][lane]
};

}  // namespace

std::unique_ptr<ChunkSquares> patch_squares(const NativeKernel& kernel, const ConvShape& shape, CodeOperand input) {
  return std::make_unique<PatchSquares>(kernel, shape, input);
}

}  // namespace precsim::kernels::native
