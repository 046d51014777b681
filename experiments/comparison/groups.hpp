// Runs that differ in nothing but the seed, and their figures with spread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/comparison/compared_run.hpp"

namespace precsim::comparison {

/// Runs of one configuration, by seed.
struct Group {
  std::string label;  ///< unique
  std::map<std::string, std::string> settings;
  std::vector<ComparedRun> runs;
};

/// In the order in which the configurations occur. Labels: what the names of a group's files begin with, where that
/// tells the groups apart; else A, B, ... `names` gives a label for the group of a file in their place. Raises
/// UserError where a configuration has two runs of one seed.
std::vector<Group> group_runs(std::vector<ComparedRun> runs,
                              const std::map<std::filesystem::path, std::string>& names = {});

/// The keys whose values differ between groups, sorted; a key that one group lacks differs.
std::vector<std::string> differing_settings(const std::vector<Group>& groups);

/// Mean and sample standard deviation (NaN of fewer than two) over the runs that have finished and know the figure.
struct Spread {
  std::size_t count = 0;
  double mean = 0;
  double deviation = 0;
};
Spread spread(const std::vector<double>& values);
Spread spread(const Group& group, std::string_view figure);
/// Of the confidence interval of 95 % of the mean (Student's t); NaN of fewer than two values.
double half_width(const Spread& spread);

/// The accuracy on the test set in the last evaluation of the runs that have not ended, and the range of the steps
/// after which that was.
struct SoFar {
  Spread accuracy;
  std::int64_t first_step = 0, last_step = 0;
};
SoFar so_far(const Group& group);

/// The mean of figure(group) - figure(reference) over the seeds that both finished, and the half width of its
/// confidence interval of 95 % (Student's t of the paired differences; NaN of fewer than two).
struct PairedDifference {
  std::size_t pairs = 0;
  double mean = 0;
  double half_width = 0;
};
PairedDifference paired_difference(const Group& group, const Group& reference, std::string_view figure);

/// Over the group's runs.
Sqnr sqnr(const Group& group, std::string_view role);
Sqnr sqnr(const Group& group, const LayerRole& layer_role);
Overflow overflow(const Group& group, const LayerRole& layer_pass);

}  // namespace precsim::comparison
