// One file of all runs of a study: DIR/study.h5.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "experiments/study/aggregate.hpp"
#include "experiments/study/folder.hpp"
#include "experiments/study/grid.hpp"

namespace precsim::study {

/// Gathers the runs of an outline; what it has read of a run it keeps.
class Gatherer {
 public:
  /// UserError for axes that cannot be columns of /runs.
  Gatherer(std::filesystem::path study, const Outline& outline);

  /// Replaces DIR/study.h5 whole, by what these states say and the records of the runs that have ended. In the order
  /// of the outline, whoever ended first: studies of the same runs are equal outside /provenance. UserError for a
  /// record that cannot be read, and where the file cannot be written.
  void write(std::span<const Status> states);

  /// What was read of a run at the last write(); nullptr if it had not ended.
  const RunContent* content(std::size_t run) const;

  /// test_accuracy minus that of the reference with the same seed; NaN if one of the two is unknown.
  double accuracy_gap(std::size_t run) const;

 private:
  std::string image(std::span<const Status> states) const;

  std::filesystem::path study_;
  const Outline& outline_;
  record::TableSchema runs_;
  std::map<std::size_t, RunContent> contents_;
};

/// Gathers in `out` what the folders of one study have: the outline of the first, and of every run that has ended a
/// copy of its folder (two copies of a run must agree in their weights). `out` may be one of them. UserError if they
/// are not of the same study. Returns the outline.
Outline merge(const std::filesystem::path& out, std::span<const std::filesystem::path> studies);

}  // namespace precsim::study
