// Comparison of what HDF5 objects hold: attributes, types, shapes, values.
#pragma once

#include <hdf5.h>

#include <optional>
#include <set>
#include <string>

#include "experiments/record/compare.hpp"

namespace precsim::record {

using Found = std::optional<Difference>;

/// The names of `count` things of an object; `name(object, i)` gives one.
template <typename Name>
std::set<std::string> names(hid_t object, hsize_t count, const Name& name) {
  std::set<std::string> result;
  for (hsize_t i = 0; i < count; ++i) result.insert(name(object, i));
  return result;
}

/// The first name that only one of the sets has.
Found missing(const std::set<std::string>& first, const std::set<std::string>& second, const std::string& prefix);

/// A difference iff the texts differ.
Found text_difference(const std::string& path, const std::string& what, const std::string& first,
                      const std::string& second);

/// What is there on both sides but has no bits of its own to compare.
Found incomparable(const std::string& path, const std::string& description);

/// Names, types, shapes and values of the attributes of two objects.
Found compare_attributes(const std::string& path, hid_t first, hid_t second);

/// Types, shapes, attributes and raw values of two datasets.
Found compare_datasets(const std::string& path, hid_t first, hid_t second);

}  // namespace precsim::record
