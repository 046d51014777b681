// The texts that lie beside the runs of a study: a manifest for each, and the outline of all.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/study/grid.hpp"

namespace precsim::study {

/// The manifest of a run, as JSON: its point, axes, seed, configuration with hash, versions.
std::string manifest_text(const Outline& outline, const PlannedRun& run, const config::Config& config);

/// "POINT, seed N" of a manifest; the name of its folder where it does not say.
std::string name_in_manifest(const std::filesystem::path& file);

/// DIR/study.json: the outline as JSON, and back. UserError for a file that is missing or no outline.
std::string outline_text(const Outline& outline);
Outline parse_outline(const std::string& text, const std::filesystem::path& study);
Outline read_outline(const std::filesystem::path& study);

/// Writes DIR/study.ini, the file's text, and DIR/study.json; what is there already is left alone. Whether DIR had
/// another study.ini before.
bool write_outline(const std::filesystem::path& study, const Outline& outline);

}  // namespace precsim::study
