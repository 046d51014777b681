// Fuzzes the four files of a data set. The input is two bytes of sizes, then the files as pieces; the last is the rest.
#include "sim/data/mnist.hpp"

#include <numeric>

#include "tests/fuzz/scratch.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

/// Reads the whole split, as training does.
void read_all(const data::Dataset& split, std::int64_t asked_for) {
  promise(split.size() > 0 && (asked_for == 0 || split.size() == asked_for), "the size asked for");
  const auto size = static_cast<std::size_t>(split.size());
  std::vector<std::int64_t> indices(size);
  std::iota(indices.begin(), indices.end(), 0);
  std::vector<float> images(size * static_cast<std::size_t>(split.shape().pixels()));
  std::vector<std::int32_t> labels(size);
  split.read(indices, 0, images, labels);
  for (const std::int32_t label : labels) promise(label >= 0 && label < split.classes(), "labels are of the classes");
}

}  // namespace

/// Files that are accepted are a data set that can be read to its end.
void mnist(std::string_view input) {
  Input bytes(input);
  const data::DatasetOptions options{.name = "mnist",
                                     .path = scratch().path("").string(),
                                     .train_size = bytes.byte() % 4,
                                     .test_size = bytes.byte() % 4};
  scratch().write("train-images-idx3-ubyte", bytes.piece());
  scratch().write("train-labels-idx1-ubyte", bytes.piece());
  scratch().write("t10k-images-idx3-ubyte", bytes.piece());
  scratch().write("t10k-labels-idx1-ubyte", bytes.rest());
  data::Splits splits;
  if (!accepts([&] { splits = data::open_dataset(options); })) return;
  read_all(*splits.train, options.train_size);
  read_all(*splits.test, options.test_size);
}

}  // namespace precsim::fuzz
