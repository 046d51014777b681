// Files in memory and lists of attributes; see hdf5_image.hpp.
#include "experiments/record/hdf5_image.hpp"

#include "experiments/record/seal.hpp"

namespace precsim::record::hdf5 {
namespace {

std::string attribute_name(hid_t object, hsize_t index) {
  const auto read = [&](char* buffer, std::size_t size) {
    return require(H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, index, buffer, size, H5P_DEFAULT),
                   "reading the name of an attribute");
  };
  std::string name(static_cast<std::size_t>(read(nullptr, 0)) + 1, '\0');
  read(name.data(), name.size());
  name.pop_back();
  return name;
}

AttributeValue read_value(hid_t object, const std::string& name) {
  const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, "opening the attribute " + name);
  const Handle type(H5Aget_type(attribute), H5Tclose, name);
  const auto is = [&](hid_t other) { return require(H5Tequal(type, other), "comparing types") > 0; };
  if (is(H5T_STD_I64LE)) return read_integer_attribute(object, name);
  if (is(H5T_IEEE_F64LE)) return read_real_attribute(object, name);
  return read_text_attribute(object, name);
}

}  // namespace

Handle create_in_memory() {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "creating properties");
  require(H5Pset_fapl_core(access, std::size_t{1} << 20, false), "choosing memory");
  require(H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18), "choosing the file version");
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "creating properties");
  require(H5Pset_obj_track_times(creation, false), "switching times off");
  return {H5Fcreate("record", H5F_ACC_TRUNC, creation, access), H5Fclose, "creating the file"};
}

std::string sealed_image(hid_t file) {
  require(H5Fflush(file, H5F_SCOPE_LOCAL), "flushing the file");
  std::string image(static_cast<std::size_t>(require(H5Fget_file_image(file, nullptr, 0), "sizing the file")), '\0');
  require(H5Fget_file_image(file, image.data(), image.size()), "copying the file");
  add_seal(image);
  return image;
}

Handle create_group(hid_t parent, const std::string& name) {
  const Handle properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, "creating properties");
  require(H5Pset_obj_track_times(properties, false), "switching times off");
  return {H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT), H5Gclose,
          fmt::format("creating the group {}", name)};
}

void write_attributes(hid_t object, const AttributeList& attributes) {
  for (const Attribute& attribute : attributes) {
    std::visit([&](const auto& value) { write_attribute(object, attribute.name, value); }, attribute.value);
  }
}

AttributeList read_attributes(hid_t object) {
  H5O_info_t info;
  require(H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS), "reading an object");
  AttributeList attributes;
  for (hsize_t i = 0; i < info.num_attrs; ++i) {
    std::string name = attribute_name(object, i);
    AttributeValue value = read_value(object, name);
    attributes.push_back({std::move(name), std::move(value)});
  }
  return attributes;
}

}  // namespace precsim::record::hdf5
