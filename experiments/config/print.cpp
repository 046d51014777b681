// The configuration as INI text: canonical, and explained.
#include <fmt/format.h>

#include <iterator>

#include "experiments/config/config.hpp"
#include "experiments/config/plan_keys.hpp"
#include "formats/words.hpp"

namespace precsim::config {
using formats::join;
using formats::wrap;
namespace {

std::string line(std::string_view name, std::string_view value) {
  return value.empty() ? fmt::format("{} =", name) : fmt::format("{} = {}", name, value);
}

/// Every section with the lines `write_key` gives for its keys, and the plan.* keys at the end of the last one, [plan].
template <typename WriteKey>
std::string write_sections(const Config& config, WriteKey write_key) {
  std::string text;
  for (const std::string_view section : sections()) {
    std::string body;
    for (const Key& key : keys()) {
      if (section_of(key.name) == section) body += write_key(key, key.name.substr(section.size() + 1));
    }
    if (!body.empty()) text += fmt::format("{}[{}]\n{}", text.empty() ? "" : "\n", section, body);
  }
  for (const Assignment& entry : config.plan()) {
    text += line(std::string_view(entry.key).substr(std::string_view("plan.").size()), entry.value) + '\n';
  }
  return text;
}

std::string explanation(const Key& key, std::size_t width) {
  std::string facts =
      fmt::format("Default: {}. Valid: {}.", key.default_text.empty() ? "empty" : key.default_text, valid_values(key));
  if (!key.unit.empty()) facts = fmt::format("Unit: {}. {}", key.unit, facts);
  if (key.provenance) facts += " Cannot change a bit of the result.";
  return wrap(key.meaning, width, "# ") + wrap(facts, width, "#   ");
}

}  // namespace

std::string Config::to_ini(ProvenanceKeys provenance) const {
  return write_sections(*this, [&](const Key& key, std::string_view name) -> std::string {
    if (key.provenance && provenance == ProvenanceKeys::left_out) return {};
    return line(name, value(key.name)) + (key.provenance ? "  # provenance\n" : "\n");
  });
}

std::string print_config(const Config& config) {
  constexpr std::size_t width = 100;
  std::string text = write_sections(config, [&](const Key& key, std::string_view name) {
    return explanation(key, width) + line(name, config.value(key.name)) + '\n';
  });
  const std::string family = fmt::format(
      "Further keys of this section change the plan. ROLE = FORMAT and ROLE.PASS = FORMAT, ROLE being {}, PASS {}; "
      "rounding = ROUNDING; accumulator = ACCUMULATOR and float_accumulator = ACCUMULATOR, also with .PASS. The same "
      "for "
      "one layer in a section [plan.LAYER].",
      join(plan_roles()), join(plan_passes()));
  return text + wrap(family, width, "# ");
}

}  // namespace precsim::config
