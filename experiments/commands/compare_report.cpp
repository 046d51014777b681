// Rendering comparisons.
#include "experiments/commands/compare_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::experiments {
namespace {

using cli::Align;
using cli::cell;
using comparison::Group;
using comparison::LayerRole;

struct Titled {
  std::string title;
  cli::Table table;
};

std::string setting(const Group& group, const std::string& key) {
  const auto found = group.settings.find(key);
  return found == group.settings.end() ? "-" : found->second;
}

const Group& reference_of(const std::vector<Group>& groups, std::string_view label) {
  if (label.empty()) {
    return groups.front();
  }
  const auto found = std::ranges::find(groups, label, &Group::label);
  if (found == groups.end()) {
    std::vector<std::string_view> labels;
    std::ranges::transform(groups, std::back_inserter(labels), &Group::label);
    throw UserError(fmt::format("--reference {} is none of the configurations compared, which are {}{}",
                                formats::quote(label), formats::join(labels), formats::hint(label, labels)));
  }
  return *found;
}

/// Distinct keys of the groups' maps, in the order in which the first run that has one names them.
std::vector<LayerRole> keys_of(const std::vector<Group>& groups,
                               std::vector<LayerRole> comparison::ComparedRun::*order) {
  std::vector<LayerRole> keys;
  std::set<LayerRole> seen;
  for (const Group& group : groups) {
    for (const comparison::ComparedRun& run : group.runs) {
      for (const LayerRole& key : run.*order) {
        if (seen.insert(key).second) {
          keys.push_back(key);
        }
      }
    }
  }
  return keys;
}

std::vector<std::string> second_parts(const std::vector<LayerRole>& keys) {
  std::vector<std::string> parts;
  for (const LayerRole& key : keys) {
    if (std::ranges::find(parts, key.second) == parts.end()) {
      parts.push_back(key.second);
    }
  }
  return parts;
}

std::string seeds(const Group& group) {
  std::string text;
  for (const comparison::ComparedRun& run : group.runs) {
    text += (text.empty() ? "" : " ") + std::to_string(run.seed);
  }
  return text;
}

std::string outcomes(const Group& group) {
  std::string text;
  for (const std::string_view outcome : {"finished", "diverged", "interrupted", "unfinished"}) {
    const auto count = std::ranges::count(group.runs, outcome, &comparison::ComparedRun::outcome);
    if (count != 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, outcome);
    }
  }
  return text;
}

Titled configurations(const std::vector<Group>& groups) {
  const std::vector<std::string> keys = comparison::differing_settings(groups);
  std::vector<cli::Column> columns = {{"configuration", "", Align::left}};
  for (const std::string& key : keys) {
    columns.push_back({key, "", Align::left});
  }
  columns.push_back({"seeds", "", Align::left});
  columns.push_back({"runs", "", Align::left});
  cli::Table table(columns);
  for (const Group& group : groups) {
    std::vector<std::string> cells = {group.label};
    std::ranges::transform(keys, std::back_inserter(cells), [&](const auto& key) { return setting(group, key); });
    cells.push_back(seeds(group));
    cells.push_back(outcomes(group));
    table.add_row(cells);
  }
  return {"configurations: what differs", std::move(table)};
}

std::string steps_cell(const comparison::SoFar& latest) {
  return latest.accuracy.count == 0              ? "-"
         : latest.first_step == latest.last_step ? fmt::to_string(latest.last_step)
                                                 : fmt::format("{} to {}", latest.first_step, latest.last_step);
}

Titled accuracies(const std::vector<Group>& groups, const Group& reference) {
  std::vector<cli::Column> columns = {{"configuration", "", Align::left},
                                      {"test accuracy", "%"},
                                      {"deviation", "points"},
                                      {"difference", "points"},
                                      {"+- (95 %)", "points"},
                                      {"best", "%"},
                                      {"test loss", "nat"},
                                      {"training loss", "nat"}};
  const bool running = std::ranges::any_of(groups, [](const Group& group) { return so_far(group).accuracy.count; });
  if (running) {
    columns.push_back({"unfinished: accuracy so far", "%"});
    columns.push_back({"after step"});
  }
  cli::Table table(columns);
  for (const Group& group : groups) {
    const comparison::Spread accuracy = spread(group, "test_accuracy");
    const comparison::PairedDifference difference = paired_difference(group, reference, "test_accuracy");
    const bool itself = &group == &reference;
    std::vector<std::string> cells = {group.label,
                                      cell(100 * accuracy.mean, 2),
                                      cell(100 * accuracy.deviation, 2),
                                      itself ? "" : cell(100 * difference.mean, 2),
                                      itself ? "" : cell(100 * difference.half_width, 2),
                                      cell(100 * spread(group, "best_test_accuracy").mean, 2),
                                      cell(spread(group, "test_loss").mean, 4),
                                      cell(spread(group, "training_loss").mean, 4)};
    if (running) {
      const comparison::SoFar latest = so_far(group);
      cells.push_back(cell(100 * latest.accuracy.mean, 2));
      cells.push_back(steps_cell(latest));
    }
    table.add_row(cells);
  }
  return {
      fmt::format("accuracy after the last step, mean over seeds; differences to {} paired by seed", reference.label),
      std::move(table)};
}

std::string sqnr_cell(const comparison::Sqnr& sqnr) {
  return sqnr.finite == 0 ? cell(sqnr.mean(), 1) : fmt::format("{:.1f} ({:.1f})", sqnr.mean(), sqnr.worst);
}

std::string overflow_cell(const comparison::Overflow& overflow) {
  if (overflow.calls == 0) {
    return "-";
  }
  if (overflow.simulated != 0) {
    return fmt::format("{} in {} outputs", overflow.events, overflow.outputs);
  }
  return overflow.known() ? "0 (proved)" : fmt::format("unknown ({} of {} proved)", overflow.proved, overflow.calls);
}

/// A row per configuration and a column per role or pass; by layer, a row per layer and role and a column per
/// configuration.
template <class Cell>
cli::Table matrix(const std::vector<Group>& groups, const std::vector<LayerRole>& keys, std::string_view second,
                  bool by_layer, Cell cell_of) {
  std::vector<cli::Column> columns;
  if (by_layer) {
    columns = {{"layer", "", Align::left}, {std::string(second), "", Align::left}};
    std::ranges::transform(groups, std::back_inserter(columns), [](const Group& g) { return cli::Column{g.label}; });
  } else {
    columns = {{"configuration", "", Align::left}};
    std::ranges::transform(second_parts(keys), std::back_inserter(columns),
                           [](const std::string& part) { return cli::Column{part}; });
  }
  cli::Table table(columns);
  if (by_layer) {
    for (const LayerRole& key : keys) {
      std::vector<std::string> cells = {key.first, key.second};
      std::ranges::transform(groups, std::back_inserter(cells),
                             [&](const Group& group) { return cell_of(group, std::vector{key}); });
      table.add_row(cells);
    }
    return table;
  }
  for (const Group& group : groups) {
    std::vector<std::string> cells = {group.label};
    for (const std::string& part : second_parts(keys)) {
      std::vector<LayerRole> of_part;
      std::ranges::copy_if(keys, std::back_inserter(of_part), [&](const auto& key) { return key.second == part; });
      cells.push_back(cell_of(group, of_part));
    }
    table.add_row(cells);
  }
  return table;
}

template <class Value>
Value total(const Group& group, const std::vector<LayerRole>& keys, Value (*of)(const Group&, const LayerRole&)) {
  Value sum;
  for (const LayerRole& key : keys) {
    sum.add(of(group, key));
  }
  return sum;
}

Titled ratios(const std::vector<Group>& groups, bool by_layer) {
  return {"SQNR of conversions, mean (worst) over recorded steps in dB; inf: lossless",
          matrix(groups, keys_of(groups, &comparison::ComparedRun::layers), "role", by_layer,
                 [](const Group& group, const std::vector<LayerRole>& keys) {
                   return sqnr_cell(total<comparison::Sqnr>(group, keys, comparison::sqnr));
                 })};
}

Titled overflows(const std::vector<Group>& groups, bool by_layer) {
  return {"overflow events of integer accumulators at recorded steps",
          matrix(groups, keys_of(groups, &comparison::ComparedRun::passes), "pass", by_layer,
                 [](const Group& group, const std::vector<LayerRole>& keys) {
                   return overflow_cell(total<comparison::Overflow>(group, keys, comparison::overflow));
                 })};
}

struct Parting {
  std::string label;
  std::int64_t seed;
  std::int64_t step;  ///< -1: rows are equal
  bool equal_weights;
  std::size_t steps;
};

std::vector<Parting> partings(const std::vector<Group>& groups, const Group& reference) {
  std::vector<Parting> all;
  for (const Group& group : groups) {
    for (const comparison::ComparedRun& run : group.runs) {
      const auto twin = std::ranges::find(reference.runs, run.seed, &comparison::ComparedRun::seed);
      if (&group != &reference && twin != reference.runs.end()) {
        all.push_back({group.label, run.seed, first_parting(*twin, run),
                       !run.state_hash.empty() && run.state_hash == twin->state_hash, run.training.size()});
      }
    }
  }
  return all;
}

std::string parting_cell(const Parting& parting) {
  if (parting.step >= 0) {
    return fmt::format("step {}", parting.step);
  }
  return parting.equal_weights ? "never: equal weights" : fmt::format("after step {}", parting.steps - 1);
}

Titled partings_table(const std::vector<Group>& groups, const Group& reference) {
  cli::Table table({{"configuration", "", Align::left}, {"seed"}, {"bits part", "", Align::left}});
  for (const Parting& parting : partings(groups, reference)) {
    table.add_row({parting.label, std::to_string(parting.seed), parting_cell(parting)});
  }
  return {fmt::format("the first step whose loss differs from that of {}", reference.label), std::move(table)};
}

cli::Json spread_json(const comparison::Spread& spread) {
  return {{"mean", spread.mean}, {"deviation", spread.deviation}, {"runs", spread.count}};
}

cli::Json group_json(const Group& group, const std::vector<std::string>& keys, const Group& reference) {
  cli::Json settings = cli::Json::object();
  for (const std::string& key : keys) {
    if (group.settings.contains(key)) {
      settings[key] = group.settings.at(key);
    }
  }
  cli::Json json{{"label", group.label}, {"settings", settings}, {"runs", cli::Json::array()}};
  std::set<std::string> figures;
  for (const comparison::ComparedRun& run : group.runs) {
    cli::Json row{{"file", run.file.string()}, {"seed", run.seed}, {"outcome", run.outcome}};
    if (!run.has_ended() && run.latest) {
      row["so_far"] = {
          {"step", run.latest->step}, {"test_accuracy", run.latest->accuracy}, {"test_loss", run.latest->loss}};
    }
    json["runs"].push_back(row);
    for (const auto& [name, value] : run.figures) {
      figures.insert(name);
    }
  }
  json["figures"] = cli::Json::object();
  for (const std::string& name : figures) {
    json["figures"][name] = spread_json(spread(group, name));
  }
  const comparison::PairedDifference difference = paired_difference(group, reference, "test_accuracy");
  json["test_accuracy_difference"] = {
      {"mean", difference.mean}, {"half_width_95", difference.half_width}, {"pairs", difference.pairs}};
  const std::vector<Group> alone = {group};
  json["sqnr"] = cli::Json::array();
  for (const LayerRole& key : keys_of(alone, &comparison::ComparedRun::layers)) {
    const comparison::Sqnr ratio = comparison::sqnr(group, key);
    json["sqnr"].push_back({{"layer", key.first},
                            {"role", key.second},
                            {"mean_db", ratio.mean()},
                            {"worst_db", ratio.finite == 0 ? ratio.mean() : ratio.worst},
                            {"conversions", ratio.conversions},
                            {"lossless", ratio.lossless}});
  }
  json["overflow"] = cli::Json::array();
  for (const LayerRole& key : keys_of(alone, &comparison::ComparedRun::passes)) {
    const comparison::Overflow overflow = comparison::overflow(group, key);
    json["overflow"].push_back({{"layer", key.first},
                                {"pass", key.second},
                                {"calls", overflow.calls},
                                {"proved", overflow.proved},
                                {"simulated", overflow.simulated},
                                {"events", overflow.known() ? cli::Json(overflow.events) : cli::Json()}});
  }
  return json;
}

}  // namespace

std::string compare_text(const std::vector<Group>& groups, const CompareOptions& options) {
  const Group& reference = reference_of(groups, options.reference);
  std::vector<Titled> tables = {configurations(groups), accuracies(groups, reference)};
  tables.push_back(ratios(groups, options.by_layer));
  tables.push_back(overflows(groups, options.by_layer));
  if (groups.size() > 1) {
    tables.push_back(partings_table(groups, reference));
  }
  constexpr std::string_view marks[] = {"", "# ", "### ", "% "};  // a title in each style
  std::string text;
  for (const Titled& titled : tables) {
    text +=
        fmt::format("{}{}{}\n", text.empty() ? "" : "\n", marks[static_cast<std::size_t>(options.style)], titled.title);
    text += (options.style == cli::TableStyle::markdown ? "\n" : "") + titled.table.text(options.style);
  }
  return text;
}

cli::Json compare_json(const std::vector<Group>& groups, const CompareOptions& options) {
  const Group& reference = reference_of(groups, options.reference);
  const std::vector<std::string> keys = comparison::differing_settings(groups);
  cli::Json json{{"reference", reference.label}, {"groups", cli::Json::array()}, {"partings", cli::Json::array()}};
  for (const Group& group : groups) {
    json["groups"].push_back(group_json(group, keys, reference));
  }
  for (const Parting& parting : partings(groups, reference)) {
    json["partings"].push_back({{"label", parting.label},
                                {"seed", parting.seed},
                                {"step", parting.step < 0 ? cli::Json() : cli::Json(parting.step)},
                                {"equal_weights", parting.equal_weights}});
  }
  return json;
}

}  // namespace precsim::experiments
