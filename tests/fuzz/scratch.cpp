// Files of the scratch folder.
#include "tests/fuzz/scratch.hpp"

#include <stdlib.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace precsim::fuzz {

namespace fs = std::filesystem;

Scratch::Scratch() {
  std::string pattern = (fs::temp_directory_path() / "precsim_fuzz_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot create " + pattern);
  folder_ = pattern;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

fs::path Scratch::write(std::string_view name, std::string_view content) const {
  std::ofstream stream(path(name), std::ios::binary | std::ios::trunc);
  stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!stream.flush()) throw std::runtime_error("cannot write " + path(name).string());
  return path(name);
}

std::string Scratch::read(std::string_view name) const {
  std::ifstream stream(path(name), std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + path(name).string());
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool Scratch::has(std::string_view name) const {
  return fs::exists(path(name));
}

void Scratch::remove(std::string_view name) const {
  fs::remove(path(name));
}

const Scratch& scratch() {
  static const Scratch folder;
  return folder;
}

}  // namespace precsim::fuzz
