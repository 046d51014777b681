// The files of a folder of pictures with a folder per class.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace precsim::data {

/// One image, before it is read.
struct ImageFile {
  std::string name;  // CLASS/FILE
  std::int32_t label = 0;
  std::uintmax_t size = 0;
};

/// The names of the folders in `folder`, sorted by bytes. Raises UserError for fewer than two.
std::vector<std::string> class_names(const std::filesystem::path& folder);

/// The image files (see image_folder.hpp) of every class: every class's first one, then every class's second one, and
/// so on. Raises UserError for a class without images or with a folder in it.
std::vector<ImageFile> files_of_split(const std::filesystem::path& folder, const std::vector<std::string>& classes);

/// The content of a file. Raises ImageError for one that cannot be read or has more than 256 MiB.
std::vector<std::uint8_t> file_bytes(const std::filesystem::path& path);

}  // namespace precsim::data
