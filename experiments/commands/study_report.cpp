// Tables of a study.
#include "experiments/commands/study_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "sim/nn/roles.hpp"

namespace precsim::experiments {
namespace {

using study::State;

constexpr State all_states[] = {State::waiting, State::unfinished, State::finished, State::diverged, State::failed};
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// The figures of one point's runs, those that are known.
struct Values {
  std::vector<double> known;

  void add(double value) {
    if (!std::isnan(value)) known.push_back(value);
  }
  double mean() const {
    double sum = 0;
    for (const double value : known) sum += value;
    return known.empty() ? unknown : sum / static_cast<double>(known.size());
  }
  /// With n - 1; unknown of fewer than two.
  double deviation() const {
    double squares = 0;
    for (const double value : known) squares += (value - mean()) * (value - mean());
    return known.size() < 2 ? unknown : std::sqrt(squares / static_cast<double>(known.size() - 1));
  }
  double least() const { return known.empty() ? unknown : *std::ranges::min_element(known); }
};

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

std::vector<std::string> row_of(const study::Outline& outline, std::span<const study::Status> states,
                                const study::Gatherer& gatherer, std::span<const std::size_t> runs) {
  const auto values_of = [&](const std::string& figure, double factor = 1) {
    Values values;
    for (const std::size_t run : runs) {
      if (const study::RunContent* content = gatherer.content(run)) values.add(factor * content->figure(figure));
    }
    return values;
  };
  Values gap;
  for (const std::size_t run : runs) gap.add(100 * gatherer.accuracy_gap(run));
  const Values accuracy = values_of("test_accuracy", 100);
  const std::string& point = outline.runs[runs.front()].point;
  const auto finished =
      std::ranges::count_if(runs, [&](std::size_t run) { return states[run].state == State::finished; });
  std::vector<std::string> cells{point,
                                 fmt::format("{}/{}", finished, runs.size()),
                                 cli::cell(accuracy.mean(), 2),
                                 cli::cell(accuracy.deviation(), 2),
                                 point == outline.reference ? "0" : cli::cell(gap.mean(), 2),
                                 cli::cell(values_of("overflow_events").mean(), 0),
                                 cli::cell(values_of("integer_mac_share", 100).mean(), 1)};
  for (const nn::RoleEntry* role : operand_roles()) {
    cells.push_back(fmt::format("{} / {}", cli::cell(values_of(fmt::format("worst_sqnr_{}", role->name)).least(), 1),
                                cli::cell(values_of(fmt::format("mean_sqnr_{}", role->name)).mean(), 1)));
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
      {"point", "", cli::Align::left}, {"runs"},         {"accuracy", "%"}, {"+-", "points"}, {"gap", "points"},
      {"overflow", "events"},          {"int MACs", "%"}};
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
