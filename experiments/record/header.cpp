// Lists of attributes.
#include "experiments/record/header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace precsim::record {

const AttributeValue* find_value(const AttributeList& attributes, std::string_view name) {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const Attribute& attribute) { return attribute.name == name; });
  return found == attributes.end() ? nullptr : &found->value;
}

void set_value(AttributeList& attributes, std::string_view name, AttributeValue value) {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const Attribute& attribute) { return attribute.name == name; });
  if (found == attributes.end()) {
    attributes.push_back({std::string(name), std::move(value)});
  } else {
    found->value = std::move(value);
  }
}

std::string attribute_flaw(const AttributeList& attributes) {
  std::set<std::string_view> names;
  for (const Attribute& attribute : attributes) {
    if (attribute.name.empty() || attribute.name.size() > 255 || attribute.name.find('\0') != std::string::npos ||
        !names.insert(attribute.name).second) {
      return fmt::format("bad or repeated attribute name \"{}\"", attribute.name);
    }
    if (attribute.name == "record_id" || attribute.name == "record_generation") {
      return fmt::format("the attribute {}, which is the record's own", attribute.name);
    }
    const auto* text = std::get_if<std::string>(&attribute.value);
    if (text != nullptr && text->find('\0') != std::string::npos) {
      return fmt::format("NUL in the attribute {}", attribute.name);
    }
  }
  return {};
}

}  // namespace precsim::record
