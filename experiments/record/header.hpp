// The attributes of a record: those that identify the run, and those of its provenance.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

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

/// What is wrong with the list (empty or repeated name, NUL in a text), in words; empty if nothing is.
std::string attribute_flaw(const AttributeList& attributes);

}  // namespace precsim::record
