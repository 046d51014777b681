// Listing and reading files.
#include "sim/data/image_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "formats/error.hpp"
#include "sim/data/picture.hpp"

namespace precsim::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view endings[] = {".jpg", ".jpeg", ".png"};
constexpr std::uintmax_t most_bytes = 256 * 1024 * 1024;

/// Sorted names of what is in a folder.
std::vector<fs::directory_entry> entries(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::directory_entry> list;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    list.push_back(*at);
  }
  if (error) {
    throw UserError(fmt::format(
        "folder '{}' cannot be read ({}); data.path must hold the folders train and val, each with a folder per class",
        folder.string(), error.message()));
  }
  std::ranges::sort(list, {}, [](const fs::directory_entry& entry) { return entry.path().filename().native(); });
  return list;
}

bool is_image_name(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  std::string ending = dot == std::string::npos ? "" : name.substr(dot);
  std::ranges::transform(ending, ending.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::count(endings, ending) != 0;
}

std::vector<ImageFile> files_of_class(const fs::path& folder, const std::string& name, std::int32_t label) {
  std::vector<ImageFile> files;
  for (const fs::directory_entry& entry : entries(folder / name)) {
    const std::string file = entry.path().filename().string();
    std::error_code error;
    if (entry.is_directory(error)) {
      throw UserError(fmt::format("'{}' is a folder within the class '{}'; a class may hold files only",
                                  entry.path().string(), name));
    }
    if (!is_image_name(file)) {
      continue;
    }
    const std::uintmax_t size = entry.file_size(error);
    files.push_back({fmt::format("{}/{}", name, file), label, error ? 0 : size});
  }
  if (files.empty()) {
    throw UserError(fmt::format("folder '{}' holds no file that ends in .jpg, .jpeg or .png; a class needs images",
                                (folder / name).string()));
  }
  return files;
}

}  // namespace

std::vector<std::string> class_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const fs::directory_entry& entry : entries(folder)) {
    if (entry.is_directory(ignored)) {
      names.push_back(entry.path().filename().string());
    }
  }
  if (names.size() < 2) {
    throw UserError(fmt::format("folder '{}' holds {} folders, but at least two classes, a folder each, are needed",
                                folder.string(), names.size()));
  }
  return names;
}

std::vector<ImageFile> files_of_split(const fs::path& folder, const std::vector<std::string>& classes) {
  std::vector<std::pair<std::size_t, ImageFile>> ranked;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    std::size_t rank = 0;
    for (ImageFile& file : files_of_class(folder, classes[c], static_cast<std::int32_t>(c))) {
      ranked.emplace_back(rank++, std::move(file));
    }
  }
  std::ranges::stable_sort(ranked, {}, &std::pair<std::size_t, ImageFile>::first);
  std::vector<ImageFile> files;
  files.reserve(ranked.size());
  for (auto& [rank, file] : ranked) {
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<std::uint8_t> file_bytes(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    throw ImageError("it is missing or no regular file");
  }
  const std::uintmax_t size = fs::file_size(path, error);
  if (error || size > most_bytes) {
    throw ImageError(error ? error.message() : fmt::format("it has {} bytes, more than {}", size, most_bytes));
  }
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes(static_cast<std::size_t>(size));
  if (!file || !file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    throw ImageError("it cannot be read");
  }
  return {bytes.begin(), bytes.end()};
}

}  // namespace precsim::data
