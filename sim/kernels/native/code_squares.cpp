// Sums of squares of a tensor of codes.
#include "sim/kernels/native/code_squares.hpp"

#include <algorithm>
#include <numeric>

#include "sim/kernels/native/line_squares.hpp"

namespace precsim::kernels::native {

void CodeSquares::begin(std::int64_t pixels, std::int64_t channels, std::int64_t groups) {
  pixels_ = pixels;
  channels_ = channels;
  groups_ = groups;
  const std::int64_t of_group = channels / groups;
  const std::int64_t even = of_group + of_group % 2;
  piece_ = of_group % 2 == 0 ? std::gcd(even, longest_piece) : even;
  const std::int64_t blocks = (pixels + block_pixels - 1) / block_pixels;
  by_pixel_.resize(static_cast<std::size_t>(pixels * groups * (even / piece_)));
  by_block_.resize(static_cast<std::size_t>(blocks * channels));
}

void CodeSquares::add(const NativeKernel& kernel, const std::int16_t* codes, std::int64_t first, std::int64_t last) {
  const LineSquares& squares = line_squares(kernel);
  const std::int64_t lanes = channels_ / groups_;
  const std::int64_t blocks = (pixels_ + block_pixels - 1) / block_pixels;
  const std::int64_t pieces_per_pixel = groups_ * ((lanes + lanes % 2) / piece_);
  const std::int64_t piece = std::min(piece_, lanes);
  std::vector<std::uint64_t> further;
  while (first < last) {
    const std::int64_t block = first / block_pixels;
    const std::int64_t end = std::min(last, (block + 1) * block_pixels);
    squares.along(codes, (end - first) * pieces_per_pixel, piece, by_pixel_.data() + first * pieces_per_pixel);
    std::int64_t lines[block_pixels];
    for (std::int64_t i = 0; i < end - first; ++i) {
      lines[i] = i * channels_;
    }
    for (std::int64_t group = 0; group < groups_; ++group) {
      std::uint64_t* const sums = by_block_.data() + (group * blocks + block) * lanes;
      if (first % block_pixels == 0) {
        squares.across(codes + group * lanes, lines, end - first, lanes, sums);
      } else {
        further.resize(static_cast<std::size_t>(lanes));
        squares.across(codes + group * lanes, lines, end - first, lanes, further.data());
        squares.add_every(further.data(), 1, lanes, sums);
      }
    }
    codes += (end - first) * channels_;
    first = end;
  }
}

}  // namespace precsim::kernels::native
