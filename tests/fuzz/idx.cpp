// Fuzzes IDX files, plain and gzip. The first byte chooses the shape asked for; the rest is the file.
#include "sim/data/idx.hpp"

#include "tests/fuzz/scratch.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {

/// A file that is accepted holds as many bytes as its items need.
void idx(std::string_view input) {
  Input bytes(input);
  const std::uint8_t choice = bytes.byte();
  const std::string path = scratch().write("file", bytes.rest()).string();
  data::IdxItems items;
  std::size_t item_size = 1;
  const bool accepted = accepts([&] {
    switch (choice % 3) {
      case 0:
        items = data::read_idx(path, {});
        break;
      case 1:
        items = data::read_idx(path, {2, 3});
        item_size = 6;
        break;
      default:
        items = data::read_idx(path, {28, 28});
        item_size = 784;
    }
  });
  if (accepted) promise(items.count > 0 && items.values.size() == items.count * item_size, "all items are there");
}

}  // namespace precsim::fuzz
