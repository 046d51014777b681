// Manifests and outlines as JSON.
#include "experiments/study/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "experiments/record/file_io.hpp"
#include "experiments/record/run_schema.hpp"
#include "experiments/study/folder.hpp"
#include "formats/error.hpp"
#include "formats/version.hpp"
#include "precsim_version.hpp"

namespace precsim::study {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t largest_outline = std::size_t{64} << 20;
constexpr std::size_t largest_manifest = std::size_t{4} << 20;
constexpr std::int64_t outline_version = 1;

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

/// Throws Json::exception for any number that is no integer; Json itself would cast it.
std::int64_t whole(const Json& json) {
  return json.get_ref<const Json::number_integer_t&>();
}

/// Whether there was another text before.
bool replace_if_other(const fs::path& file, const std::string& text) {
  std::string old;
  try {
    old = read_text(file, largest_outline);
  } catch (const UserError&) {
    old.clear();
  }
  if (old == text) return false;
  record::replace_file(file, text);
  return !old.empty();
}

bool is_plain(const std::string& text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

bool is_possible(const PlannedRun& run, std::size_t axes) {
  return run.values.size() == axes && std::ranges::all_of(run.values, is_plain) && is_plain(run.point) &&
         is_plain(run.engine) && is_hash(run.hash);
}

}  // namespace

std::string manifest_text(const Outline& outline, const PlannedRun& run, const config::Config& config) {
  Json axes = Json::object();
  for (std::size_t i = 0; i < outline.axes.size(); ++i) axes[outline.axes[i]] = run.values[i];
  return dump({{"program", "precsim"},
               {"version", version},
               {"compiler", compiler},
               {"numerics_version", formats::numerics_version},
               {"schema_version", record::schema_version},
               {"point", run.point},
               {"axes", axes},
               {"seed", run.seed},
               {"engine", run.engine},
               {"configuration_hash", run.hash},
               {"configuration", config.to_ini()}});
}

std::string name_in_manifest(const fs::path& file) {
  try {
    const Json json = Json::parse(read_text(file, largest_manifest));
    return fmt::format("{}, seed {}", json.at("point").get<std::string>(), whole(json.at("seed")));
  } catch (const Json::exception&) {
    return file.parent_path().filename().string();
  }
}

std::string outline_text(const Outline& outline) {
  Json runs = Json::array();
  for (const PlannedRun& run : outline.runs) {
    runs.push_back(
        {{"point", run.point}, {"values", run.values}, {"seed", run.seed}, {"hash", run.hash}, {"engine", run.engine}});
  }
  return dump({{"program", "precsim"},
               {"outline_version", outline_version},
               {"question", outline.question},
               {"reference", outline.reference},
               {"axes", outline.axes},
               {"runs", runs},
               {"text", outline.text}});
}

Outline parse_outline(const std::string& text, const fs::path& study) {
  const auto refuse = [&](const std::string& why) {
    throw UserError(
        fmt::format("{} is no folder of a study: {} {}", study.string(), (study / "study.json").string(), why));
  };
  if (text.empty()) refuse("is missing or empty");
  Outline outline;
  try {
    const Json json = Json::parse(text);
    if (json.at("outline_version") != outline_version) refuse("is of another version of this program");
    outline = {json.at("text"), json.at("question"), json.at("reference"), json.at("axes"), {}};
    for (const Json& run : json.at("runs")) {
      outline.runs.push_back({run.at("point"), run.at("values"), whole(run.at("seed")), run.at("hash"), run.at("engine")});
      if (!is_possible(outline.runs.back(), outline.axes.size())) refuse("holds a run that cannot be");
    }
  } catch (const Json::parse_error& error) {
    refuse(fmt::format("is no JSON from byte {} on", error.byte));
  } catch (const Json::exception&) {
    refuse("lacks something that this program writes there");
  }
  if (outline.runs.size() > most_runs) refuse("has too many runs");
  return outline;
}

Outline read_outline(const fs::path& study) {
  return parse_outline(read_text(study / "study.json", largest_outline), study);
}

bool write_outline(const fs::path& study, const Outline& outline) {
  make_folder(study / "runs");
  const bool changed = replace_if_other(study / "study.ini", outline.text);
  replace_if_other(study / "study.json", outline_text(outline));
  return changed;
}

}  // namespace precsim::study
