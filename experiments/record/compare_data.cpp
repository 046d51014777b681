// Comparison of attributes and of datasets, bit by bit.
#include "experiments/record/compare_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "experiments/record/compare_values.hpp"
#include "experiments/record/hdf5.hpp"
#include "formats/words.hpp"

namespace precsim::record {
namespace {

using hdf5::Handle;
using hdf5::require;

constexpr hsize_t block_bytes = hsize_t{1} << 20;
constexpr hsize_t max_row_bytes = hsize_t{1} << 28;

std::string attribute_name(hid_t object, hsize_t index) {
  const auto read = [&](char* buffer, std::size_t size) {
    return require(H5Aget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, index, buffer, size, H5P_DEFAULT),
                   "reading a name");
  };
  std::string name(static_cast<std::size_t>(read(nullptr, 0)) + 1, '\0');
  read(name.data(), name.size());
  name.pop_back();
  return name;
}

std::string describe_space(hid_t space) {
  const H5S_class_t kind = H5Sget_simple_extent_type(space);
  if (kind == H5S_SCALAR) return "scalar";
  if (kind == H5S_NULL) return "empty";
  std::vector<hsize_t> extents(static_cast<std::size_t>(require(H5Sget_simple_extent_ndims(space), "reading a shape")));
  require(H5Sget_simple_extent_dims(space, extents.data(), nullptr), "reading a shape");
  return fmt::format("[{}]", fmt::join(extents, ","));
}

std::string read_attribute_bytes(hid_t attribute, hid_t type, hsize_t count) {
  if (count > max_row_bytes / H5Tget_size(type) || count * H5Tget_size(type) > H5Aget_storage_size(attribute)) {
    throw hdf5::Failure("reading an attribute of impossible length failed");
  }
  std::string bytes(count * H5Tget_size(type), '\0');
  if (count > 0) require(H5Aread(attribute, type, bytes.data()), "reading an attribute");
  return bytes;
}

/// Of a text of several lines, as the configuration is, the first line that differs.
Found text_value_difference(const std::string& path, const std::string& a, const std::string& b) {
  const bool one_line = a.find('\n') == std::string::npos && b.find('\n') == std::string::npos;
  if (a == b || one_line) return text_difference(path, "value", a, b);
  const auto same = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  const std::size_t start = same == 0 ? 0 : a.rfind('\n', same - 1) + 1;
  const auto line = [&](const std::string& text) {
    return formats::quote(std::string_view(text).substr(start, text.find('\n', start) - start));
  };
  const auto number = std::count(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(start), '\n') + 1;
  return Difference{path, fmt::format("value in line {}", number), line(a), line(b)};
}

Found compare_attribute(const std::string& path, hid_t a, hid_t b) {
  const Handle types[2] = {{H5Aget_type(a), H5Tclose, path}, {H5Aget_type(b), H5Tclose, path}};
  const Handle spaces[2] = {{H5Aget_space(a), H5Sclose, path}, {H5Aget_space(b), H5Sclose, path}};
  if (Found found = text_difference(path, "type", describe_type(types[0]), describe_type(types[1]))) return found;
  if (Found found = text_difference(path, "shape", describe_space(spaces[0]), describe_space(spaces[1]))) return found;
  const auto count = static_cast<hsize_t>(require(H5Sget_simple_extent_npoints(spaces[0]), "reading a shape"));
  const bool texts = H5Tget_class(types[0]) == H5T_STRING && H5Tis_variable_str(types[0]) > 0;
  if (!texts && !is_plain_type(types[0])) {
    return incomparable(path, describe_type(types[0]));
  }
  const std::string bytes[2] = {texts ? "" : read_attribute_bytes(a, types[0], count),
                                texts ? "" : read_attribute_bytes(b, types[1], count)};
  if (texts && count > 0) {
    const auto first = hdf5::read_strings(a, types[0], count);
    const auto second = hdf5::read_strings(b, types[1], count);
    for (std::size_t i = 0; i < first.size(); ++i) {
      if (Found found = text_value_difference(path, first[i], second[i])) return found;
    }
  }
  const std::size_t size = H5Tget_size(types[0]);
  for (std::size_t at = 0; at < bytes[0].size(); at += size) {
    if (auto value = first_value_difference(types[0], bytes[0].data() + at, bytes[1].data() + at)) {
      return Difference{path, "value", value->first, value->second};
    }
  }
  return std::nullopt;
}

/// A dataset cut into rows along its first extent; a scalar is one row.
class Rows {
 public:
  explicit Rows(hid_t dataset, const std::string& path)
      : dataset_(dataset), type_(H5Dget_type(dataset), H5Tclose, path), space_(H5Dget_space(dataset), H5Sclose, path) {
    extents_.resize(static_cast<std::size_t>(require(H5Sget_simple_extent_ndims(space_), "reading a shape")));
    if (!extents_.empty()) require(H5Sget_simple_extent_dims(space_, extents_.data(), nullptr), "reading a shape");
    const auto elements = static_cast<hsize_t>(require(H5Sget_simple_extent_npoints(space_), "reading a shape"));
    count_ = elements == 0 ? 0 : extents_.empty() ? 1 : extents_[0];
    per_row_ = count_ == 0 ? 0 : elements / count_;
    if (!hdf5::holds_bytes(dataset, elements, element_bytes()) || row_bytes() > max_row_bytes) {
      throw hdf5::Failure(fmt::format("{} claims more data than the file can hold", path));
    }
  }
  hsize_t count() const { return count_; }
  hsize_t per_row() const { return per_row_; }
  std::size_t element_bytes() const { return H5Tget_size(type_); }
  hsize_t row_bytes() const { return per_row_ * element_bytes(); }
  hid_t type() const { return type_; }

  std::string read(hsize_t first, hsize_t rows) const {
    std::string bytes(rows * row_bytes(), '\0');
    const hsize_t elements = rows * per_row_;
    const Handle memory(H5Screate_simple(1, &elements, nullptr), H5Sclose, "creating a data space");
    if (!extents_.empty()) {
      std::vector<hsize_t> start(extents_.size(), 0);
      std::vector<hsize_t> size = extents_;
      start[0] = first;
      size[0] = rows;
      require(H5Sselect_hyperslab(space_, H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr),
              "selecting rows");
    }
    require(H5Dread(dataset_, type_, memory, space_, H5P_DEFAULT, bytes.data()), "reading rows");
    return bytes;
  }

 private:
  hid_t dataset_;
  Handle type_;
  Handle space_;
  std::vector<hsize_t> extents_;
  hsize_t count_ = 0;
  hsize_t per_row_ = 0;
};

Found compare_values(const std::string& path, const Rows& a, const Rows& b) {
  const hsize_t step = a.count() == 0 ? 1 : std::max<hsize_t>(1, block_bytes / a.row_bytes());
  for (hsize_t row = 0; row < a.count(); row += step) {
    const hsize_t rows = std::min(step, a.count() - row);
    const std::string first = a.read(row, rows);
    const std::string second = b.read(row, rows);
    if (first == second) continue;
    const std::size_t size = a.element_bytes();
    for (std::size_t at = 0; at < first.size(); at += size) {
      if (auto value = first_value_difference(a.type(), first.data() + at, second.data() + at)) {
        const hsize_t element = at / size;
        const std::string column = a.per_row() == 1 ? "" : fmt::format(" element {}", element % a.per_row());
        const std::string member = value->member.empty() ? "" : ", " + value->member;
        return Difference{fmt::format("{} row {}{}{}", path, row + element / a.per_row(), column, member), "value",
                          value->first, value->second};
      }
    }
  }
  return std::nullopt;
}

bool is_stored_inside(hid_t dataset) {
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose, "reading a layout");
  const H5D_layout_t layout = require(H5Pget_layout(properties), "reading a layout");
  return layout != H5D_VIRTUAL && (layout != H5D_CONTIGUOUS || H5Pget_external_count(properties) == 0);
}

}  // namespace

Found missing(const std::set<std::string>& first, const std::set<std::string>& second, const std::string& prefix) {
  std::vector<std::string> lone;
  std::set_symmetric_difference(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(lone));
  if (lone.empty()) return std::nullopt;
  const bool in_first = first.contains(lone.front());
  return Difference{prefix + lone.front(), "existence", in_first ? "present" : "absent",
                    in_first ? "absent" : "present"};
}

Found text_difference(const std::string& path, const std::string& what, const std::string& a, const std::string& b) {
  return a == b ? std::nullopt : Found(Difference{path, what, a, b});
}

Found incomparable(const std::string& path, const std::string& description) {
  return Difference{path, "what cannot be compared bit by bit:", description, description};
}

Found compare_attributes(const std::string& path, hid_t a, hid_t b) {
  H5O_info_t info[2];
  require(H5Oget_info2(a, &info[0], H5O_INFO_NUM_ATTRS), "reading an object");
  require(H5Oget_info2(b, &info[1], H5O_INFO_NUM_ATTRS), "reading an object");
  const auto first = names(a, info[0].num_attrs, attribute_name);
  const auto second = names(b, info[1].num_attrs, attribute_name);
  const std::string prefix = path + " attribute ";
  if (Found found = missing(first, second, prefix)) return found;
  for (const std::string& name : first) {
    const Handle one(H5Aopen(a, name.c_str(), H5P_DEFAULT), H5Aclose, prefix + name);
    const Handle two(H5Aopen(b, name.c_str(), H5P_DEFAULT), H5Aclose, prefix + name);
    if (Found found = compare_attribute(prefix + name, one, two)) return found;
  }
  return std::nullopt;
}

Found compare_datasets(const std::string& path, hid_t a, hid_t b) {
  const Handle types[2] = {{H5Dget_type(a), H5Tclose, path}, {H5Dget_type(b), H5Tclose, path}};
  const Handle spaces[2] = {{H5Dget_space(a), H5Sclose, path}, {H5Dget_space(b), H5Sclose, path}};
  if (Found found = text_difference(path, "type", describe_type(types[0]), describe_type(types[1]))) return found;
  if (Found found = text_difference(path, "shape", describe_space(spaces[0]), describe_space(spaces[1]))) return found;
  if (Found found = compare_attributes(path, a, b)) return found;
  if (!is_stored_inside(a) || !is_stored_inside(b)) return incomparable(path, "stored outside the file");
  if (!is_plain_type(types[0])) {
    return incomparable(path, describe_type(types[0]));
  }
  return compare_values(path, Rows(a, path), Rows(b, path));
}

}  // namespace precsim::record
