// Random changes of a training image as pure functions of (seed, data set, epoch, image).
#pragma once

#include <array>
#include <cstdint>

#include "sim/data/resample.hpp"

namespace precsim::data {

/// Four words of one image in one epoch: a block of the stream augmentation, step = epoch, tensor =
/// tensor_id("NAME/train"), use 0.
std::array<std::uint32_t, 4> augmentation_words(std::uint32_t seed, std::uint32_t tensor, std::uint32_t epoch,
                                                std::uint64_t block);

/// floor(word * count / 2^32), in [0, count).
constexpr int below(std::uint32_t word, int count) {
  return static_cast<int>((std::uint64_t{word} * static_cast<std::uint64_t>(count)) >> 32);
}

/// Zero padding on all four sides, a crop of the size before, and a horizontal flip of it half of the time. Padding is
/// of pixel code 0, before normalization. Words of image i (block i): 0 and 1 give the first row and column of the crop
/// in the padded image, below(word, 2 * padding + 1); the top bit of word 2 flips; word 3 is not used.
struct PadCropFlip {
  int padding = 0;
  std::uint32_t seed = 0;
  std::uint32_t tensor = 0;

  /// What becomes of one image: pixel (y, x) comes from (y + row, x' + column), x' = flip ? width - 1 - x : x; from
  /// outside of the image it is 0. `row` and `column` are in [-padding, padding].
  struct Choice {
    int row = 0;
    int column = 0;
    bool flip = false;
  };
  Choice choice(std::uint32_t epoch, std::int64_t index) const;
};

/// A part of the picture with 0.08 to 1 of its area and a width : height ratio of 3/4 to 4/3 (uniform in the
/// logarithm), flipped half of the time. Image i has the blocks 16 * i ... 16 * i + 15. Attempt t = 0 ... 9 takes block
/// 16 * i + t: with a = uniform(word 0) * 0.92 + 0.08 times the area and r = exp((2 * uniform(word 1) - 1) * log(4/3)),
/// width = floor(sqrt(a * r) + 1/2) and height = floor(sqrt(a / r) + 1/2); if both are at least 1 and fit, row and
/// column are below(word 2, rows left + 1) and below(word 3, columns left + 1). After ten failures: the largest
/// centered part with a ratio in that range. The top bit of word 0 of block 16 * i + 15 flips.
struct ResizedCropFlip {
  std::uint32_t seed = 0;
  std::uint32_t tensor = 0;

  struct Choice {
    Box box;
    bool flip = false;
  };
  Choice choice(std::uint32_t epoch, std::int64_t index, int height, int width) const;
};

}  // namespace precsim::data
