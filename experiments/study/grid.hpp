// The runs of a study: the product of its axes without what it excludes, and its points, each with every seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/config/config.hpp"
#include "experiments/study/study_file.hpp"

namespace precsim::study {

/// One run, as its study knows it.
struct PlannedRun {
  std::string point;
  std::vector<std::string> values;  ///< on each axis; of a point beside the grid empty on axes over several keys
  std::int64_t seed = 0;
  std::string hash;    ///< of the configuration; names the run's folder
  std::string engine;  ///< which changes what is recorded, but not the hash

  friend bool operator==(const PlannedRun&, const PlannedRun&) = default;
};

/// What a study is once it is resolved: enough to gather its runs without its file.
struct Outline {
  std::string text;  ///< of the study's file
  std::string question;
  std::string reference;  ///< a point's name; empty: none
  std::vector<std::string> axes;
  std::vector<PlannedRun> runs;  ///< points beside the grid first, then the grid, its last axis the fastest; by seed
};

/// An outline with the configuration of every run.
struct Plan {
  Outline outline;
  std::vector<config::Config> configs;  ///< canonical, with record and checkpoint beside each other in "run.h5"
};

/// What a command line says about a study.
struct Request {
  std::vector<std::string> sets = {};    ///< KEY=VALUE for every run, over [base]
  std::vector<std::int64_t> seeds = {};  ///< in place of the study's; empty: those
  std::int64_t threads = 1;              ///< of each run
};

/// Resolves a study. The point of a grid is named by its labels with '/' between. Throws UserError: a configuration
/// that cannot be run whatever the data (the sentence names its point), two points with one configuration, an exclusion
/// that matches nothing or everything, a reference that is no point, a --set of what an axis or a point sets, more than
/// most_runs runs.
Plan resolve(const Study& study, const Request& request);

inline constexpr std::size_t most_runs = 10000;

/// The names of the points in order, each once.
std::vector<std::string> points_of(const Outline& outline);

}  // namespace precsim::study
