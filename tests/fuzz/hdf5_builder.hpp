// HDF5 files of every kind that the library can write, made as the bytes of an input say.
#pragma once

#include <hdf5.h>

#include <string>
#include <string_view>
#include <vector>

namespace precsim::fuzz {

/// What a program starts from; nothing: an empty file.
struct Hdf5Base {
  std::string image = {};
  std::vector<std::string> objects = {};  ///< paths of what is there and may be changed
  std::vector<std::string> names = {};    ///< that programs give to objects and attributes, besides the usual ones
};

/// The file that `program` describes: groups, datasets of all layouts, attributes, committed types, soft, external and
/// hard links (cycles too), of all classes of types, and removals; small, and equal for equal programs. Steps that HDF5
/// refuses are left out, so that every program makes a file.
std::string build_hdf5(std::string_view program, const Hdf5Base& base = {});

}  // namespace precsim::fuzz
