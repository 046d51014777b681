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

/// How numbers lie in the file, and in memory.
struct NumberTypes {
  hid_t stored, native;
  std::size_t bytes;
  std::string_view name;
};
NumberTypes float32() {
  return {H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, sizeof(float), "float32"};
}
NumberTypes float64() {
  return {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, sizeof(double), "float64"};
}

Handle write_numbers(hid_t group, const std::string& name, const std::vector<std::int64_t>& dimensions,
                     const NumberTypes& types, const void* numbers) {
  const std::vector<hsize_t> extents(dimensions.begin(), dimensions.end());
  const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose,
                     "creating a data space");
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "creating properties");
  require(H5Pset_obj_track_times(properties, false), "switching times off");
  Handle dataset(H5Dcreate2(group, name.c_str(), types.stored, space, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose,
                 "creating " + name);
  require(H5Dwrite(dataset, types.native, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers), "writing " + name);
  return dataset;
}

void write_tensor(hid_t group, const nn::StateTensor& tensor) {
  std::int64_t size = 1;
  for (const std::int64_t d : tensor.dimensions) size *= d;
  PRECSIM_CHECK(size == static_cast<std::int64_t>(tensor.values.size()), tensor.path());
  write_numbers(group, tensor.name, tensor.dimensions, float32(), tensor.values.data());
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

/// The dataset `name`, its numbers and dimensions taken; `budget` is what may still be read.
template <class Number>
Handle read_numbers(hid_t group, const std::string& name, const std::string& path, const NumberTypes& types,
                    std::vector<std::int64_t>& dimensions, std::vector<Number>& numbers, std::uint64_t& budget) {
  Handle dataset(H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + path);
  const Handle type(H5Dget_type(dataset), H5Tclose, path);
  const Handle space(H5Dget_space(dataset), H5Sclose, path);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (require(H5Tequal(type, types.stored), "comparing types") == 0 || rank < 1 || rank > max_dimensions) {
    throw hdf5::Failure(fmt::format("{} is no tensor of {}", path, types.name));
  }
  std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
  require(H5Sget_simple_extent_dims(space, extents.data(), nullptr), "reading the shape of " + path);
  std::uint64_t count = 1;
  for (const hsize_t extent : extents) {
    if (extent != 0 && count > budget / types.bytes / extent) {
      throw hdf5::Failure(fmt::format("{} claims more values than the file can hold", path));
    }
    count *= extent;
    dimensions.push_back(static_cast<std::int64_t>(extent));
  }
  budget -= count * types.bytes;
  numbers.resize(count);
  if (count > 0) {
    require(H5Dread(dataset, types.native, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data()), "reading " + path);
  }
  return dataset;
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
        read_numbers(layer, name, tensor.path(), float32(), tensor.dimensions, tensor.values, budget);
        tensors.push_back(std::move(tensor));
      }
    }
  }
  return tensors;
}

void write_controllers(hid_t file, std::span<const nn::ControlState> states) {
  const Handle all = hdf5::create_group(file, std::string(exponents_group));
  for (const nn::ControlState& state : states) {
    PRECSIM_CHECK(!state.layer.empty() && state.layer != "." && state.layer.find('/') == std::string::npos,
                  state.path());
    const Handle layer = open_or_create(all, state.layer);
    const Handle dataset =
        write_numbers(layer, fmt::format("{}.{}", state.role, state.use),
                      {static_cast<std::int64_t>(state.numbers.size())}, float64(), state.numbers.data());
    hdf5::write_attribute(dataset, "format", state.format);
  }
}

std::vector<nn::ControlState> read_controllers(hid_t file, std::uint64_t file_bytes) {
  std::vector<nn::ControlState> states;
  std::uint64_t budget = file_bytes;
  const Handle all = open_group(file, std::string(exponents_group));
  for (const std::string& layer_name : members(all)) {
    const Handle layer = open_group(all, layer_name);
    for (const std::string& name : members(layer)) {
      const std::string path = fmt::format("/{}/{}/{}", exponents_group, layer_name, name);
      const std::size_t dot = name.find('.');
      if (dot == 0 || dot == std::string::npos || dot + 1 == name.size()) {
        throw hdf5::Failure(fmt::format("{} names no role and use", path));
      }
      nn::ControlState state{layer_name, name.substr(0, dot), name.substr(dot + 1), {}, {}};
      std::vector<std::int64_t> dimensions;
      const Handle dataset = read_numbers(layer, name, path, float64(), dimensions, state.numbers, budget);
      if (dimensions.size() != 1) {
        throw hdf5::Failure(fmt::format("{} is no list of numbers", path));
      }
      state.format = record::value_of<std::string>(hdf5::read_attributes(dataset), "format", path);
      states.push_back(std::move(state));
    }
  }
  return states;
}

}  // namespace precsim::checkpoint
