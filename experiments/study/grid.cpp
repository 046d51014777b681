// Expanding a study into runs.
#include "experiments/study/grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "experiments/run/run_options.hpp"
#include "experiments/study/study_schema.hpp"
#include "experiments/study/study_text.hpp"
#include "formats/error.hpp"
#include "formats/words.hpp"
#include "sim/models/models.hpp"

namespace precsim::study {
namespace {

using config::Assignment;
using config::Config;
using formats::quote;

constexpr std::string_view checkpoint_seconds = "30";

struct Point {
  std::string name;
  std::vector<std::string> labels;  ///< on each axis; none beside the grid
  std::vector<Assignment> settings;
  std::string place;
};

bool matches(const Exclusion& exclusion, const Point& point) {
  return std::ranges::all_of(exclusion.lines, [&](const Exclusion::Line& line) {
    return std::ranges::find(line.labels, point.labels[line.axis]) != line.labels.end();
  });
}

/// The product of the axes, the last one the fastest.
std::vector<Point> product(const std::vector<Axis>& axes) {
  std::vector<Point> points;
  if (axes.empty()) return points;
  points.push_back({"", {}, {}, axes[0].place});
  for (const Axis& axis : axes) {
    if (points.size() * axis.values.size() > most_runs) {
      throw UserError(
          fmt::format("{}: with the axis {} the grid has {} points, more than the {} runs that a study may have",
                      axis.place, axis.name, points.size() * axis.values.size(), most_runs));
    }
    std::vector<Point> longer;
    for (const Point& point : points) {
      for (const Choice& value : axis.values) {
        Point next = point;
        next.name += (point.labels.empty() ? "" : "/") + value.label;
        next.labels.push_back(value.label);
        next.settings.insert(next.settings.end(), value.settings.begin(), value.settings.end());
        longer.push_back(std::move(next));
      }
    }
    points = std::move(longer);
  }
  return points;
}

std::vector<Point> grid(const Study& study) {
  std::vector<Point> points = product(study.axes);
  const std::size_t all = points.size();
  std::set<const Exclusion*> used;
  std::erase_if(points, [&](const Point& point) {
    bool excluded = false;
    for (const Exclusion& exclusion : study.exclusions) {
      if (matches(exclusion, point)) {
        used.insert(&exclusion);
        excluded = true;
      }
    }
    return excluded;
  });
  for (const Exclusion& exclusion : study.exclusions) {
    if (!used.contains(&exclusion)) {
      throw UserError(
          fmt::format("{}: the exclusion {} matches no point of the grid", exclusion.place, exclusion.name));
    }
  }
  if (points.empty() && all > 0) {
    throw UserError(fmt::format("{}: nothing is left of the grid, all of its {} points are excluded",
                                study.exclusions.back().place, all));
  }
  return points;
}

std::vector<Point> all_points(const Study& study) {
  std::vector<Point> points;
  for (const Choice& point : study.points) points.push_back({point.label, {}, point.settings, point.place});
  for (Point& point : grid(study)) points.push_back(std::move(point));
  std::map<std::string_view, std::string_view> places;
  for (const Point& point : points) {
    const auto [first, is_new] = places.emplace(point.name, point.place);
    if (!is_new) {
      throw UserError(
          fmt::format("{}: the grid has a point {} as well; choose another name", first->second, point.name));
    }
  }
  return points;
}

/// What --set says; refused for what the points differ in.
std::vector<Assignment> checked_sets(const Request& request, const std::vector<Point>& points) {
  std::vector<Assignment> sets;
  for (const std::string& text : request.sets) {
    sets.push_back(config::parse_assignment(text, "--set"));
    check_key(sets.back());
    for (const Point& point : points) {
      const auto found = std::ranges::find(point.settings, sets.back().key, &Assignment::key);
      if (found != point.settings.end()) {
        throw UserError(
            fmt::format("--set {} would change what the points differ in ({} sets it); --set is for what "
                        "they share",
                        sets.back().key, found->place));
      }
    }
  }
  return sets;
}

Config shared_config(const Study& study, const std::vector<Assignment>& sets, const Request& request) {
  Config config(experiments::check_value);
  if (study.configuration) {
    config.read_ini(config::read_config_file(*study.configuration), study.configuration->string());
  }
  config.set_all(study.base);
  config.set_all(sets);
  if (config.value("checkpoint.every") == "0" && config.value("checkpoint.seconds") == "0") {
    config.set({"checkpoint.seconds", std::string(checkpoint_seconds), "default"});
  }
  config.set({"run.threads", fmt::format("{}", request.threads), "--threads"});
  config.set({"run.out", "run.h5", "study"});
  config.set({"run.resume", "true", "study"});
  config.set({"run.overwrite", "false", "study"});
  return config;
}

/// What can be known of a configuration without its data.
void check_config(const Config& config) {
  experiments::check_effect(config);
  experiments::training_options(config);
  const models::ModelEntry& model = models::find_model(config.text("model.name"));
  const nn::Network network(models::build_model(model.name, model.image, model.classes),
                            experiments::precision_plan(config), config.real("optimizer.momentum") != 0);
}

Config config_of(const Point& point, const Config& shared) {
  try {
    Config config = shared;
    config.set_all(point.settings);
    experiments::canonicalize(config);
    check_config(config);
    return config;
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}: the point {} cannot be run: {}{}", point.place, point.name, error.what(),
                                point.labels.empty() ? "" : "; an [exclude.NAME] leaves points of the grid out"));
  }
}

std::string plan_value(const Config& config, const std::string& key) {
  const auto found = std::ranges::find(config.plan(), key, &Assignment::key);
  return found == config.plan().end() ? "" : found->value;
}

std::vector<std::string> values_of(const Point& point, const Study& study, const Config& config) {
  if (!point.labels.empty()) return point.labels;
  std::vector<std::string> values;
  for (const Axis& axis : study.axes) {
    const bool is_fixed = config::find_key(axis.name) != nullptr;
    values.push_back(is_fixed ? config.value(axis.name) : plan_value(config, axis.name));
  }
  return values;
}

[[noreturn]] void refuse_same(const Point& first, const Config& a, const Point& second, const Config& b) {
  std::string why;
  for (const config::Key& key : config::keys()) {
    if (a.value(key.name) != b.value(key.name)) {
      why = fmt::format(": {} cannot change a bit of a result, so it makes no other run", key.name);
    }
  }
  throw UserError(fmt::format("{}: the points {} and {} have the same configuration{}", second.place, first.name,
                              second.name, why));
}

void check_reference(const Study& study, const std::vector<Point>& points) {
  if (!study.reference) return;
  std::vector<std::string_view> names;
  for (const Point& point : points) names.push_back(point.name);
  if (std::ranges::find(names, study.reference->value) != names.end()) return;
  constexpr std::size_t most_named = 20;
  const std::string hint = formats::hint(study.reference->value, names);
  names.resize(std::min(names.size(), most_named));
  throw UserError(fmt::format("{}: the reference {} is no point{}; points are {}{}", study.reference->place,
                              quote(study.reference->value), hint, fmt::join(names, ", "),
                              points.size() > most_named ? ", ..." : ""));
}

}  // namespace

Plan resolve(const Study& study, const Request& request) {
  const std::vector<Point> points = all_points(study);
  check_reference(study, points);
  const std::vector<std::int64_t>& seeds = request.seeds.empty() ? study.seeds : request.seeds;
  if (points.size() * seeds.size() > most_runs) {
    throw UserError(fmt::format("{} points with {} seeds are more than the {} runs that a study may have",
                                points.size(), seeds.size(), most_runs));
  }
  std::vector<std::string> axes;
  for (const Axis& axis : study.axes) axes.push_back(axis.name);
  runs_table(axes);
  const Config shared = shared_config(study, checked_sets(request, points), request);
  Plan plan;
  plan.outline = {study.text, study.question, study.reference ? study.reference->value : "", axes, {}};
  std::map<std::string, std::size_t> point_of;
  for (std::size_t i = 0; i < points.size(); ++i) {
    Config config = config_of(points[i], shared);
    config.set({"run.seed", fmt::format("{}", seeds[0]), "study"});
    const auto [same, is_new] = point_of.emplace(config.to_ini(), i);
    if (!is_new) refuse_same(points[same->second], plan.configs[same->second * seeds.size()], points[i], config);
    const std::vector<std::string> values = values_of(points[i], study, config);
    for (const std::int64_t seed : seeds) {
      config.set({"run.seed", fmt::format("{}", seed), "study"});
      plan.outline.runs.push_back({points[i].name, values, seed, config.hash().hex(), config.text("run.engine")});
      plan.configs.push_back(config);
    }
  }
  return plan;
}

std::vector<std::string> points_of(const Outline& outline) {
  std::vector<std::string> names;
  for (const PlannedRun& run : outline.runs) {
    if (names.empty() || names.back() != run.point) names.push_back(run.point);
  }
  return names;
}

}  // namespace precsim::study
