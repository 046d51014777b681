// The walk over two files at once.
#include "experiments/record/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "experiments/record/compare_data.hpp"
#include "experiments/record/compare_values.hpp"
#include "experiments/record/hdf5.hpp"
#include "formats/error.hpp"

namespace precsim::record {
namespace {

using hdf5::Handle;
using hdf5::require;

constexpr int max_depth = 64;

std::string link_name(hid_t group, hsize_t index) {
  const auto read = [&](char* buffer, std::size_t size) {
    return require(H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, buffer, size, H5P_DEFAULT),
                   "reading a name");
  };
  std::string name(static_cast<std::size_t>(read(nullptr, 0)) + 1, '\0');
  read(name.data(), name.size());
  name.pop_back();
  return name;
}

std::string describe_kind(H5O_type_t kind) {
  switch (kind) {
    case H5O_TYPE_GROUP:
      return "group";
    case H5O_TYPE_DATASET:
      return "dataset";
    case H5O_TYPE_NAMED_DATATYPE:
      return "named type";
    default:
      return fmt::format("object of unknown class {}", static_cast<int>(kind));
  }
}

/// The kind of a link, and the raw target of one that is not hard.
std::string describe_link(hid_t group, const std::string& name) {
  H5L_info_t info;
  require(H5Lget_info(group, name.c_str(), &info, H5P_DEFAULT), "reading a link");
  if (info.type == H5L_TYPE_HARD) return "object";
  std::string target(info.u.val_size, '\0');
  require(H5Lget_val(group, name.c_str(), target.data(), target.size(), H5P_DEFAULT), "reading a link");
  std::replace(target.begin(), target.end(), '\0', ' ');
  const std::string kind = info.type == H5L_TYPE_SOFT ? "soft link"
                           : info.type == H5L_TYPE_EXTERNAL
                               ? "external link"
                               : fmt::format("link of class {}", static_cast<int>(info.type));
  return fmt::format("{} to \"{}\"", kind, target);
}

class Walk {
 public:
  Found objects(const std::string& path, hid_t a, hid_t b, int depth) {
    H5O_info_t info[2];
    require(H5Oget_info2(a, &info[0], H5O_INFO_BASIC), "reading an object");
    require(H5Oget_info2(b, &info[1], H5O_INFO_BASIC), "reading an object");
    if (Found found = text_difference(path, "kind", describe_kind(info[0].type), describe_kind(info[1].type))) {
      return found;
    }
    if (!visited_.emplace(info[0].addr, info[1].addr).second) return std::nullopt;
    if (depth > max_depth) throw hdf5::Failure(fmt::format("{} is nested too deeply", path));
    switch (info[0].type) {
      case H5O_TYPE_DATASET:
        return compare_datasets(path, a, b);
      case H5O_TYPE_GROUP:
        return groups(path, a, b, depth);
      case H5O_TYPE_NAMED_DATATYPE:
        if (Found found = text_difference(path, "type", describe_type(a), describe_type(b))) return found;
        return compare_attributes(path, a, b);
      default:
        return incomparable(path, describe_kind(info[0].type));
    }
  }

 private:
  Found groups(const std::string& path, hid_t a, hid_t b, int depth) {
    if (Found found = compare_attributes(path, a, b)) return found;
    const std::string prefix = path == "/" ? path : path + "/";
    const std::set<std::string> first = members(a, depth);
    const std::set<std::string> second = members(b, depth);
    if (Found found = missing(first, second, prefix)) return found;
    for (const std::string& name : first) {
      const std::string links[2] = {describe_link(a, name), describe_link(b, name)};
      if (Found found = text_difference(prefix + name, "kind", links[0], links[1])) return found;
      if (links[0] != "object") continue;
      const Handle one(H5Oopen(a, name.c_str(), H5P_DEFAULT), H5Oclose, "opening " + prefix + name);
      const Handle two(H5Oopen(b, name.c_str(), H5P_DEFAULT), H5Oclose, "opening " + prefix + name);
      if (Found found = objects(prefix + name, one, two, depth + 1)) return found;
    }
    return std::nullopt;
  }

  static std::set<std::string> members(hid_t group, int depth) {
    H5G_info_t info;
    require(H5Gget_info(group, &info), "reading a group");
    std::set<std::string> result = names(group, info.nlinks, link_name);
    if (depth == 0) result.erase("provenance");
    return result;
  }

  std::set<std::pair<haddr_t, haddr_t>> visited_;
};

}  // namespace

std::string Difference::sentence() const {
  return fmt::format("{}: {} {} in the first file, {} in the second", path, what, first, second);
}

Found first_difference(const std::filesystem::path& first, const std::filesystem::path& second) {
  const hdf5::Quiet quiet;
  const Handle files[2] = {hdf5::reading(first, [&] { return hdf5::open_for_reading(first); }),
                           hdf5::reading(second, [&] { return hdf5::open_for_reading(second); })};
  try {
    const Handle roots[2] = {{H5Gopen2(files[0], "/", H5P_DEFAULT), H5Gclose, "opening /"},
                             {H5Gopen2(files[1], "/", H5P_DEFAULT), H5Gclose, "opening /"}};
    return Walk().objects("/", roots[0], roots[1], 0);
  } catch (const hdf5::Failure& failure) {
    throw UserError(fmt::format("{} and {} cannot be compared, as one of them is damaged: {}", first.string(),
                                second.string(), failure.what()));
  }
}

}  // namespace precsim::record
