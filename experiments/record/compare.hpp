// Exact comparison of two records.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace precsim::record {

/// Where two files differ and what each says there.
struct Difference {
  std::string path;  ///< of the object, with " attribute <name>" or " row <i>, <column>" where it lies inside
  std::string what;  ///< "kind", "type", "shape", "value", "existence", ...
  std::string first;
  std::string second;

  /// "/training row 3, loss: value 0.1 (0x3fb999999999999a) in the first, ... in the second"
  std::string sentence() const;
};

/// The first difference outside /provenance, or nothing if the files are equal there: every path, kind of object, type
/// (member names and offsets included), shape, attribute and raw value, without conversion, so that NaN payloads and
/// signs of zero count. Order: an object's kind, type, shape, attributes by name, values by row and column, then its
/// members by name. Links other than hard ones are compared as such and never followed. What cannot be compared bit by
/// bit (references, variable-length data except texts in attributes, values stored outside the file) counts as a
/// difference, so that "equal" is always earned.
/// UserError if a file is missing or not HDF5, is damaged (see check_seal), or claims more data than its size can hold.
std::optional<Difference> first_difference(const std::filesystem::path& first, const std::filesystem::path& second);

}  // namespace precsim::record
