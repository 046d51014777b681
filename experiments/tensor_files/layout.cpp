// Layouts of .npy, .safetensors and HDF5; see layout.hpp.
#include "experiments/tensor_files/layout.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "experiments/record/bytes.hpp"
#include "experiments/record/hdf5.hpp"
#include "experiments/tensor_files/child_process.hpp"
#include "experiments/tensor_files/npy_header.hpp"
#include "formats/words.hpp"

namespace precsim::tensor_files {
namespace {

using record::hdf5::Failure;
using record::hdf5::Handle;
using record::hdf5::require;

constexpr StorageRow storage_rows[] = {{StorageType::float16, 2, "<f2", "F16"},
                                       {StorageType::bfloat16, 2, "", "BF16"},
                                       {StorageType::float32, 4, "<f4", "F32"},
                                       {StorageType::float64, 8, "<f8", "F64"},
                                       {StorageType::float8_e4m3fn, 1, "", "F8_E4M3"},
                                       {StorageType::float8_e5m2, 1, "", "F8_E5M2"},
                                       {StorageType::int8, 1, "|i1", "I8"},
                                       {StorageType::int16, 2, "<i2", "I16"},
                                       {StorageType::int32, 4, "<i4", "I32"},
                                       {StorageType::uint8, 1, "|u1", "U8"},
                                       {StorageType::uint16, 2, "<u2", "U16"},
                                       {StorageType::uint32, 4, "<u4", "U32"}};

Handle half_type() {
  Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose, "creating a type");
  require(H5Tset_fields(type, 15, 10, 5, 0, 10), "creating a type");
  require(H5Tset_size(type, 2), "creating a type");
  require(H5Tset_ebias(type, 15), "creating a type");
  return type;
}

Handle hdf5_type(StorageType type) {
  const auto copy = [](hid_t known) { return Handle(H5Tcopy(known), H5Tclose, "creating a type"); };
  switch (type) {
    case StorageType::float16:
      return half_type();
    case StorageType::float32:
      return copy(H5T_IEEE_F32LE);
    case StorageType::float64:
      return copy(H5T_IEEE_F64LE);
    case StorageType::int8:
      return copy(H5T_STD_I8LE);
    case StorageType::int16:
      return copy(H5T_STD_I16LE);
    case StorageType::int32:
      return copy(H5T_STD_I32LE);
    case StorageType::uint8:
      return copy(H5T_STD_U8LE);
    case StorageType::uint16:
      return copy(H5T_STD_U16LE);
    case StorageType::uint32:
      return copy(H5T_STD_U32LE);
    case StorageType::bfloat16:
    case StorageType::float8_e4m3fn:
    case StorageType::float8_e5m2:
      break;
  }
  throw Failure("a type that HDF5 has no name for");
}

/// The dataset's place in the file; its elements are not written.
std::uint64_t create_dataset(hid_t file, const TensorSpec& tensor) {
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "creating properties");
  require(H5Pset_create_intermediate_group(links, 1), "creating properties");
  require(H5Pset_char_encoding(links, H5T_CSET_UTF8), "creating properties");
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "creating properties");
  require(H5Pset_obj_track_times(properties, false), "switching times off");
  require(H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY), "creating properties");
  require(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER), "creating properties");
  const std::vector<hsize_t> extents(tensor.shape.begin(), tensor.shape.end());
  const Handle space(extents.empty() ? H5Screate(H5S_SCALAR)
                                     : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                     H5Sclose, "creating a data space");
  const Handle dataset(
      H5Dcreate2(file, tensor.name.c_str(), hdf5_type(tensor.type), space, links, properties, H5P_DEFAULT), H5Dclose,
      fmt::format("creating {}", formats::quote(tensor.name)));
  return data_bytes(tensor) == 0 ? 0 : H5Dget_offset(dataset);
}

/// Their places, 8 bytes each.
std::string create_datasets(const std::filesystem::path& file, std::span<const TensorSpec> tensors) {
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "creating properties");
  require(H5Pset_obj_track_times(creation, false), "switching times off");
  const Handle created(H5Fcreate(file.c_str(), H5F_ACC_TRUNC, creation, H5P_DEFAULT), H5Fclose, "creating it");
  std::string offsets;
  for (const TensorSpec& tensor : tensors) record::append_integer(offsets, create_dataset(created, tensor), 8);
  require(H5Fflush(created, H5F_SCOPE_LOCAL), "writing it");
  return offsets;
}

}  // namespace

const StorageRow& storage_row(StorageType type) {
  return storage_rows[static_cast<std::size_t>(type)];
}

std::uint64_t data_bytes(const TensorSpec& tensor) {
  const auto bytes = byte_count(tensor.shape, storage_row(tensor.type).width);
  PRECSIM_CHECK(bytes.has_value(), tensor.name);
  return *bytes;
}

Layout lay_out_npy(const std::filesystem::path&, const TensorSpec& tensor) {
  std::string header = make_npy_header(storage_row(tensor.type).npy, tensor.shape);
  const std::uint64_t offset = header.size();
  return {{{0, std::move(header)}}, {offset}};
}

Layout lay_out_safetensors(const std::filesystem::path& file, std::span<const TensorSpec> tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::vector<std::uint64_t> offsets;
  std::uint64_t end = 0;
  for (const TensorSpec& tensor : tensors) {
    if (tensor.name == "__metadata__") {
      throw UserError(fmt::format("{} cannot hold a tensor of the name __metadata__", file.string()));
    }
    offsets.push_back(end);
    end += data_bytes(tensor);
    header[tensor.name] = {{"dtype", storage_row(tensor.type).safetensors},
                           {"shape", tensor.shape},
                           {"data_offsets", {offsets.back(), end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string front;
  record::append_integer(front, text.size(), 8);
  front += text;
  for (std::uint64_t& offset : offsets) offset += front.size();
  return {{{0, std::move(front)}}, std::move(offsets)};
}

Layout lay_out_hdf5(const std::filesystem::path& file, const std::filesystem::path& partial,
                    std::span<const TensorSpec> tensors) {
  ChildProcess child([&](const ChildEnd& parent) {
    const record::hdf5::Quiet quiet;
    parent.reply([&] { return create_datasets(partial, tensors); });
  });
  const std::optional<ChildProcess::Reply> reply = child.receive();
  if (!reply || reply->failed) {
    throw UserError(fmt::format("cannot write {}: {}", file.string(),
                                reply ? reply->content : "HDF5 crashed, as it does when the disk is full"));
  }
  Layout layout;
  record::ByteReader offsets(reply->content, file.string());
  while (!offsets.at_end()) layout.offsets.push_back(offsets.integer(8));
  return layout;
}

}  // namespace precsim::tensor_files
