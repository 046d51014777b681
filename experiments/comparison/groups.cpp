// Grouping and statistics.
#include "experiments/comparison/groups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "formats/error.hpp"

namespace precsim::comparison {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

std::string common_beginning(const Group& group) {
  std::string common = group.runs.front().file.stem().string();
  for (const ComparedRun& run : group.runs) {
    const std::string stem = run.file.stem().string();
    common.erase(std::ranges::mismatch(common, stem).in1, common.end());
  }
  if (group.runs.size() > 1) {
    // Of "dfp16_s1" and "dfp16_s2", "dfp16".
    for (const std::string_view ending : {"_seed", "-seed", "_s", "-s", "_", "-", "."}) {
      if (common.size() > ending.size() && common.ends_with(ending)) {
        common.resize(common.size() - ending.size());
        break;
      }
    }
  }
  return common;
}

std::string letters(std::size_t number) {
  std::string text;
  for (++number; number != 0; number = (number - 1) / 26) {
    text.insert(text.begin(), static_cast<char>('A' + (number - 1) % 26));
  }
  return text;
}

void set_labels(std::vector<Group>& groups, const std::map<std::filesystem::path, std::string>& names) {
  std::set<std::string> distinct;
  for (Group& group : groups) {
    const auto named = std::ranges::find_if(group.runs, [&](const auto& run) { return names.contains(run.file); });
    group.label = named == group.runs.end() ? common_beginning(group) : names.at(named->file);
    distinct.insert(group.label);
  }
  if (distinct.size() != groups.size() || distinct.contains("")) {
    for (std::size_t i = 0; i < groups.size(); ++i) {
      groups[i].label = letters(i);
    }
  }
}

double figure(const ComparedRun& run, std::string_view name) {
  const auto found = run.figures.find(std::string(name));
  return run.outcome == "finished" && found != run.figures.end() ? found->second : nothing;
}

}  // namespace

std::vector<Group> group_runs(std::vector<ComparedRun> runs,
                              const std::map<std::filesystem::path, std::string>& names) {
  std::vector<Group> groups;
  for (ComparedRun& run : runs) {
    auto group = std::ranges::find(groups, run.settings, &Group::settings);
    if (group == groups.end()) {
      group = groups.insert(groups.end(), Group{"", run.settings, {}});
    }
    const auto twin = std::ranges::find(group->runs, run.seed, &ComparedRun::seed);
    if (twin != group->runs.end()) {
      throw UserError(
          fmt::format("{} and {} are runs of one configuration and seed; name one of them, or compare them "
                      "with --exact",
                      twin->file.string(), run.file.string()));
    }
    group->runs.push_back(std::move(run));
  }
  for (Group& group : groups) {
    std::ranges::sort(group.runs, {}, &ComparedRun::seed);
  }
  set_labels(groups, names);
  return groups;
}

std::vector<std::string> differing_settings(const std::vector<Group>& groups) {
  std::set<std::string> keys;
  for (const Group& group : groups) {
    for (const auto& [key, value] : group.settings) {
      keys.insert(key);
    }
  }
  std::vector<std::string> differing;
  for (const std::string& key : keys) {
    std::set<std::string> values;
    for (const Group& group : groups) {
      const auto found = group.settings.find(key);
      values.insert(found == group.settings.end() ? std::string(1, '\0') : found->second);
    }
    if (values.size() > 1) {
      differing.push_back(key);
    }
  }
  return differing;
}

Spread spread(const std::vector<double>& values) {
  if (values.empty()) {
    return {0, nothing, nothing};
  }
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) {
    squares += (value - mean) * (value - mean);
  }
  return {values.size(), mean, values.size() < 2 ? nothing : std::sqrt(squares / (count - 1))};
}

double half_width(const Spread& spread) {
  if (spread.count < 2) return nothing;
  const auto count = static_cast<double>(spread.count);
  const double t = boost::math::quantile(boost::math::students_t(count - 1), 0.975);
  return t * spread.deviation / std::sqrt(count);
}

Spread spread(const Group& group, std::string_view name) {
  std::vector<double> values;
  for (const ComparedRun& run : group.runs) {
    if (!std::isnan(figure(run, name))) {
      values.push_back(figure(run, name));
    }
  }
  return spread(values);
}

SoFar so_far(const Group& group) {
  std::vector<double> accuracies;
  SoFar all;
  for (const ComparedRun& run : group.runs) {
    if (run.has_ended() || !run.latest) {
      continue;
    }
    const std::int64_t step = run.latest->step;
    all.first_step = accuracies.empty() ? step : std::min(all.first_step, step);
    all.last_step = accuracies.empty() ? step : std::max(all.last_step, step);
    accuracies.push_back(run.latest->accuracy);
  }
  all.accuracy = spread(accuracies);
  return all;
}

PairedDifference paired_difference(const Group& group, const Group& reference, std::string_view name) {
  std::vector<double> differences;
  for (const ComparedRun& run : group.runs) {
    const auto twin = std::ranges::find(reference.runs, run.seed, &ComparedRun::seed);
    if (twin != reference.runs.end() && !std::isnan(figure(run, name) - figure(*twin, name))) {
      differences.push_back(figure(run, name) - figure(*twin, name));
    }
  }
  const Spread all = spread(differences);
  return {all.count, all.mean, half_width(all)};
}

Sqnr sqnr(const Group& group, std::string_view role) {
  Sqnr sum;
  for (const ComparedRun& run : group.runs) {
    for (const auto& [key, value] : run.sqnr) {
      if (key.second == role) {
        sum.add(value);
      }
    }
  }
  return sum;
}

Sqnr sqnr(const Group& group, const LayerRole& layer_role) {
  Sqnr sum;
  for (const ComparedRun& run : group.runs) {
    if (const auto found = run.sqnr.find(layer_role); found != run.sqnr.end()) {
      sum.add(found->second);
    }
  }
  return sum;
}

Overflow overflow(const Group& group, const LayerRole& layer_pass) {
  Overflow sum;
  for (const ComparedRun& run : group.runs) {
    if (const auto found = run.overflow.find(layer_pass); found != run.overflow.end()) {
      sum.add(found->second);
    }
  }
  return sum;
}

}  // namespace precsim::comparison
