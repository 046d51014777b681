// Thin owners of HDF5 identifiers; HDF5's failures as exceptions, its printing switched off.
#pragma once

#include <fmt/format.h>
#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "formats/error.hpp"

namespace precsim::record::hdf5 {

/// A call that failed: what was tried, and HDF5's innermost message. Never leaves this layer: see reading().
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Raises Failure for `action` with the message of the HDF5 call that just failed.
[[noreturn]] void fail(const std::string& action);

/// Passes a result through; negative results raise Failure.
template <typename Result>
Result require(Result result, const std::string& action) {
  if (result < 0) fail(action);
  return result;
}

/// Owns an identifier and closes it.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  /// Takes over the result of a creating or opening call; a negative one raises Failure.
  Handle(hid_t id, Close close, const std::string& action) : id_(require(id, action)), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  Close close_;
};

/// Switches HDF5's error printing off for a scope. HDF5 is not thread-safe: one thread at a time may use this layer.
class Quiet {
 public:
  Quiet();
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
  ~Quiet();

 private:
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

/// Opens an existing regular file for reading, once its seal is checked. UserError says which of these it fails.
Handle open_for_reading(const std::filesystem::path& file);

/// Runs `body`, quietly; a Failure becomes the UserError that `file` cannot be read.
template <typename Body>
auto reading(const std::filesystem::path& file, const Body& body) {
  const Quiet quiet;
  try {
    return body();
  } catch (const Failure& failure) {
    throw UserError(
        fmt::format("{} cannot be read as a record and was left as it is: {}", file.string(), failure.what()));
  }
}

/// Runs `body`, quietly, which touches memory only; a Failure is a bug.
template <typename Body>
auto building(const Body& body) {
  const Quiet quiet;
  try {
    return body();
  } catch (const Failure& failure) {
    throw CheckError(fmt::format("HDF5 failed while building a file in memory: {}", failure.what()));
  }
}

/// Whether the storage of a dataset can hold `count` elements of `size` bytes, given the best that deflate can do; a
/// file that claims more is not worth an allocation.
bool holds_bytes(hid_t dataset, hsize_t count, std::size_t size);

/// Scalar data space.
Handle scalar_space();
/// Variable-length UTF-8, the type of every text attribute (h5py reads it as str).
Handle text_type();

void write_attribute(hid_t object, const std::string& name, const std::string& text);
void write_attribute(hid_t object, const std::string& name, std::int64_t value);
void write_attribute(hid_t object, const std::string& name, double value);

/// Failure if there is none of this name and kind.
std::string read_text_attribute(hid_t object, const std::string& name);
std::int64_t read_integer_attribute(hid_t object, const std::string& name);
double read_real_attribute(hid_t object, const std::string& name);

/// All values of an opened attribute of variable-length strings, which has `count` of them.
std::vector<std::string> read_strings(hid_t attribute, hid_t type, std::size_t count);

}  // namespace precsim::record::hdf5
