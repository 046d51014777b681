// Tables of a study.
#include "experiments/commands/study_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "experiments/comparison/groups.hpp"
#include "sim/nn/roles.hpp"

namespace precsim::experiments {
namespace {

using study::State;

constexpr State all_states[] = {State::waiting, State::unfinished, State::finished, State::diverged, State::failed};
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

void add_known(std::vector<double>& values, double value) {
  if (!std::isnan(value)) values.push_back(value);
}

std::vector<const nn::RoleEntry*> operand_roles() {
  std::vector<const nn::RoleEntry*> found;
  for (const nn::RoleEntry& role : nn::roles()) {
    if (role.operand) found.push_back(&role);
  }
  return found;
}

std::string notes_of(std::span<const study::Status> states, std::span<const std::size_t> runs) {
  std::string notes;
  for (const State state : all_states) {
    const auto count = std::ranges::count_if(runs, [&](std::size_t run) { return states[run].state == state; });
    if (state != State::finished && count > 0) {
      notes += fmt::format("{}{} {}", notes.empty() ? "" : ", ", count, study::name(state));
    }
  }
  return notes;
}

std::string half_width_text(const comparison::Spread& spread) {
  return cli::cell(comparison::half_width(spread), 2);
}

std::vector<std::string> row_of(const study::Outline& outline, std::span<const study::Status> states,
                                const study::Gatherer& gatherer, std::span<const std::size_t> runs) {
  const auto finished = [&](std::size_t run) { return states[run].state == State::finished; };
  const auto values_of = [&](const std::string& figure) {
    std::vector<double> values;
    for (const std::size_t run : runs) {
      const study::RunContent* content = gatherer.content(run);
      if (content != nullptr) add_known(values, content->figure(figure));
    }
    return values;
  };
  const auto mean_of = [&](const std::string& figure) { return comparison::spread(values_of(figure)).mean; };
  std::vector<double> accuracies, gaps;  // of runs that diverged, they are those of some step on the way
  for (const std::size_t run : runs) {
    if (finished(run)) {
      add_known(accuracies, 100 * gatherer.content(run)->figure("test_accuracy"));
      add_known(gaps, 100 * gatherer.accuracy_gap(run));
    }
  }
  const comparison::Spread accuracy = comparison::spread(accuracies);
  const std::string& point = outline.runs[runs.front()].point;
  std::vector<std::string> cells{point, fmt::format("{}/{}", std::ranges::count_if(runs, finished), runs.size()),
                                 cli::cell(accuracy.mean, 2), cli::cell(accuracy.deviation, 2)};
  if (outline.reference.empty()) {
    cells.push_back(half_width_text(accuracy));
  } else {
    const bool itself = point == outline.reference;
    const comparison::Spread gap = comparison::spread(gaps);
    cells.push_back(itself ? "" : cli::cell(gap.mean, 2));
    cells.push_back(itself ? "" : half_width_text(gap));
  }
  cells.push_back(cli::cell(mean_of("overflow_events"), 0));
  cells.push_back(cli::cell(100 * mean_of("integer_mac_share"), 1));
  for (const nn::RoleEntry* role : operand_roles()) {
    const std::vector<double> worst = values_of(fmt::format("worst_sqnr_{}", role->name));
    cells.push_back(fmt::format("{} / {}", cli::cell(worst.empty() ? unknown : std::ranges::min(worst), 1),
                                cli::cell(mean_of(fmt::format("mean_sqnr_{}", role->name)), 1)));
  }
  cells.push_back(notes_of(states, runs));
  return cells;
}

}  // namespace

std::string plan_table(const study::Outline& outline, std::span<const study::Status> states) {
  cli::Table table({{"run"},
                    {"state", "", cli::Align::left},
                    {"folder", "runs/", cli::Align::left},
                    {"seed"},
                    {"point", "", cli::Align::left}});
  for (std::size_t i = 0; i < outline.runs.size(); ++i) {
    const study::PlannedRun& run = outline.runs[i];
    table.add_row({fmt::format("{}", i + 1), std::string(study::name(states[i].state)), run.hash,
                   fmt::format("{}", run.seed), run.point});
  }
  std::string text = table.text();
  text += fmt::format("{} runs of {} points", outline.runs.size(), points_of(outline).size());
  for (const State state : all_states) {
    const auto count = std::ranges::count(states, state, &study::Status::state);
    if (count > 0) text += fmt::format(", {} {}", count, study::name(state));
  }
  return text + '\n';
}

std::string result_table(const study::Outline& outline, std::span<const study::Status> states,
                         const study::Gatherer& gatherer) {
  std::vector<cli::Column> columns{
      {"point", "", cli::Align::left}, {"runs"}, {"accuracy", "%"}, {"deviation", "points"}};
  if (!outline.reference.empty()) columns.push_back({"gap", "points"});
  columns.push_back({"+- (95 %)", "points"});
  columns.push_back({"overflow", "events"});
  columns.push_back({"int MACs", "%"});
  for (const nn::RoleEntry* role : operand_roles()) columns.push_back({std::string(role->name), "dB worst / mean"});
  columns.push_back({"", "", cli::Align::left});
  cli::Table table(columns);
  for (std::size_t first = 0; first < outline.runs.size();) {
    std::vector<std::size_t> runs;
    while (first < outline.runs.size() && (runs.empty() || outline.runs[first].point == outline.runs[runs[0]].point)) {
      runs.push_back(first++);
    }
    table.add_row(row_of(outline, states, gatherer, runs));
  }
  return table.text();
}

cli::Json study_json(const study::Outline& outline, std::span<const study::Status> states,
                     const study::Gatherer* gatherer) {
  cli::Json runs = cli::Json::array();
  for (std::size_t i = 0; i < outline.runs.size(); ++i) {
    const study::PlannedRun& planned = outline.runs[i];
    cli::Json run{{"point", planned.point}, {"seed", planned.seed}};
    for (std::size_t a = 0; a < outline.axes.size(); ++a) run["axes"][outline.axes[a]] = planned.values[a];
    run["configuration_hash"] = planned.hash;
    run["state"] = study::name(states[i].state);
    run["message"] = states[i].message;
    const study::RunContent* content = gatherer == nullptr ? nullptr : gatherer->content(i);
    if (content != nullptr) {
      run["accuracy_gap"] = gatherer->accuracy_gap(i);
      for (const Figure& figure : content->figures) run[figure.name] = figure.value;
    }
    runs.push_back(run);
  }
  return {{"question", outline.question}, {"reference", outline.reference}, {"axes", outline.axes}, {"runs", runs}};
}

}  // namespace precsim::experiments
