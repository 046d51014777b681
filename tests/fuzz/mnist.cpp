// Fuzzes the four files of a data set. The input is two bytes of sizes, then the files as pieces; the last is the rest.
#include "sim/data/mnist.hpp"

#include "tests/fuzz/read_split.hpp"
#include "tests/fuzz/scratch.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
/// Files that are accepted are a data set that can be read to its end.
void mnist(std::string_view input) {
  Input bytes(input);
  data::DatasetOptions options;
  options.name = "mnist";
  options.path = scratch().path("").string();
  options.train_size = bytes.byte() % 4;
  options.test_size = bytes.byte() % 4;
  scratch().write("train-images-idx3-ubyte", bytes.piece());
  scratch().write("train-labels-idx1-ubyte", bytes.piece());
  scratch().write("t10k-images-idx3-ubyte", bytes.piece());
  scratch().write("t10k-labels-idx1-ubyte", bytes.rest());
  data::Splits splits;
  if (!accepts([&] { splits = data::open_dataset(options); })) return;
  read_split(*splits.train, options.train_size);
  read_split(*splits.test, options.test_size);
}

}  // namespace precsim::fuzz
