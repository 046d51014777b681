// Random changes of a training image as pure functions of (seed, data set, epoch, image).
#pragma once

#include <array>
#include <cstdint>

namespace precsim::data {

/// The four words of one image in one epoch: block `index` of the stream augmentation, step = epoch, tensor =
/// tensor_id("NAME/train"), use 0. In other words, image i has the elements 4 * i ... 4 * i + 3.
std::array<std::uint32_t, 4> augmentation_words(std::uint32_t seed, std::uint32_t tensor, std::uint32_t epoch,
                                                std::int64_t index);

/// floor(word * count / 2^32), in [0, count).
constexpr int below(std::uint32_t word, int count) {
  return static_cast<int>((std::uint64_t{word} * static_cast<std::uint64_t>(count)) >> 32);
}

/// Zero padding on all four sides, a crop of the size before, and a horizontal flip of it half of the time. Padding is
/// of pixel code 0, before normalization. Words of an image: 0 and 1 give the first row and column of the crop in the
/// padded image, below(word, 2 * padding + 1); the top bit of word 2 flips; word 3 is not used.
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

}  // namespace precsim::data
