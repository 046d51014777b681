// Listing and reading of HDF5 datasets; see hdf5_datasets.hpp.
#include "experiments/tensor_files/hdf5_datasets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "experiments/tensor_files/elements.hpp"

namespace precsim::tensor_files {
namespace {

using record::hdf5::Failure;
using record::hdf5::Handle;
using record::hdf5::require;

constexpr hsize_t most_chunk_bytes = hsize_t{1} << 28;
constexpr hsize_t least_cache_bytes = hsize_t{1} << 20;
constexpr hsize_t most_cache_bytes = hsize_t{1} << 26;

struct FloatRow {
  ElementType type;
  std::size_t bytes, exponent_bits, fraction_bits, bias;
};
constexpr FloatRow float_rows[] = {{ElementType::float16, 2, 5, 10, 15},     {ElementType::bfloat16, 2, 8, 7, 127},
                                   {ElementType::float32, 4, 8, 23, 127},    {ElementType::float64, 8, 11, 52, 1023},
                                   {ElementType::float8_e4m3fn, 1, 4, 3, 7}, {ElementType::float8_e5m2, 1, 5, 2, 15}};

/// The row whose bits lie as this type's do: sign on top, exponent, fraction.
ElementType float_type(hid_t type) {
  std::size_t sign = 0, exponent = 0, exponent_bits = 0, fraction = 0, fraction_bits = 0;
  require(H5Tget_fields(type, &sign, &exponent, &exponent_bits, &fraction, &fraction_bits), "reading a type");
  const H5T_order_t order = H5Tget_order(type);
  if ((order != H5T_ORDER_LE && order != H5T_ORDER_BE) || H5Tget_norm(type) != H5T_NORM_IMPLIED || fraction != 0 ||
      H5Tget_offset(type) != 0 || exponent != fraction_bits || sign != exponent + exponent_bits) {
    return ElementType::other;
  }
  for (const FloatRow& row : float_rows) {
    if (H5Tget_size(type) == row.bytes && H5Tget_precision(type) == 8 * row.bytes &&
        exponent_bits == row.exponent_bits && fraction_bits == row.fraction_bits && H5Tget_ebias(type) == row.bias) {
      return row.type;
    }
  }
  return ElementType::other;
}

std::string other_type_text(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return fmt::format("{}int{}", H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "", 8 * H5Tget_size(type));
    case H5T_FLOAT:
      return fmt::format("float of {} bits unlike IEEE's", H5Tget_precision(type));
    case H5T_STRING:
      return "text";
    case H5T_ENUM:
      return "enumeration";
    case H5T_COMPOUND:
      return "structure";
    default:
      return "no number";
  }
}

std::vector<hsize_t> extents_of(hid_t space) {
  std::vector<hsize_t> extents(static_cast<std::size_t>(require(H5Sget_simple_extent_ndims(space), "reading a shape")));
  if (!extents.empty()) require(H5Sget_simple_extent_dims(space, extents.data(), nullptr), "reading a shape");
  return extents;
}

/// Why the data of a dataset cannot be read from this file; empty when they can.
std::string unreadable(hid_t dataset, const std::vector<std::int64_t>& shape, std::size_t width) {
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose, "reading a layout");
  const H5D_layout_t layout = require(H5Pget_layout(properties), "reading a layout");
  if (layout == H5D_VIRTUAL || (layout == H5D_CONTIGUOUS && H5Pget_external_count(properties) != 0)) {
    return "stored in another file";
  }
  const std::optional<std::uint64_t> bytes = byte_count(shape, width);
  if (!bytes || !record::hdf5::holds_bytes(dataset, *bytes / width, width)) {
    return "claiming more data than the file holds";
  }
  if (layout != H5D_CHUNKED) return {};
  std::vector<hsize_t> chunk(shape.size());
  require(H5Pget_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), "reading the size of chunks");
  hsize_t chunk_bytes = width;
  for (const hsize_t extent : chunk)
    chunk_bytes = extent > most_chunk_bytes ? most_chunk_bytes + 1 : chunk_bytes * extent;
  return chunk_bytes > most_chunk_bytes ? "with chunks of more than 256 MiB" : "";
}

StoredTensor describe(hid_t dataset, const char* name) {
  const Handle type(H5Dget_type(dataset), H5Tclose, "reading a type");
  const Handle space(H5Dget_space(dataset), H5Sclose, "reading a shape");
  StoredTensor tensor;
  tensor.entry.name = name;
  for (const hsize_t extent : extents_of(space)) tensor.entry.shape.push_back(static_cast<std::int64_t>(extent));
  tensor.entry.type_text = other_type_text(type);
  if (!byte_count(tensor.entry.shape, 1)) throw Failure(fmt::format("{} has an impossible shape", name));
  if (H5Sget_simple_extent_type(space) == H5S_NULL) {
    tensor.entry.shape = {0};
    return tensor;
  }
  if (H5Tget_class(type) != H5T_FLOAT) return tensor;
  const ElementType element = float_type(type);
  if (element == ElementType::other) return tensor;
  tensor.entry.type_text = element_name(element);
  tensor.big_endian = H5Tget_order(type) == H5T_ORDER_BE;
  const std::string why = unreadable(dataset, tensor.entry.shape, element_width(element));
  if (why.empty()) {
    tensor.entry.type = element;
  } else {
    tensor.entry.type_text += ", " + why;
  }
  return tensor;
}

/// One visit of the walk; what it throws must not pass through C.
struct Walk {
  std::vector<StoredTensor>* tensors;
  std::string failure;
};

herr_t visit(hid_t file, const char* name, const H5O_info_t* info, void* data) noexcept {
  auto& walk = *static_cast<Walk*>(data);
  if (info->type != H5O_TYPE_DATASET) return 0;
  try {
    const Handle dataset(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose, fmt::format("opening {}", name));
    walk.tensors->push_back(describe(dataset, name));
    return 0;
  } catch (const std::exception& error) {
    walk.failure = error.what();
    return -1;
  }
}

/// Access that keeps a row of chunks, since the pieces that are asked for cut through chunks.
Handle chunk_access(hid_t dataset, const StoredTensor& tensor) {
  Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose, "creating properties");
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose, "reading a layout");
  const std::vector<std::int64_t>& shape = tensor.entry.shape;
  if (H5Pget_layout(properties) != H5D_CHUNKED) return access;
  std::vector<hsize_t> chunk(shape.size());
  require(H5Pget_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), "reading the size of chunks");
  hsize_t chunk_bytes = element_width(tensor.entry.type);
  hsize_t chunks = 1;
  for (std::size_t axis = 0; axis < chunk.size(); ++axis) {
    chunk_bytes *= chunk[axis];
    const hsize_t along = (static_cast<hsize_t>(shape[axis]) + chunk[axis] - 1) / chunk[axis];
    if (axis > 0) chunks = std::min(most_cache_bytes, chunks * std::min(along, most_cache_bytes));
  }
  const hsize_t wanted = std::clamp(chunks * chunk_bytes, least_cache_bytes, std::max(most_cache_bytes, chunk_bytes));
  constexpr std::size_t slots = 10007;
  require(H5Pset_chunk_cache(access, slots, wanted, 1.0), "sizing the cache");
  return access;
}

}  // namespace

Hdf5Datasets::Hdf5Datasets(const std::filesystem::path& file)
    : file_(H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "opening it") {
  Walk walk{&tensors_, {}};
  if (H5Ovisit2(file_, H5_INDEX_NAME, H5_ITER_INC, visit, &walk, H5O_INFO_BASIC) < 0) {
    if (!walk.failure.empty()) throw Failure(walk.failure);
    record::hdf5::fail("walking its groups");
  }
}

const Hdf5Datasets::Opened& Hdf5Datasets::open(std::size_t tensor) {
  if (opened_ && opened_->tensor == tensor) return *opened_;
  const StoredTensor& stored = tensors_.at(tensor);
  const std::string action = "opening " + stored.entry.name;
  opened_.reset();
  Handle dataset(H5Dopen2(file_, stored.entry.name.c_str(), H5P_DEFAULT), H5Dclose, action);
  const Handle access = chunk_access(dataset, stored);
  dataset = Handle(H5Dopen2(file_, stored.entry.name.c_str(), access), H5Dclose, action);
  Handle type(H5Dget_type(dataset), H5Tclose, action);
  Handle space(H5Dget_space(dataset), H5Sclose, action);
  opened_.emplace(Opened{tensor, std::move(dataset), std::move(type), std::move(space)});
  return *opened_;
}

std::string Hdf5Datasets::read(std::size_t tensor, std::uint64_t first, std::uint64_t count) {
  const Opened& opened = open(tensor);
  const std::size_t width = element_width(tensors_[tensor].entry.type);
  const std::vector<hsize_t> shape = extents_of(opened.space);
  std::string bytes(count * width, '\0');
  char* to = bytes.data();
  for (std::uint64_t left = count; left > 0;) {
    // The longest run that is a box: rows along the first axis at whose boundary `first` stands.
    hsize_t per_row = 1;
    for (const hsize_t extent : shape) per_row *= extent;
    std::vector<hsize_t> start(shape.size(), 0);
    std::vector<hsize_t> box(shape.begin(), shape.end());
    hsize_t taken = 1;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      per_row /= shape[axis];
      start[axis] = first / per_row % shape[axis];
      if (first % per_row == 0 && left >= per_row) {
        box[axis] = std::min(shape[axis] - start[axis], left / per_row);
        taken = box[axis] * per_row;
        break;
      }
      box[axis] = 1;
    }
    if (!shape.empty()) {
      require(H5Sselect_hyperslab(opened.space, H5S_SELECT_SET, start.data(), nullptr, box.data(), nullptr),
              "selecting elements");
    }
    const Handle memory(H5Screate_simple(1, &taken, nullptr), H5Sclose, "creating a data space");
    require(H5Dread(opened.dataset, opened.type, memory, opened.space, H5P_DEFAULT, to),
            fmt::format("reading {}", tensors_[tensor].entry.name));
    to += taken * width;
    first += taken;
    left -= taken;
  }
  return bytes;
}

}  // namespace precsim::tensor_files
