// The table of datasets, and opening one by name.
#include <fmt/format.h>

#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "sim/data/cifar10.hpp"
#include "sim/data/dataset.hpp"
#include "sim/data/glyphs.hpp"
#include "sim/data/image_folder.hpp"
#include "sim/data/mnist.hpp"
#include "sim/data/synthetic.hpp"

namespace precsim::data {
namespace {

constexpr DatasetEntry table[] = {
    {"glyphs", "28x28 gray digits drawn by the program, no files", false, false, open_glyphs},
    {"mnist", "28x28 gray handwritten digits, IDX files in data.path", true, false, open_mnist},
    {"cifar10", "32x32 color pictures of 10 classes, the binary version in data.path", true, true, open_cifar10},
    {"imagefolder", "pictures of any size, JPEG or PNG, in data.path/{train,val}/CLASS", true, true, open_image_folder},
    {"synthetic", "noise of data.image_size and data.classes, for throughput, no files", false, false, open_synthetic},
};

void check_size(std::string_view key, std::int64_t size) {
  if (size < 0) {
    throw UserError(fmt::format("{} = {} is negative; 0 (the default) or a number of images is valid", key, size));
  }
}

}  // namespace

std::span<const DatasetEntry> datasets() {
  return table;
}

Splits open_dataset(const DatasetOptions& options) {
  for (const DatasetEntry& entry : table) {
    if (entry.name != options.name) {
      continue;
    }
    if (entry.needs_path && options.path.empty()) {
      throw UserError(fmt::format("data.path is empty; dataset '{}' needs the folder of its files there", entry.name));
    }
    if (!entry.needs_path && !options.path.empty()) {
      throw UserError(
          fmt::format("data.path = '{}' has no meaning for dataset '{}', which has no files; it must be "
                      "empty",
                      options.path, entry.name));
    }
    if (options.augment.value_or(false) && !entry.augments) {
      throw UserError(fmt::format(
          "data.augment = true has no meaning for dataset '{}', whose images are used as they are; auto (the "
          "default) and false are valid",
          options.name));
    }
    check_size("data.train_size", options.train_size);
    check_size("data.test_size", options.test_size);
    return entry.open(options);
  }
  throw formats::unknown_name("dataset", options.name, options.name, datasets(), &DatasetEntry::name);
}

}  // namespace precsim::data
