// The results of `precsim analyze` for people and for programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/analysis/analysis.hpp"
#include "experiments/analysis/candidates.hpp"
#include "experiments/cli/table.hpp"

namespace precsim::experiments {

/// What was asked: the conversions of every tensor are reported one by one, candidates are ranked.
struct AnalyzeReport {
  analysis::AnalysisOptions options;
  std::optional<analysis::Candidates> candidates = {};  ///< of --best
  std::vector<std::string> unreadable;                  ///< tensors of other element types, as "name (type)"
  std::vector<analysis::TensorResult> results;
};

/// A few lines per tensor, at most about 120 columns where names are not longer.
std::string analyze_text(const AnalyzeReport& report);

/// Every figure of every table but /blocks.
cli::Json analyze_json(const AnalyzeReport& report, std::string_view outcome);

}  // namespace precsim::experiments
