// HDF5 types in words, and the place where two raw values of a type differ.
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <optional>
#include <string>

namespace precsim::record {

/// A text that is equal exactly for equal types: class, size, order, sign, padding, members with names and offsets.
std::string describe_type(hid_t type);

/// Whether values of the type are nothing but their own bytes: no variable length, no references.
bool is_plain_type(hid_t type);

struct ValueDifference {
  std::string member;  ///< "loss", "counts[12]", "" for a type without members
  std::string first;
  std::string second;
};

/// The first differing member, in order of offset, of two values of `type` (H5Tget_size bytes each).
std::optional<ValueDifference> first_value_difference(hid_t type, const char* first, const char* second);

}  // namespace precsim::record
