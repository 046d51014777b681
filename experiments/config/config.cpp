// The configuration of a run: sources, lookup, identity.
#include "experiments/config/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "experiments/config/plan_keys.hpp"
#include "formats/error.hpp"
#include "formats/version.hpp"
#include "formats/words.hpp"

namespace precsim::config {
using formats::hint;
using formats::join;
using formats::quote;
namespace {

bool in_plan_family(std::string_view key) {
  return section_of(key) == "plan" && key != "plan.name";
}

std::vector<std::string_view> names_in(std::string_view section) {
  std::vector<std::string_view> names;
  for (const Key& key : keys()) {
    if (section_of(key.name) == section) names.push_back(key.name.substr(section.size() + 1));
  }
  return names;
}

[[noreturn]] void refuse_key(std::string_view name) {
  std::vector<std::string> plan_names;
  for (const std::string_view role : plan_roles()) plan_names.push_back(fmt::format("plan.{}", role));
  std::vector<std::string_view> all;
  for (const Key& key : keys()) all.push_back(key.name);
  all.insert(all.end(), plan_names.begin(), plan_names.end());
  const std::string_view section = section_of(name);
  const auto siblings = names_in(section);
  const std::string valid = siblings.empty() ? fmt::format("the sections are {}", join(sections()))
                                             : fmt::format("the keys of [{}] are {}", section, join(siblings));
  throw UserError(fmt::format("unknown key {}{}; {}.", quote(name), hint(name, all), valid));
}

void check_section(const Section& section) {
  const auto known = sections();
  try {
    if (section.name.starts_with("plan.")) {
      check_plan_section(section.name);
    } else if (std::ranges::count(known, section.name) == 0) {
      throw UserError(fmt::format("unknown section [{}]{}; the sections are {}, and [plan.LAYER].", section.name,
                                  hint(section.name, known), join(known)));
    }
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}: {}", section.place, error.what()));
  }
}

void refuse_repeated(const std::vector<Assignment>& assignments) {
  std::map<std::string_view, std::string_view> place_of;
  for (const Assignment& assignment : assignments) {
    const auto [first, is_new] = place_of.emplace(assignment.key, assignment.place);
    if (!is_new) {
      throw UserError(fmt::format("{}: {} already has a value from {}; a key may come once.", assignment.place,
                                  quote(assignment.key), first->second));
    }
  }
}

std::size_t index_of(std::string_view name) {
  const Key* key = find_key(name);
  PRECSIM_CHECK(key != nullptr, std::string(name));
  return static_cast<std::size_t>(key - keys().data());
}

}  // namespace

Config::Config(ValueCheck check) : check_(std::move(check)) {
  for (const Key& key : keys()) values_.push_back(canonical_value(key, key.default_text));
  places_.assign(values_.size(), "default");
}

void Config::set(const Assignment& assignment) {
  try {
    assign(assignment);
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}: {}", assignment.place, error.what()));
  }
}

void Config::assign(const Assignment& assignment) {
  if (in_plan_family(assignment.key)) return assign_plan_key(assignment);
  const Key* key = find_key(assignment.key);
  if (key == nullptr) refuse_key(assignment.key);
  std::string value = canonical_value(*key, assignment.value);
  if (key->checked_by_caller && check_) check_(key->name, value);
  values_[index_of(key->name)] = std::move(value);
  places_[index_of(key->name)] = assignment.place;
}

void Config::assign_plan_key(const Assignment& assignment) {
  check_plan_key(assignment.key);
  check_text(assignment.key, assignment.value);
  if (assignment.value.empty()) {
    throw UserError(
        fmt::format("{} = '' is not valid, it must name a format, a rounding or an accumulator.", assignment.key));
  }
  if (check_) check_(assignment.key, assignment.value);
  std::erase_if(plan_, [&](const Assignment& entry) { return entry.key == assignment.key; });
  plan_.push_back(assignment);
}

void Config::set_all(const std::vector<Assignment>& assignments) {
  refuse_repeated(assignments);
  for (const Assignment& assignment : assignments) set(assignment);
}

void Config::read_ini(std::string_view text, std::string_view name) {
  const IniText ini = parse_ini(text, name);
  for (const Section& section : ini.sections) check_section(section);
  set_all(ini.assignments);
}

const std::string& Config::value_of(std::string_view key, KeyType type) const {
  const std::size_t index = index_of(key);
  PRECSIM_CHECK(keys()[index].type == type, fmt::format("the type of {}", key));
  return values_[index];
}

const std::string& Config::text(std::string_view key) const {
  return value_of(key, KeyType::text);
}

std::int64_t Config::integer(std::string_view key) const {
  return to_integer(value_of(key, KeyType::integer));
}

double Config::real(std::string_view key) const {
  return to_real(value_of(key, KeyType::real));
}

bool Config::boolean(std::string_view key) const {
  return value_of(key, KeyType::boolean) == "true";
}

std::vector<std::int64_t> Config::integers(std::string_view key) const {
  return to_integers(value_of(key, KeyType::integers));
}

const std::string& Config::place(std::string_view key) const {
  return places_[index_of(key)];
}

const std::string& Config::value(std::string_view key) const {
  return values_[index_of(key)];
}

formats::Hash64 Config::hash() const {
  formats::Hash64 hash;
  hash.integer(formats::numerics_version);
  hash.text(to_ini(ProvenanceKeys::left_out));
  return hash;
}

bool operator==(const Config& a, const Config& b) {
  const auto same = [](const Assignment& x, const Assignment& y) { return x.key == y.key && x.value == y.value; };
  return a.values_ == b.values_ && std::ranges::equal(a.plan_, b.plan_, same);
}

Config resolve(const Sources& sources, ValueCheck check) {
  Config config(std::move(check));
  if (sources.file) config.read_ini(read_config_file(*sources.file), sources.file->string());
  std::vector<Assignment> sets;
  for (const std::string& assignment : sources.sets) {
    sets.push_back(parse_assignment(assignment, "--set"));
  }
  config.set_all(sets);
  config.set_all(sources.options);
  return config;
}

}  // namespace precsim::config
