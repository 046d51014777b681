// Random words to choices.
#include "sim/data/augmentation.hpp"

#include "formats/random_bits.hpp"

namespace precsim::data {

std::array<std::uint32_t, 4> augmentation_words(std::uint32_t seed, std::uint32_t tensor, std::uint32_t epoch,
                                                std::int64_t index) {
  const formats::RandomBits bits{seed, formats::Stream::augmentation, epoch, tensor, 0};
  return bits.block(static_cast<std::uint64_t>(index));
}

PadCropFlip::Choice PadCropFlip::choice(std::uint32_t epoch, std::int64_t index) const {
  const auto words = augmentation_words(seed, tensor, epoch, index);
  const int places = 2 * padding + 1;
  return {below(words[0], places) - padding, below(words[1], places) - padding, (words[2] >> 31) != 0};
}

}  // namespace precsim::data
