// What the targets of tensor files share: opening one and reading what it lists.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/tensor_files/tensor_file.hpp"
#include "tests/fuzz/scratch.hpp"
#include "tests/fuzz/target.hpp"

namespace precsim::fuzz {

/// Reads the ends of every readable tensor of an accepted file: that works, or is refused. Plain files (`exact`) were
/// checked when they were opened: all of it is there.
inline void read_tensors(std::string_view input, bool exact) {
  constexpr std::int64_t most = 5000;
  const std::filesystem::path path = scratch().write("tensors", input);
  std::unique_ptr<tensor_files::TensorFile> file;
  if (!accepts([&] { file = tensor_files::open_tensor_file(path); })) return;
  std::set<std::string> names;
  for (std::size_t i = 0; i < file->tensors().size(); ++i) {
    const tensor_files::TensorEntry& entry = file->tensors()[i];
    promise(names.insert(entry.name).second, "names are unique: " + entry.name);
    promise(entry.size() >= 0, "a size: " + entry.name);
    std::vector<float> values(static_cast<std::size_t>(std::min(entry.size(), most)));
    const bool read = accepts([&] {
      file->read(i, entry.size() - static_cast<std::int64_t>(values.size()), values);
      file->read(i, 0, values);
    });
    const bool readable = entry.type != tensor_files::ElementType::other;
    promise(readable || !read, "what is no float is not read: " + entry.name);
    promise(!exact || read == readable, "what was listed is there: " + entry.name);
  }
}

}  // namespace precsim::fuzz
