// Finding the runs of studies.
#include "experiments/commands/compare_sources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <system_error>

#include "experiments/study/folder.hpp"
#include "experiments/study/manifest.hpp"
#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

namespace fs = std::filesystem;

/// The folder of the study that an argument names.
std::optional<fs::path> study_folder(const std::string& argument) {
  const fs::path path = fs::path(argument).lexically_normal();
  std::error_code error;
  if (fs::is_directory(path, error)) {
    return path;
  }
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const bool gathered = path == study::gathered_file(folder).lexically_normal();
  return gathered && fs::exists(folder / "study.json", error) ? std::optional(folder) : std::nullopt;
}

std::string title(const fs::path& folder) {
  return (folder.has_filename() ? folder : folder.parent_path()).filename().string();
}

/// `known`: hashes of runs that are there already.
void add_study(const fs::path& folder, const std::string& prefix, std::set<std::string>& known,
               CompareSources& sources) {
  const study::Outline outline = study::read_outline(folder);
  bool begun = false;
  for (const study::PlannedRun& run : outline.runs) {
    const fs::path record = study::run_folder(folder, run.hash).record();
    std::error_code error;
    if (!fs::exists(record, error)) {
      continue;
    }
    begun = true;
    if (known.insert(run.hash).second) {
      sources.files.push_back(record);
      sources.names[record] = prefix + run.point;
    }
    if (sources.reference.empty() && run.point == outline.reference) {
      sources.reference = prefix + run.point;
    }
  }
  if (!begun) {
    throw UserError(fmt::format("no run of the study {} has a record yet; precsim study runs it", folder.string()));
  }
}

}  // namespace

CompareSources compare_sources(std::span<const std::string> arguments) {
  const auto studies =
      std::ranges::count_if(arguments, [](const std::string& argument) { return study_folder(argument).has_value(); });
  CompareSources sources;
  std::set<std::string> known;
  for (const std::string& argument : arguments) {
    if (const auto folder = study_folder(argument)) {
      add_study(*folder, studies == 1 ? "" : title(*folder) + "/", known, sources);
    } else {
      sources.files.emplace_back(argument);
    }
  }
  return sources;
}

fs::path exact_file(const std::string& argument) {
  std::error_code error;
  if (!fs::is_directory(argument, error)) {
    return argument;
  }
  study::read_outline(argument);
  return study::gathered_file(argument);
}

}  // namespace precsim::experiments
