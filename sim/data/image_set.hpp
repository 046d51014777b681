// A labelled set of 8-bit images in memory, normalized as it is read.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/data/augmentation.hpp"
#include "sim/data/dataset.hpp"

namespace precsim::data {

/// A pixel p in 0..255 is read as (p / 255 - mean) / deviation: three FP32 operations in this order.
struct ChannelScale {
  float mean = 0.0f;
  float deviation = 1.0f;
};

class ImageSet final : public Dataset {
 public:
  /// `pixels` (n, h, w, c; c fastest), `labels` n values in [0, classes), `scales` one per channel, deviation > 0.
  /// With an `augmentation`, read() gives changed images.
  ImageSet(ImageShape shape, int classes, std::vector<std::uint8_t> pixels, std::vector<std::uint8_t> labels,
           std::span<const ChannelScale> scales, const std::optional<PadCropFlip>& augmentation = std::nullopt);

  ImageShape shape() const override { return shape_; }
  int classes() const override { return classes_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  /// `epoch` has no effect without an augmentation.
  void read(std::span<const std::int64_t> indices, std::uint32_t epoch, std::span<float> images,
            std::span<std::int32_t> labels) const override;
  /// Hash64 over height, width, channels, classes, size (as integers), then the labels, then the pixels (as bytes).
  std::string checksum() const override { return checksum_; }

 private:
  void read_changed(const std::uint8_t* image, const PadCropFlip::Choice& choice, float* out) const;

  ImageShape shape_;
  int classes_;
  std::vector<std::uint8_t> pixels_;
  std::vector<std::uint8_t> labels_;
  std::vector<std::array<float, 256>> values_;  // per channel, the value of every pixel code
  std::optional<PadCropFlip> augmentation_;
  std::string checksum_;
};

}  // namespace precsim::data
