// Normalization tables, reading and checksum of an ImageSet.
#include "sim/data/image_set.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <utility>

#include "formats/error.hpp"
#include "formats/hash.hpp"

namespace precsim::data {
namespace {

std::array<float, 256> value_table(ChannelScale scale) {
  std::array<float, 256> values{};
  for (std::size_t code = 0; code < values.size(); ++code) {
    values[code] = (static_cast<float>(code) / 255.0f - scale.mean) / scale.deviation;
  }
  return values;
}

}  // namespace

ImageSet::ImageSet(ImageShape shape, int classes, std::vector<std::uint8_t> pixels, std::vector<std::uint8_t> labels,
                   std::span<const ChannelScale> scales, const std::optional<PadCropFlip>& augmentation)
    : shape_(shape),
      classes_(classes),
      pixels_(std::move(pixels)),
      labels_(std::move(labels)),
      augmentation_(augmentation) {
  PRECSIM_CHECK(std::cmp_equal(pixels_.size(), size() * shape_.pixels()), fmt::format("{} pixels", pixels_.size()));
  PRECSIM_CHECK(std::cmp_equal(scales.size(), shape_.channels), fmt::format("{} channel scales", scales.size()));
  for (const ChannelScale& scale : scales) {
    PRECSIM_CHECK(scale.deviation > 0.0f, fmt::format("deviation {}", scale.deviation));
    values_.push_back(value_table(scale));
  }
  formats::Hash64 hash;
  for (const std::int64_t number : {std::int64_t{shape_.height}, std::int64_t{shape_.width},
                                    std::int64_t{shape_.channels}, std::int64_t{classes_}, size()}) {
    hash.integer(static_cast<std::uint64_t>(number));
  }
  for (const std::uint8_t label : labels_) {
    PRECSIM_CHECK(label < classes_, fmt::format("label {} of {} classes", label, classes_));
  }
  hash.bytes(labels_.data(), labels_.size());
  hash.bytes(pixels_.data(), pixels_.size());
  checksum_ = hash.hex();
}

void ImageSet::read_changed(const std::uint8_t* image, const PadCropFlip::Choice& choice, float* out) const {
  for (int y = choice.row; y < choice.row + shape_.height; ++y) {
    for (int i = 0; i < shape_.width; ++i) {
      const int x = (choice.flip ? shape_.width - 1 - i : i) + choice.column;
      const bool inside = y >= 0 && y < shape_.height && x >= 0 && x < shape_.width;
      const std::ptrdiff_t pixel = (std::ptrdiff_t{y} * shape_.width + x) * shape_.channels;
      for (std::size_t c = 0; c < values_.size(); ++c) {
        *out++ = values_[c][inside ? image[pixel + static_cast<std::ptrdiff_t>(c)] : 0];
      }
    }
  }
}

void ImageSet::read(std::span<const std::int64_t> indices, std::uint32_t epoch, std::span<float> images,
                    std::span<std::int32_t> labels) const {
  const auto pixels = static_cast<std::size_t>(shape_.pixels());
  PRECSIM_CHECK(images.size() == indices.size() * pixels && labels.size() == indices.size(),
                fmt::format("{} indices, {} values, {} labels", indices.size(), images.size(), labels.size()));
  float* out = images.data();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    PRECSIM_CHECK(indices[i] >= 0 && indices[i] < size(), fmt::format("index {} of {}", indices[i], size()));
    const auto index = static_cast<std::size_t>(indices[i]);
    labels[i] = labels_[index];
    const std::uint8_t* in = pixels_.data() + index * pixels;
    if (augmentation_) {
      read_changed(in, augmentation_->choice(epoch, indices[i]), out);
      out += pixels;
      continue;
    }
    for (std::size_t p = 0; p < pixels; p += values_.size()) {
      for (const auto& values : values_) {
        *out++ = values[*in++];
      }
    }
  }
}

}  // namespace precsim::data
