// Writing and reading of tensors; see tensor_groups.hpp.
#include "experiments/checkpoint/tensor_groups.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "experiments/record/hdf5_image.hpp"

namespace precsim::checkpoint {
namespace {

namespace hdf5 = record::hdf5;
using hdf5::Handle;
using hdf5::require;

constexpr int max_dimensions = 8;

Handle open_or_create(hid_t parent, const std::string& name) {
  if (require(H5Lexists(parent, name.c_str(), H5P_DEFAULT), "looking for " + name) > 0) {
    return {H5Gopen2(parent, name.c_str(), H5P_DEFAULT), H5Gclose, "opening " + name};
  }
  return hdf5::create_group(parent, name);
}

void write_tensor(hid_t group, const nn::StateTensor& tensor) {
  const std::vector<hsize_t> extents(tensor.dimensions.begin(), tensor.dimensions.end());
  const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose,
                     "creating a data space");
  PRECSIM_CHECK(H5Sget_simple_extent_npoints(space) == static_cast<hssize_t>(tensor.values.size()), tensor.path());
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "creating properties");
  require(H5Pset_obj_track_times(properties, false), "switching times off");
  const Handle dataset(
      H5Dcreate2(group, tensor.name.c_str(), H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose,
      "creating " + tensor.path());
  require(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.values.data()),
          "writing " + tensor.path());
}

/// The names in a group, in order; only hard links are what they seem.
std::vector<std::string> members(hid_t group) {
  H5G_info_t info;
  require(H5Gget_info(group, &info), "reading a group");
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const auto read = [&](char* buffer, std::size_t size) {
      return require(H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, buffer, size, H5P_DEFAULT),
                     "reading a name");
    };
    std::string name(static_cast<std::size_t>(read(nullptr, 0)) + 1, '\0');
    read(name.data(), name.size());
    name.pop_back();
    H5L_info_t link;
    require(H5Lget_info(group, name.c_str(), &link, H5P_DEFAULT), "reading the link " + name);
    if (link.type != H5L_TYPE_HARD) throw hdf5::Failure(fmt::format("{} is a link to somewhere else", name));
    names.push_back(std::move(name));
  }
  return names;
}

Handle open_group(hid_t parent, const std::string& name) {
  return {H5Gopen2(parent, name.c_str(), H5P_DEFAULT), H5Gclose, fmt::format("opening the group {}", name)};
}

/// The tensor at its path, filled; `budget` is what may still be read.
void read_tensor(hid_t group, nn::StateTensor& tensor, std::uint64_t& budget) {
  const std::string path = tensor.path();
  const Handle dataset(H5Dopen2(group, tensor.name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + path);
  const Handle type(H5Dget_type(dataset), H5Tclose, path);
  const Handle space(H5Dget_space(dataset), H5Sclose, path);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (require(H5Tequal(type, H5T_IEEE_F32LE), "comparing types") == 0 || rank < 1 || rank > max_dimensions) {
    throw hdf5::Failure(fmt::format("{} is no tensor of float32", path));
  }
  std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
  require(H5Sget_simple_extent_dims(space, extents.data(), nullptr), "reading the shape of " + path);
  std::uint64_t count = 1;
  for (const hsize_t extent : extents) {
    if (extent != 0 && count > budget / sizeof(float) / extent) {
      throw hdf5::Failure(fmt::format("{} claims more values than the file can hold", path));
    }
    count *= extent;
    tensor.dimensions.push_back(static_cast<std::int64_t>(extent));
  }
  budget -= count * sizeof(float);
  tensor.values.resize(count);
  if (count > 0) {
    require(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.values.data()), "reading " + path);
  }
}

}  // namespace

void write_tensors(hid_t file, std::span<const nn::StateTensor> tensors) {
  for (const nn::StateTensor& tensor : tensors) {
    for (const std::string& part : {tensor.kind, tensor.layer, tensor.name}) {
      PRECSIM_CHECK(!part.empty() && part != "." && part.find('/') == std::string::npos, tensor.path());
    }
    const Handle kind = open_or_create(file, tensor.kind);
    const Handle layer = open_or_create(kind, tensor.layer);
    write_tensor(layer, tensor);
  }
}

std::vector<nn::StateTensor> read_tensors(hid_t file, std::span<const std::string_view> without,
                                          std::uint64_t file_bytes) {
  std::vector<nn::StateTensor> tensors;
  std::uint64_t budget = file_bytes;
  for (const std::string& kind_name : members(file)) {
    if (std::ranges::count(without, kind_name) != 0) continue;
    const Handle kind = open_group(file, kind_name);
    for (const std::string& layer_name : members(kind)) {
      const Handle layer = open_group(kind, layer_name);
      for (const std::string& name : members(layer)) {
        nn::StateTensor tensor{kind_name, layer_name, name, {}, {}};
        read_tensor(layer, tensor, budget);
        tensors.push_back(std::move(tensor));
      }
    }
  }
  return tensors;
}

}  // namespace precsim::checkpoint
