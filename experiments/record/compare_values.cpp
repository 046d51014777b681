// Types in words; differing members of raw values.
#include "experiments/record/compare_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "experiments/record/hdf5.hpp"

namespace precsim::record {
namespace {

using hdf5::Handle;
using hdf5::require;

struct Member {
  std::string name;
  std::size_t offset;
  Handle type;
};

std::vector<Member> members_of(hid_t compound) {
  std::vector<Member> members;
  const int count = require(H5Tget_nmembers(compound), "counting members");
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
    char* name = H5Tget_member_name(compound, i);
    if (name == nullptr) hdf5::fail("reading a member's name");
    const std::string text = name;
    H5free_memory(name);
    members.push_back({text, H5Tget_member_offset(compound, i),
                       Handle(H5Tget_member_type(compound, i), H5Tclose, "a member's type")});
  }
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.offset < b.offset; });
  return members;
}

Handle element_of(hid_t array_or_enum) {
  return {H5Tget_super(array_or_enum), H5Tclose, "opening an element type"};
}

std::string describe_enum(hid_t type) {
  std::string text = fmt::format("enum of {}", describe_type(element_of(type)));
  const int count = require(H5Tget_nmembers(type), "counting members");
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
    char* name = H5Tget_member_name(type, i);
    if (name == nullptr) hdf5::fail("reading a member's name");
    std::string value(H5Tget_size(type), '\0');
    text += fmt::format(" {}", name);
    H5free_memory(name);
    require(H5Tget_member_value(type, i, value.data()), "reading a member's value");
    for (const char byte : value) text += fmt::format(":{:02x}", static_cast<unsigned char>(byte));
  }
  return text;
}

std::string describe_array(hid_t type) {
  std::vector<hsize_t> extents(static_cast<std::size_t>(require(H5Tget_array_ndims(type), "reading an array type")));
  require(H5Tget_array_dims2(type, extents.data()), "reading an array type");
  return fmt::format("{}[{}]", describe_type(element_of(type)), fmt::join(extents, ","));
}

std::string describe_atom(hid_t type, std::string_view name) {
  return fmt::format("{} of {} bits, order {}, offset {}, pads {}", name, H5Tget_precision(type),
                     static_cast<int>(H5Tget_order(type)), H5Tget_offset(type), [&] {
                       H5T_pad_t low = H5T_PAD_ZERO;
                       H5T_pad_t high = H5T_PAD_ZERO;
                       H5Tget_pad(type, &low, &high);
                       return fmt::format("{}/{}", static_cast<int>(low), static_cast<int>(high));
                     }());
}

std::string describe_float(hid_t type) {
  std::size_t fields[5] = {};
  require(H5Tget_fields(type, &fields[0], &fields[1], &fields[2], &fields[3], &fields[4]), "reading a float type");
  return fmt::format("{}, fields {}, bias {}, norm {}", describe_atom(type, "float"), fmt::join(fields, "/"),
                     H5Tget_ebias(type), static_cast<int>(H5Tget_norm(type)));
}

/// The value as a reader would want it; the exact bits of a float are added, as equal decimals may hide them.
std::string render(hid_t type, std::string_view bytes) {
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_STRING) return fmt::format("\"{}\"", bytes.substr(0, bytes.find('\0')));
  std::string bits;
  for (const char byte : bytes) {
    const std::string digits = fmt::format("{:02x}", static_cast<unsigned char>(byte));
    bits = H5Tget_order(type) == H5T_ORDER_LE ? digits + bits : bits + digits;
  }
  std::string buffer(std::max<std::size_t>(bytes.size(), 8), '\0');
  std::copy(bytes.begin(), bytes.end(), buffer.begin());
  const auto convert = [&](hid_t native, auto value) {
    require(H5Tconvert(type, native, 1, buffer.data(), nullptr, H5P_DEFAULT), "rendering a value");
    std::memcpy(&value, buffer.data(), sizeof value);
    return value;
  };
  if (kind == H5T_FLOAT) return fmt::format("{} (0x{})", convert(H5T_NATIVE_DOUBLE, 0.0), bits);
  if (kind == H5T_INTEGER && bytes.size() <= 8) {
    return H5Tget_sign(type) == H5T_SGN_NONE ? fmt::to_string(convert(H5T_NATIVE_UINT64, std::uint64_t{0}))
                                             : fmt::to_string(convert(H5T_NATIVE_INT64, std::int64_t{0}));
  }
  return "0x" + bits;
}

}  // namespace

std::string describe_type(hid_t type) {
  const std::size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return describe_atom(type, H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int");
    case H5T_FLOAT:
      return describe_float(type);
    case H5T_BITFIELD:
      return describe_atom(type, "bit field");
    case H5T_TIME:
      return describe_atom(type, "time");
    case H5T_ENUM:
      return describe_enum(type);
    case H5T_ARRAY:
      return describe_array(type);
    case H5T_VLEN:
      return fmt::format("sequence of {}", describe_type(element_of(type)));
    case H5T_REFERENCE:
      return fmt::format("reference of {} bytes", size);
    case H5T_OPAQUE:
      return fmt::format("opaque of {} bytes", size);
    case H5T_STRING:
      return fmt::format("text of {}, padding {}, character set {}",
                         H5Tis_variable_str(type) > 0 ? "any length" : fmt::format("{} bytes", size),
                         static_cast<int>(H5Tget_strpad(type)), static_cast<int>(H5Tget_cset(type)));
    case H5T_COMPOUND: {
      std::string text = fmt::format("row of {} bytes {{", size);
      for (const Member& member : members_of(type)) {
        text += fmt::format(" {}@{}: {};", member.name, member.offset, describe_type(member.type));
      }
      return text + " }";
    }
    default:
      throw hdf5::Failure("reading a type of an unknown class failed");
  }
}

bool is_plain_type(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_VLEN:
    case H5T_REFERENCE:
      return false;
    case H5T_STRING:
      return H5Tis_variable_str(type) == 0;
    case H5T_ARRAY:
      return is_plain_type(element_of(type));
    case H5T_COMPOUND: {
      const std::vector<Member> members = members_of(type);
      return std::all_of(members.begin(), members.end(), [](const Member& m) { return is_plain_type(m.type); });
    }
    default:
      return true;
  }
}

std::optional<ValueDifference> first_value_difference(hid_t type, const char* first, const char* second) {
  const std::size_t size = H5Tget_size(type);
  if (std::memcmp(first, second, size) == 0) return std::nullopt;
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_COMPOUND) {
    for (const Member& member : members_of(type)) {
      if (auto found = first_value_difference(member.type, first + member.offset, second + member.offset)) {
        const bool nested = !found->member.empty() && found->member.front() != '[';
        found->member = member.name + (nested ? "." : "") + found->member;
        return found;
      }
    }
    return ValueDifference{"bytes between the members", "", ""};
  }
  if (kind == H5T_ARRAY) {
    const Handle element = element_of(type);
    const std::size_t stride = H5Tget_size(element);
    for (std::size_t i = 0; (i + 1) * stride <= size; ++i) {
      if (auto found = first_value_difference(element, first + i * stride, second + i * stride)) {
        found->member = fmt::format("[{}]{}", i, found->member);
        return found;
      }
    }
  }
  return ValueDifference{"", render(type, {first, size}), render(type, {second, size})};
}

}  // namespace precsim::record
