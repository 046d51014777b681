// The interface of an image classification dataset, and the table of those that exist.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace precsim::data {

struct ImageShape {
  int height = 0;
  int width = 0;
  int channels = 0;
  std::int64_t pixels() const { return std::int64_t{height} * width * channels; }
};

/// One split of a labelled image set. Immutable; every call may come from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual ImageShape shape() const = 0;
  virtual int classes() const = 0;
  virtual std::int64_t size() const = 0;
  /// Writes images[i] (h, w, c; c fastest; finite) and labels[i] (in [0, classes)) for each index, in order.
  /// A pure function of (the data, the options it was opened with, indices, epoch): `epoch` numbers the pass for
  /// augmentation.
  virtual void read(std::span<const std::int64_t> indices, std::uint32_t epoch, std::span<float> images,
                    std::span<std::int32_t> labels) const = 0;
  /// 16 hex digits that identify the data in a record, wherever it lies; the set says what they are over.
  virtual std::string checksum() const = 0;
  /// Images that read() could not use and replaced so far, as "NAME: why", sorted; the set says by what.
  virtual std::vector<std::string> replaced() const { return {}; }
};

struct Splits {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> test;
};

/// What the configuration says about data. Sizes 0 mean "all there is" (files) or the default (generated).
struct DatasetOptions {
  std::string name = "glyphs";
  std::string path;             ///< folder of the files; must be empty for generated sets
  std::int64_t train_size = 0;  ///< images; the first ones of the split
  std::int64_t test_size = 0;
  std::uint32_t seed = 1;  ///< of generated sets
  std::optional<bool> augment =
      std::nullopt;               ///< whether training images change at random; not set: wherever the set can do it
  int image_size = 224;           ///< height and width, of sets that can have any
  int class_count = 1000;         ///< of generated sets that can have any
  bool replace_corrupt = false;   ///< images that cannot be decoded are replaced instead of ending the run
  bool checksum_content = false;  ///< of sets whose checksum is of names and sizes otherwise
  std::uint32_t run_seed = 1;     ///< of augmentation
};

/// One row of the table of datasets.
struct DatasetEntry {
  std::string_view name;
  std::string_view summary;
  bool needs_path;
  bool augments;  ///< has random changes of training images
  Splits (*open)(const DatasetOptions&);
};

std::span<const DatasetEntry> datasets();

/// Opens both splits; raises UserError (unknown name: lists the known; files: what, where, what is valid).
Splits open_dataset(const DatasetOptions& options);

}  // namespace precsim::data
