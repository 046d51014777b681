// Finds, reads and checks the six files of CIFAR-10.
#include "sim/data/cifar10.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "formats/error.hpp"
#include "formats/random_bits.hpp"
#include "sim/data/image_set.hpp"

namespace precsim::data {
namespace {

namespace fs = std::filesystem;

constexpr int side = 32;
constexpr int channels = 3;
constexpr int class_count = 10;
constexpr int padding = 4;
constexpr std::size_t plane = side * side;
constexpr std::size_t record = 1 + channels * plane;
constexpr std::size_t most_records = 100000;  // of one file; the standard ones have 10000
constexpr ChannelScale scales[] = {{0.4914f, 0.2470f}, {0.4822f, 0.2435f}, {0.4465f, 0.2616f}};
constexpr std::string_view train_files[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                            "data_batch_4.bin", "data_batch_5.bin"};
constexpr std::string_view test_files[] = {"test_batch.bin"};
constexpr std::string_view subfolder = "cifar-10-batches-bin";

struct Images {
  std::vector<std::uint8_t> pixels;  // n, h, w, c
  std::vector<std::uint8_t> labels;
};

fs::path find_folder(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    throw UserError(
        fmt::format("data.path = '{}' is not a folder; the folder of CIFAR-10's binary files, or the one "
                    "around it, is needed",
                    path));
  }
  const fs::path below = fs::path(path) / subfolder;
  return fs::is_directory(below, ignored) ? below : fs::path(path);
}

std::vector<char> read_records(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    throw UserError(
        fmt::format("file '{}' does not exist or is not a regular file; data.path must hold data_batch_1.bin to "
                    "data_batch_5.bin and test_batch.bin, or a folder {} with them",
                    path.string(), subfolder));
  }
  std::ifstream file(path, std::ios::binary);
  const std::uintmax_t size = fs::file_size(path, ignored);
  if (!file || ignored) {
    throw UserError(fmt::format("file '{}' cannot be read; a CIFAR-10 batch is needed", path.string()));
  }
  if (size == 0 || size % record != 0 || size / record > most_records) {
    throw UserError(
        fmt::format("file '{}' has {} bytes, but a CIFAR-10 batch has whole records of {} bytes, 1 to {} of them",
                    path.string(), size, record, most_records));
  }
  std::vector<char> bytes(static_cast<std::size_t>(size));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    throw UserError(fmt::format("file '{}' cannot be read to its end; a CIFAR-10 batch is needed", path.string()));
  }
  return bytes;
}

void append(const fs::path& path, Images& images) {
  const std::vector<char> bytes = read_records(path);
  const std::size_t count = bytes.size() / record;
  const std::size_t first = images.pixels.size();
  images.pixels.resize(first + count * channels * plane);
  std::uint8_t* out = images.pixels.data() + first;
  for (std::size_t i = 0; i < count; ++i) {
    const char* in = bytes.data() + i * record;
    const auto label = static_cast<std::uint8_t>(*in++);
    if (label >= class_count) {
      throw UserError(fmt::format("file '{}' gives image {} the label {}; 0 to 9 are valid", path.string(), i, label));
    }
    images.labels.push_back(label);
    for (std::size_t p = 0; p < plane; ++p) {
      for (std::size_t c = 0; c < channels; ++c) {
        *out++ = static_cast<std::uint8_t>(in[c * plane + p]);
      }
    }
  }
}

std::shared_ptr<const Dataset> open_split(const fs::path& folder, std::span<const std::string_view> names,
                                          std::string_view key, std::int64_t size,
                                          const std::optional<PadCropFlip>& augmentation) {
  Images images;
  for (const std::string_view name : names) {
    append(folder / name, images);
  }
  if (std::cmp_greater(size, images.labels.size())) {
    throw UserError(fmt::format("{} = {} is more than the {} images in '{}'; 0 (all of them) to {} are valid", key,
                                size, images.labels.size(), folder.string(), images.labels.size()));
  }
  if (size > 0) {
    images.labels.resize(static_cast<std::size_t>(size));
    images.pixels.resize(images.labels.size() * channels * plane);
  }
  return std::make_shared<const ImageSet>(ImageShape{side, side, channels}, class_count, std::move(images.pixels),
                                          std::move(images.labels), scales, augmentation);
}

}  // namespace

Splits open_cifar10(const DatasetOptions& options) {
  const fs::path folder = find_folder(options.path);
  std::optional<PadCropFlip> augmentation;
  if (options.augment.value_or(true)) {
    augmentation = PadCropFlip{padding, options.run_seed, formats::tensor_id("cifar10/train")};
  }
  return {open_split(folder, train_files, "data.train_size", options.train_size, augmentation),
          open_split(folder, test_files, "data.test_size", options.test_size, std::nullopt)};
}

}  // namespace precsim::data
