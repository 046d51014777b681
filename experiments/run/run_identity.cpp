// The identity of runs.
#include "experiments/run/run_identity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "experiments/config/ini.hpp"
#include "experiments/record/run_schema.hpp"
#include "formats/version.hpp"

namespace precsim::experiments {
namespace {

using record::AttributeList;

std::string value_in(const std::vector<config::Assignment>& assignments, std::string_view key) {
  const auto found = std::ranges::find(assignments, key, &config::Assignment::key);
  return found == assignments.end() ? "not set" : found->value;
}

/// "train.batch is 32 there and 64 here", of the first key that differs.
std::string first_difference(const std::string& there, const std::string& here) {
  const std::vector<config::Assignment> theirs = config::parse_ini(there, "its configuration").assignments;
  const std::vector<config::Assignment> ours = config::parse_ini(here, "this configuration").assignments;
  for (const auto* list : {&ours, &theirs}) {
    for (const config::Assignment& assignment : *list) {
      const std::string old_value = value_in(theirs, assignment.key);
      const std::string new_value = value_in(ours, assignment.key);
      if (old_value != new_value) {
        return fmt::format("{} is {} there and {} here", assignment.key, old_value, new_value);
      }
    }
  }
  return "the same keys have another order";
}

}  // namespace

AttributeList run_identity(const config::Config& config, const data::Splits& splits) {
  return {{"program", std::string("precsim")},
          {"schema_version", record::schema_version},
          {"numerics_version", std::int64_t{formats::numerics_version}},
          {"configuration", config.to_ini()},
          {"configuration_hash", config.hash().hex()},
          {"data_checksum_train", splits.train->checksum()},
          {"data_checksum_test", splits.test->checksum()},
          {"model", config.text("model.name")},
          {"seed", config.integer("run.seed")}};
}

std::string version_difference(const AttributeList& found, std::string_view source) {
  struct Version {
    std::string_view name;
    std::int64_t ours;
  };
  for (const Version& version :
       {Version{"numerics_version", formats::numerics_version}, Version{"schema_version", record::schema_version}}) {
    const auto theirs = record::value_of<std::int64_t>(found, version.name, source);
    if (theirs != version.ours) {
      return fmt::format("its {} is {}, but that of this program is {}", version.name, theirs, version.ours);
    }
  }
  return {};
}

std::string identity_difference(const AttributeList& found, const AttributeList& ours, std::string_view source) {
  if (std::string versions = version_difference(found, source); !versions.empty()) {
    return versions;
  }
  const auto text = [&](const AttributeList& list, std::string_view name) {
    return record::value_of<std::string>(list, name, source);
  };
  if (text(found, "configuration") != text(ours, "configuration")) {
    return fmt::format("it is of another configuration, {}",
                       first_difference(text(found, "configuration"), text(ours, "configuration")));
  }
  for (const std::string_view set : {"train", "test"}) {
    const std::string name = fmt::format("data_checksum_{}", set);
    if (text(found, name) != text(ours, name)) {
      return fmt::format("it is of other data, whose {} set has the checksum {} and not {}", set, text(found, name),
                         text(ours, name));
    }
  }
  for (const record::Attribute& attribute : ours) {
    const record::AttributeValue* value = record::find_value(found, attribute.name);
    if (value == nullptr || *value != attribute.value) {
      return fmt::format("its {} is another", attribute.name);
    }
  }
  return {};
}

}  // namespace precsim::experiments
