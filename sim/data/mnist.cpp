// Finds, reads and checks the four files of MNIST.
#include "sim/data/mnist.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "formats/error.hpp"
#include "sim/data/idx.hpp"
#include "sim/data/image_set.hpp"

namespace precsim::data {
namespace {

constexpr int side = 28;
constexpr int class_count = 10;
constexpr ChannelScale gray_scale = {0.1307f, 0.3081f};

std::string find_file(const std::string& folder, std::string_view name) {
  std::error_code ignored;
  for (const std::string_view suffix : {"", ".gz"}) {
    const auto path = std::filesystem::path(folder) / fmt::format("{}{}", name, suffix);
    if (std::filesystem::exists(path, ignored)) {
      return path.string();
    }
  }
  throw UserError(
      fmt::format("folder '{}' (data.path) has no file '{}' or '{}.gz'; it must hold {{train,t10k}}-images-"
                  "idx3-ubyte and {{train,t10k}}-labels-idx1-ubyte, each plain or with .gz",
                  folder, name, name));
}

void check_labels(const std::string& path, const std::vector<std::uint8_t>& labels) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= class_count) {
      throw UserError(fmt::format("file '{}' gives image {} the label {}; 0 to 9 are valid", path, i, labels[i]));
    }
  }
}

std::shared_ptr<const Dataset> open_split(const std::string& folder, std::string_view prefix, std::string_view key,
                                          std::int64_t size) {
  const std::string image_path = find_file(folder, fmt::format("{}-images-idx3-ubyte", prefix));
  const std::string label_path = find_file(folder, fmt::format("{}-labels-idx1-ubyte", prefix));
  IdxItems images = read_idx(image_path, {side, side});
  IdxItems labels = read_idx(label_path, {});
  if (images.count != labels.count) {
    throw UserError(fmt::format("file '{}' holds {} images but '{}' {} labels; the numbers must be the same",
                                image_path, images.count, label_path, labels.count));
  }
  check_labels(label_path, labels.values);
  if (size > images.count) {
    throw UserError(fmt::format("{} = {} is more than the {} images of '{}'; 0 (all of them) to {} are valid", key,
                                size, images.count, image_path, images.count));
  }
  if (size > 0) {
    images.values.resize(static_cast<std::size_t>(size * side * side));
    labels.values.resize(static_cast<std::size_t>(size));
  }
  return std::make_shared<const ImageSet>(ImageShape{side, side, 1}, class_count, std::move(images.values),
                                          std::move(labels.values), std::span(&gray_scale, 1));
}

}  // namespace

Splits open_mnist(const DatasetOptions& options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(options.path, ignored)) {
    throw UserError(
        fmt::format("data.path = '{}' is not a folder; the folder of the MNIST files is needed", options.path));
  }
  return {open_split(options.path, "train", "data.train_size", options.train_size),
          open_split(options.path, "t10k", "data.test_size", options.test_size)};
}

}  // namespace precsim::data
