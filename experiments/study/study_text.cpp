// Taking a study file apart.
#include "experiments/study/study_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "experiments/config/config.hpp"
#include "experiments/run/run_options.hpp"
#include "formats/error.hpp"
#include "formats/word_list.hpp"
#include "formats/words.hpp"

namespace precsim::study {
namespace {

using config::Assignment;
using formats::quote;

constexpr std::array<std::string_view, 3> plain_sections = {"study", "base", "axes"};
constexpr std::array<std::string_view, 3> named_sections = {"axis", "point", "exclude"};

struct Reserved {
  std::string_view prefix;
  std::string_view instead;
};
constexpr Reserved reserved[] = {
    {"run.seed", "the seeds of a study are those of [study] seeds"},
    {"run.threads", "a study takes --threads"},
    {"run.out", "a study keeps each record in a folder of its own"},
    {"run.overwrite", "a study keeps what has ended"},
    {"run.resume", "a study always goes on with what is there"},
    {"output.", "a study has one progress for all its runs"},
};

Part part_of(const config::Section& section) {
  const std::size_t dot = section.name.find('.');
  const std::string kind = section.name.substr(0, dot);
  const std::string name = dot == std::string::npos ? "" : section.name.substr(dot + 1);
  const bool takes_name = std::ranges::find(named_sections, kind) != named_sections.end();
  const bool is_known = takes_name || std::ranges::find(plain_sections, kind) != plain_sections.end();
  if (!is_known || takes_name == name.empty() || name.find('.') != std::string::npos || name.size() > longest_name) {
    refuse(section.place,
           fmt::format("unknown section [{}]; a study has [study], [base], [axes], [axis.NAME], [point.NAME] and "
                       "[exclude.NAME], NAME of at most {} of a-z, 0-9 and '_'",
                       section.name, longest_name));
  }
  return {kind, name, section.place, {}};
}

/// "axes" of "axes.plan.name", "point.a" of "point.a.plan.name".
std::string section_of(std::string_view key) {
  const std::size_t dot = key.find('.');
  const bool has_name = std::ranges::find(named_sections, key.substr(0, dot)) != named_sections.end();
  return std::string(key.substr(0, has_name && dot != std::string_view::npos ? key.find('.', dot + 1) : dot));
}

}  // namespace

void refuse(const std::string& place, const std::string& why) {
  throw UserError(fmt::format("{}: {}", place, why));
}

void Once::add(const std::string& name, const std::string& place) {
  const auto [first, is_new] = places_.emplace(name, place);
  if (!is_new) refuse(place, fmt::format("{} {} is there already, at {}", what_, quote(name), first->second));
}

std::vector<Part> parts_of(const config::IniText& ini) {
  std::vector<Part> parts;
  std::map<std::string, std::size_t> part_named;
  Once once("the section");
  for (const config::Section& section : ini.sections) {
    once.add(section.name, section.place);
    part_named.emplace(section.name, parts.size());
    parts.push_back(part_of(section));
  }
  for (const Assignment& line : ini.assignments) {
    const std::string section = section_of(line.key);
    const auto part = part_named.find(section);
    if (part == part_named.end() || section.size() == line.key.size()) {
      refuse(line.place, fmt::format("{} stands in no section", quote(line.key)));
    }
    parts[part->second].lines.push_back({line.key.substr(section.size() + 1), line.value, line.place});
  }
  return parts;
}

std::vector<std::string> words_of(const Assignment& line) {
  try {
    return formats::words(line.value);
  } catch (const UserError& error) {
    refuse(line.place, error.what());
  }
}

void check_key(const Assignment& assignment) {
  for (const Reserved& key : reserved) {
    if (assignment.key == key.prefix || (key.prefix.ends_with('.') && assignment.key.starts_with(key.prefix))) {
      refuse(assignment.place, fmt::format("{} is not for a study to set: {}", assignment.key, key.instead));
    }
  }
}

Assignment checked(const Assignment& assignment) {
  check_key(assignment);
  config::Config config(experiments::check_value);
  config.set(assignment);
  experiments::canonicalize(config);
  const bool is_fixed = config::find_key(assignment.key) != nullptr;
  return {assignment.key, is_fixed ? config.value(assignment.key) : config.plan().front().value, assignment.place};
}

std::vector<Assignment> checked(const std::vector<Assignment>& assignments) {
  Once once("a value for");
  std::vector<Assignment> result;
  for (const Assignment& assignment : assignments) {
    once.add(assignment.key, assignment.place);
    result.push_back(checked(assignment));
  }
  return result;
}

}  // namespace precsim::study
