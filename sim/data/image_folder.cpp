// Pictures read, cut and scaled as they are wanted.
#include "sim/data/image_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/error.hpp"
#include "formats/hash.hpp"
#include "formats/random_bits.hpp"
#include "sim/data/augmentation.hpp"
#include "sim/data/image_files.hpp"
#include "sim/data/image_set.hpp"
#include "sim/data/picture.hpp"

namespace precsim::data {
namespace {

namespace fs = std::filesystem;

constexpr int channels = 3;
constexpr ChannelScale scales[] = {{0.485f, 0.229f}, {0.456f, 0.224f}, {0.406f, 0.225f}};

class ImageFolder final : public Dataset {
 public:
  ImageFolder(fs::path folder, const std::vector<std::string>& classes, std::vector<ImageFile> files,
              const DatasetOptions& options, const std::optional<ResizedCropFlip>& augmentation)
      : folder_(std::move(folder)),
        classes_(static_cast<int>(classes.size())),
        files_(std::move(files)),
        side_(options.image_size),
        replace_(options.replace_corrupt),
        augmentation_(augmentation),
        checksum_(hash(classes, options.checksum_content)) {}

  ImageShape shape() const override { return {side_, side_, channels}; }
  int classes() const override { return classes_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  std::string checksum() const override { return checksum_; }

  void read(std::span<const std::int64_t> indices, std::uint32_t epoch, std::span<float> images,
            std::span<std::int32_t> labels) const override {
    const auto pixels = static_cast<std::size_t>(shape().pixels());
    PRECSIM_CHECK(images.size() == indices.size() * pixels && labels.size() == indices.size(),
                  fmt::format("{} indices, {} values, {} labels", indices.size(), images.size(), labels.size()));
    for (std::size_t i = 0; i < indices.size(); ++i) {
      PRECSIM_CHECK(indices[i] >= 0 && indices[i] < size(), fmt::format("index {} of {}", indices[i], size()));
      labels[i] = read_one(indices[i], epoch, images.subspan(i * pixels, pixels));
    }
  }

  std::vector<std::string> replaced() const override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> list;
    for (const auto& [index, why] : corrupt_) {
      list.push_back(fmt::format("{}: {}", files_[static_cast<std::size_t>(index)].name, why));
    }
    std::ranges::sort(list);
    return list;
  }

 private:
  std::string hash(const std::vector<std::string>& classes, bool content) const {
    formats::Hash64 hash;
    for (const std::int64_t number :
         {std::int64_t{side_}, std::int64_t{side_}, std::int64_t{channels}, std::int64_t{classes_}, size()}) {
      hash.integer(static_cast<std::uint64_t>(number));
    }
    const auto text = [&hash](const std::string& name) {
      hash.integer(name.size());
      hash.text(name);
    };
    std::ranges::for_each(classes, text);
    for (const ImageFile& file : files_) {
      hash.integer(static_cast<std::uint64_t>(file.label));
      text(file.name);
      hash.integer(file.size);
      if (content) {
        try {
          const std::vector<std::uint8_t> bytes = file_bytes(folder_ / file.name);
          hash.bytes(bytes.data(), bytes.size());
        } catch (const ImageError& error) {
          throw UserError(fmt::format("'{}' has no content for data.checksum = content: {}",
                                      (folder_ / file.name).string(), error.what()));
        }
      }
    }
    return hash.hex();
  }

  /// The label of the image that was read.
  std::int32_t read_one(std::int64_t index, std::uint32_t epoch, std::span<float> out) const {
    for (std::int64_t tried = 0; tried < size(); ++tried, index = (index + 1) % size()) {
      const ImageFile& file = files_[static_cast<std::size_t>(index)];
      if (is_corrupt(index)) {
        continue;
      }
      try {
        decode(decode_picture(file_bytes(folder_ / file.name)), index, epoch, out);
        return file.label;
      } catch (const ImageError& error) {
        if (!replace_) {
          throw UserError(
              fmt::format("image '{}' cannot be used: {}; remove it, or set data.corrupt = skip to have others in the "
                          "place of such images",
                          (folder_ / file.name).string(), error.what()));
        }
        const std::lock_guard lock(mutex_);
        corrupt_.emplace(index, error.what());
      }
    }
    throw UserError(fmt::format("none of the {} images in '{}' can be used", size(), folder_.string()));
  }

  bool is_corrupt(std::int64_t index) const {
    const std::lock_guard lock(mutex_);
    return corrupt_.contains(index);
  }

  void decode(const Picture& picture, std::int64_t index, std::uint32_t epoch, std::span<float> out) const {
    bool flip = false;
    if (augmentation_) {
      const ResizedCropFlip::Choice choice = augmentation_->choice(epoch, index, picture.height, picture.width);
      resample(picture, choice.box, side_, side_, {0, 0, side_, side_}, out);
      flip = choice.flip;
    } else {
      center(picture, out);
    }
    for (int y = 0; y < side_; ++y) {
      const std::size_t row = static_cast<std::size_t>(side_) * channels;
      finish_row(out.subspan(static_cast<std::size_t>(y) * row, row), flip);
    }
  }

  void center(const Picture& picture, std::span<float> out) const {
    const int shorter_to = (side_ * 256 + 112) / 224;
    const int shorter = std::min(picture.height, picture.width);
    const auto scaled = [&](int length) { return static_cast<int>(std::int64_t{shorter_to} * length / shorter); };
    const int height = scaled(picture.height);
    const int width = scaled(picture.width);
    const Box window{(height - side_ + 1) / 2, (width - side_ + 1) / 2, side_, side_};
    resample(picture, {0, 0, picture.height, picture.width}, height, width, window, out);
  }

  static void finish_row(std::span<float> row, bool flip) {
    if (flip) {
      for (std::size_t a = 0, b = row.size() - channels; a < b; a += channels, b -= channels) {
        std::swap_ranges(row.data() + a, row.data() + a + channels, row.data() + b);
      }
    }
    for (std::size_t p = 0; p < row.size(); p += channels) {
      for (std::size_t c = 0; c < channels; ++c) {
        row[p + c] = (row[p + c] / 255.0f - scales[c].mean) / scales[c].deviation;
      }
    }
  }

  fs::path folder_;
  int classes_;
  std::vector<ImageFile> files_;
  int side_;
  bool replace_;
  std::optional<ResizedCropFlip> augmentation_;
  std::string checksum_;
  mutable std::mutex mutex_;
  mutable std::map<std::int64_t, std::string> corrupt_;
};

std::shared_ptr<const Dataset> open_split(const fs::path& folder, const std::vector<std::string>& classes,
                                          std::string_view key, std::int64_t size, const DatasetOptions& options,
                                          const std::optional<ResizedCropFlip>& augmentation) {
  std::vector<ImageFile> files = files_of_split(folder, classes);
  if (std::cmp_greater(size, files.size())) {
    throw UserError(fmt::format("{} = {} is more than the {} images in '{}'; 0 (all of them) to {} are valid", key,
                                size, files.size(), folder.string(), files.size()));
  }
  if (size > 0) {
    files.resize(static_cast<std::size_t>(size));
  }
  return std::make_shared<const ImageFolder>(folder, classes, std::move(files), options, augmentation);
}

void check_same_classes(const std::vector<std::string>& train, const std::vector<std::string>& test,
                        const std::string& path) {
  const auto [a, b] = std::ranges::mismatch(train, test);
  if (a == train.end() && b == test.end()) {
    return;
  }
  const bool only_train = a != train.end() && (b == test.end() || *a < *b);
  throw UserError(fmt::format("class '{}' is in '{}/{}' only; train and val must hold the same classes",
                              only_train ? *a : *b, path, only_train ? "train" : "val"));
}

}  // namespace

Splits open_image_folder(const DatasetOptions& options) {
  const fs::path train = fs::path(options.path) / "train";
  const fs::path test = fs::path(options.path) / "val";
  const std::vector<std::string> classes = class_names(train);
  check_same_classes(classes, class_names(test), options.path);
  std::optional<ResizedCropFlip> augmentation;
  if (options.augment.value_or(true)) {
    augmentation = ResizedCropFlip{options.run_seed, formats::tensor_id("imagefolder/train")};
  }
  return {open_split(train, classes, "data.train_size", options.train_size, options, augmentation),
          open_split(test, classes, "data.test_size", options.test_size, options, std::nullopt)};
}

}  // namespace precsim::data
