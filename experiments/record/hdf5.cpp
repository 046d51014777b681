// HDF5 calls in one place; see hdf5.hpp.
#include "experiments/record/hdf5.hpp"

#include <cerrno>
#include <system_error>

#include "experiments/record/file_io.hpp"
#include "experiments/record/seal.hpp"

namespace precsim::record::hdf5 {
namespace {

herr_t keep_first(unsigned, const H5E_error2_t* error, void* message) noexcept {
  auto& text = *static_cast<std::string*>(message);
  if (text.empty() && error->desc != nullptr) text = error->desc;
  return 0;
}

Handle create_attribute(hid_t object, const std::string& name, hid_t type) {
  return {H5Acreate2(object, name.c_str(), type, scalar_space(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
          fmt::format("creating the attribute {}", name)};
}

Handle open_scalar_attribute(hid_t object, const std::string& name) {
  Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, fmt::format("opening the attribute {}", name));
  const Handle space(H5Aget_space(attribute), H5Sclose, name);
  if (H5Sget_simple_extent_npoints(space) != 1) throw Failure(fmt::format("the attribute {} is not one value", name));
  return attribute;
}

}  // namespace

void fail(const std::string& action) {
  std::string message;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &message);
  throw Failure(fmt::format("{} failed ({})", action, message.empty() ? "no reason given" : message));
}

Quiet::Quiet() {
  H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Quiet::~Quiet() {
  H5Eset_auto2(H5E_DEFAULT, print_, data_);
}

Handle open_for_reading(const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) throw_io_error("open", file, error ? error.value() : ENOENT);
  if (!std::filesystem::is_regular_file(status)) {
    throw UserError(fmt::format("{} is not a regular file, so it cannot be read as HDF5", file.string()));
  }
  check_seal(file);
  return {H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "opening it"};
}

bool holds_bytes(hid_t dataset, hsize_t count, std::size_t size) {
  constexpr hsize_t best_ratio = 1100;
  constexpr hsize_t slack = 65536;
  const hsize_t stored = H5Dget_storage_size(dataset);
  return size > 0 && stored < (hsize_t{1} << 48) && count <= (stored * best_ratio + slack) / size;
}

Handle scalar_space() {
  return {H5Screate(H5S_SCALAR), H5Sclose, "creating a data space"};
}

Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "creating a text type");
  require(H5Tset_size(type, H5T_VARIABLE), "sizing a text type");
  require(H5Tset_cset(type, H5T_CSET_UTF8), "setting a character set");
  return type;
}

void write_attribute(hid_t object, const std::string& name, const std::string& text) {
  const Handle type = text_type();
  const Handle attribute = create_attribute(object, name, type);
  const char* value = text.c_str();
  require(H5Awrite(attribute, type, &value), fmt::format("writing the attribute {}", name));
}

void write_attribute(hid_t object, const std::string& name, std::int64_t value) {
  const Handle attribute = create_attribute(object, name, H5T_STD_I64LE);
  require(H5Awrite(attribute, H5T_NATIVE_INT64, &value), fmt::format("writing the attribute {}", name));
}

void write_attribute(hid_t object, const std::string& name, double value) {
  const Handle attribute = create_attribute(object, name, H5T_IEEE_F64LE);
  require(H5Awrite(attribute, H5T_NATIVE_DOUBLE, &value), fmt::format("writing the attribute {}", name));
}

std::vector<std::string> read_strings(hid_t attribute, hid_t type, std::size_t count) {
  std::vector<char*> pointers(count, nullptr);
  require(H5Aread(attribute, type, pointers.data()), "reading a text attribute");
  std::vector<std::string> texts;
  for (const char* pointer : pointers) texts.emplace_back(pointer == nullptr ? "" : pointer);
  const Handle space(H5Aget_space(attribute), H5Sclose, "opening a data space");
  require(H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data()), "freeing texts");
  return texts;
}

std::string read_text_attribute(hid_t object, const std::string& name) {
  const Handle attribute = open_scalar_attribute(object, name);
  const Handle type(H5Aget_type(attribute), H5Tclose, name);
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) <= 0) {
    throw Failure(fmt::format("the attribute {} is not a text", name));
  }
  return read_strings(attribute, type, 1).front();
}

std::int64_t read_integer_attribute(hid_t object, const std::string& name) {
  const Handle attribute = open_scalar_attribute(object, name);
  std::int64_t value = 0;
  require(H5Aread(attribute, H5T_NATIVE_INT64, &value), fmt::format("reading the attribute {}", name));
  return value;
}

double read_real_attribute(hid_t object, const std::string& name) {
  const Handle attribute = open_scalar_attribute(object, name);
  double value = 0;
  require(H5Aread(attribute, H5T_NATIVE_DOUBLE, &value), fmt::format("reading the attribute {}", name));
  return value;
}

}  // namespace precsim::record::hdf5
