// A folder for the files that readers of files are given.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace precsim::fuzz {

/// A folder of its own below the system's folder for temporary files (TMPDIR), removed at the end with what is in it.
class Scratch {
 public:
  Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  std::filesystem::path path(std::string_view name) const { return folder_ / name; }
  /// Creates or replaces a file; its path.
  std::filesystem::path write(std::string_view name, std::string_view content) const;
  /// The content of a file; it must exist.
  std::string read(std::string_view name) const;
  bool has(std::string_view name) const;
  void remove(std::string_view name) const;

 private:
  std::filesystem::path folder_;
};

/// The one of this process.
const Scratch& scratch();

}  // namespace precsim::fuzz
