// The attributes of a record: those that identify the run, and those of its provenance.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/error.hpp"

namespace precsim::record {

/// Texts are UTF-8 without NUL.
using AttributeValue = std::variant<std::int64_t, double, std::string>;

struct Attribute {
  std::string name;
  AttributeValue value;

  friend bool operator==(const Attribute&, const Attribute&) = default;
};

/// In order of first mention; names are unique.
using AttributeList = std::vector<Attribute>;

/// `run` goes to "/" and is part of what `compare` compares; `provenance` (versions, host, times, threads, paths)
/// goes to the group "/provenance" and is not.
struct RecordHeader {
  AttributeList run;
  AttributeList provenance;
};

enum class AttributePlace : std::uint8_t { run, provenance };

/// Replaces the value of `name` where it stands, or adds it at the end.
void set_value(AttributeList& attributes, std::string_view name, AttributeValue value);

/// The value of `name`, or nullptr.
const AttributeValue* find_value(const AttributeList& attributes, std::string_view name);

/// The value of `name`; UserError naming `source` if there is none, or one of another type.
template <typename T>
const T& value_of(const AttributeList& attributes, std::string_view name, std::string_view source) {
  const AttributeValue* value = find_value(attributes, name);
  const T* typed = value == nullptr ? nullptr : std::get_if<T>(value);
  if (typed == nullptr) {
    throw UserError(fmt::format("{} has no attribute {} of the right type; it was left as it is", source, name));
  }
  return *typed;
}

/// What is wrong with the list (empty, repeated or too long name, a name that is the record's own, NUL in a text), in
/// words; empty if nothing is.
std::string attribute_flaw(const AttributeList& attributes);

}  // namespace precsim::record
