// Random words to choices.
#include "sim/data/augmentation.hpp"

#include <algorithm>
#include <cmath>

#include "formats/draws.hpp"
#include "formats/elementary.hpp"
#include "formats/random_bits.hpp"

namespace precsim::data {
namespace {

constexpr std::uint64_t attempts = 10;
constexpr double least_area = 0.08;
constexpr double largest_ratio = 4.0 / 3.0;

int rounded(double x) {
  return static_cast<int>(std::floor(x + 0.5));
}

Box centered_part(int height, int width) {
  const int part_width = std::min(width, rounded(height * largest_ratio));
  const int part_height = std::min(height, rounded(width * largest_ratio));
  return {(height - part_height) / 2, (width - part_width) / 2, part_height, part_width};
}

}  // namespace

std::array<std::uint32_t, 4> augmentation_words(std::uint32_t seed, std::uint32_t tensor, std::uint32_t epoch,
                                                std::uint64_t block) {
  const formats::RandomBits bits{seed, formats::Stream::augmentation, epoch, tensor, 0};
  return bits.block(block);
}

PadCropFlip::Choice PadCropFlip::choice(std::uint32_t epoch, std::int64_t index) const {
  const auto words = augmentation_words(seed, tensor, epoch, static_cast<std::uint64_t>(index));
  const int places = 2 * padding + 1;
  return {below(words[0], places) - padding, below(words[1], places) - padding, (words[2] >> 31) != 0};
}

ResizedCropFlip::Choice ResizedCropFlip::choice(std::uint32_t epoch, std::int64_t index, int height, int width) const {
  const std::uint64_t first_block = 16 * static_cast<std::uint64_t>(index);
  const bool flip = (augmentation_words(seed, tensor, epoch, first_block + 15)[0] >> 31) != 0;
  for (std::uint64_t attempt = 0; attempt < attempts; ++attempt) {
    const auto words = augmentation_words(seed, tensor, epoch, first_block + attempt);
    const double share = formats::uniform(words[0]) * (1 - least_area) + least_area;
    const double area = share * (static_cast<double>(height) * width);
    const double ratio = formats::exp((2 * formats::uniform(words[1]) - 1) * formats::log(largest_ratio));
    const int part_width = rounded(std::sqrt(area * ratio));
    const int part_height = rounded(std::sqrt(area / ratio));
    if (part_width >= 1 && part_width <= width && part_height >= 1 && part_height <= height) {
      return {
          {below(words[2], height - part_height + 1), below(words[3], width - part_width + 1), part_height, part_width},
          flip};
    }
  }
  return {centered_part(height, width), flip};
}

}  // namespace precsim::data
