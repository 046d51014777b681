// A small pool of generated images that stands for a large set.
#include "sim/data/synthetic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "formats/error.hpp"
#include "formats/hash.hpp"
#include "formats/random_bits.hpp"
#include "sim/data/augmentation.hpp"
#include "sim/data/image_set.hpp"

namespace precsim::data {
namespace {

constexpr int channels = 3;
constexpr std::int64_t pool_size = 64;
constexpr std::int64_t largest_size = 10'000'000;
constexpr ChannelScale scales[] = {{0.5f, 0.25f}, {0.5f, 0.25f}, {0.5f, 0.25f}};

std::vector<std::uint8_t> noise(std::uint32_t seed, std::uint32_t tensor, std::int64_t images, std::int64_t pixels) {
  std::vector<std::uint8_t> codes;
  codes.reserve(static_cast<std::size_t>(images * pixels));
  for (std::int64_t i = 0; i < images; ++i) {
    const formats::RandomBits bits{seed, formats::Stream::data_generation, static_cast<std::uint32_t>(i), tensor, 0};
    for (std::int64_t p = 0; p < pixels; p += 4) {
      const auto words = bits.block(static_cast<std::uint64_t>(p / 4));
      for (std::int64_t k = 0; k < std::min<std::int64_t>(4, pixels - p); ++k) {
        codes.push_back(static_cast<std::uint8_t>(words[static_cast<std::size_t>(k)]));
      }
    }
  }
  return codes;
}

class Synthetic final : public Dataset {
 public:
  Synthetic(const DatasetOptions& options, std::uint32_t tensor, std::int64_t size)
      : classes_(options.class_count), size_(size), pool_(pool(options, tensor, std::min(size, pool_size))) {
    for (std::int64_t i = 0; i < pool_.size(); ++i) {
      const formats::RandomBits bits{options.seed, formats::Stream::data_generation, static_cast<std::uint32_t>(i),
                                     tensor, 1};
      labels_.push_back(below(bits.word(0), classes_));
    }
  }

  ImageShape shape() const override { return pool_.shape(); }
  int classes() const override { return classes_; }
  std::int64_t size() const override { return size_; }
  void read(std::span<const std::int64_t> indices, std::uint32_t epoch, std::span<float> images,
            std::span<std::int32_t> labels) const override {
    std::vector<std::int64_t> numbers;
    for (const std::int64_t index : indices) {
      PRECSIM_CHECK(index >= 0 && index < size_, fmt::format("index {} of {}", index, size_));
      numbers.push_back(index % pool_.size());
    }
    pool_.read(numbers, epoch, images, labels);
    std::ranges::transform(numbers, labels.begin(),
                           [&](std::int64_t i) { return labels_[static_cast<std::size_t>(i)]; });
  }
  /// Over the checksum of the pool, then classes, size and the labels of the pool.
  std::string checksum() const override {
    formats::Hash64 hash;
    hash.text(pool_.checksum());
    hash.integer(static_cast<std::uint64_t>(classes_));
    hash.integer(static_cast<std::uint64_t>(size_));
    for (const std::int32_t label : labels_) {
      hash.integer(static_cast<std::uint64_t>(label));
    }
    return hash.hex();
  }

 private:
  static ImageSet pool(const DatasetOptions& options, std::uint32_t tensor, std::int64_t images) {
    const ImageShape shape{options.image_size, options.image_size, channels};
    std::vector<std::uint8_t> zeros(static_cast<std::size_t>(images), 0);
    return {shape, 1, noise(options.seed, tensor, images, shape.pixels()), std::move(zeros), scales};
  }

  int classes_;
  std::int64_t size_;
  ImageSet pool_;  // its labels are not used
  std::vector<std::int32_t> labels_;
};

std::shared_ptr<const Dataset> make_split(const DatasetOptions& options, std::string_view name, std::string_view key,
                                          std::int64_t size, std::int64_t otherwise) {
  if (size > largest_size) {
    throw UserError(fmt::format("{} = {} is too large for dataset 'synthetic'; 0 (the default, {}) to {} are valid",
                                key, size, otherwise, largest_size));
  }
  return std::make_shared<const Synthetic>(options, formats::tensor_id(name), size == 0 ? otherwise : size);
}

}  // namespace

Splits open_synthetic(const DatasetOptions& options) {
  return {make_split(options, "synthetic/train", "data.train_size", options.train_size, 12800),
          make_split(options, "synthetic/test", "data.test_size", options.test_size, 500)};
}

}  // namespace precsim::data
