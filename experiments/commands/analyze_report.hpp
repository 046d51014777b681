// The results of `precsim analyze` for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "experiments/analysis/analysis.hpp"
#include "experiments/cli/table.hpp"

namespace precsim::experiments {

/// What was asked: conversions before `ranked` are reported one by one, those from there on are ranked.
struct AnalyzeReport {
  analysis::AnalysisOptions options;
  std::size_t ranked = 0;
  double best_bits = 0;                 ///< of --best; 0 without
  std::vector<std::string> unreadable;  ///< tensors of other element types, as "name (type)"
  std::vector<analysis::TensorResult> results;
};

/// A few lines per tensor, at most about 120 columns where names are not longer.
std::string analyze_text(const AnalyzeReport& report);

/// Every figure of every table but /blocks.
cli::Json analyze_json(const AnalyzeReport& report, std::string_view outcome);

}  // namespace precsim::experiments
