// Fuzzes the batches of CIFAR-10. The input is two bytes of sizes, then two files as pieces: the first batch, and the
// test batch, which is the rest; the other batches are one good record each.
#include "sim/data/cifar10.hpp"

#include "tests/fuzz/read_split.hpp"
#include "tests/fuzz/scratch.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {

/// Files that are accepted are a data set that can be read to its end.
void cifar10(std::string_view input) {
  Input bytes(input);
  data::DatasetOptions options;
  options.name = "cifar10";
  options.path = scratch().path("").string();
  options.train_size = bytes.byte() % 8;
  options.test_size = bytes.byte() % 4;
  const std::string good(3073, '\1');
  scratch().write("data_batch_1.bin", bytes.piece());
  for (const char* name : {"data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"}) {
    scratch().write(name, good);
  }
  scratch().write("test_batch.bin", bytes.rest());
  data::Splits splits;
  if (!accepts([&] { splits = data::open_dataset(options); })) return;
  promise(options.train_size != 0 || splits.train->size() >= 5, "a record of every batch");
  read_split(*splits.train, options.train_size);
  read_split(*splits.test, options.test_size);
}

}  // namespace precsim::fuzz
