// Reading a study file, section by section.
#include "experiments/study/study_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "experiments/study/study_text.hpp"
#include "formats/error.hpp"
#include "formats/word_list.hpp"
#include "formats/words.hpp"

namespace precsim::study {
namespace {

using config::Assignment;
using formats::hint;
using formats::join;
using formats::quote;

constexpr std::size_t most_values = 10000;

void check_count(const Axis& axis) {
  if (axis.values.empty()) refuse(axis.place, fmt::format("the axis {} has no values", axis.name));
  if (axis.values.size() > most_values) {
    refuse(axis.place,
           fmt::format("the axis {} has {} values, more than {}", axis.name, axis.values.size(), most_values));
  }
}

Axis axis_over_key(const Assignment& line) {
  Axis axis{line.key, {}, line.place};
  Once once(fmt::format("on the axis {}, the value", line.key));
  formats::for_each_word(words_of(line), [&](const std::string& word) {
    const Assignment setting = checked(Assignment{line.key, word, line.place});
    once.add(setting.value, line.place);
    axis.values.push_back({setting.value, {setting}, line.place});
  });
  check_count(axis);
  return axis;
}

void check_label(const Assignment& line) {
  const auto is_fit = [](char c) { return c > ' ' && c != '/' && c != '"' && c != '#'; };
  if (line.key.empty() || line.key.size() > longest_name || !std::ranges::all_of(line.key, is_fit)) {
    refuse(line.place, fmt::format("{} is no label, which has at most {} characters and no blank, '/', '\"' or '#'",
                                   quote(line.key), longest_name));
  }
}

Axis axis_over_keys(const Part& part) {
  Axis axis{part.name, {}, part.place};
  Once once(fmt::format("on the axis {}, the label", part.name));
  for (const Assignment& line : part.lines) {
    check_label(line);
    once.add(line.key, line.place);
    std::vector<Assignment> settings;
    for (const std::string& word : words_of(line)) settings.push_back(config::parse_assignment(word, line.place));
    axis.values.push_back({line.key, checked(settings), line.place});
  }
  check_count(axis);
  return axis;
}

void check_axes(const std::vector<Axis>& axes) {
  Once names("the axis");
  std::map<std::string, std::string> axis_of;
  for (const Axis& axis : axes) {
    names.add(axis.name, axis.place);
    for (const Choice& value : axis.values) {
      for (const Assignment& setting : value.settings) {
        const auto [other, is_new] = axis_of.emplace(setting.key, axis.name);
        if (other->second != axis.name) {
          refuse(value.place, fmt::format("{} is set by the axis {} already", setting.key, other->second));
        }
      }
    }
  }
}

/// The label that a word of an exclusion means, which an axis over one key knows in its canonical form.
std::string label_of(const std::string& word, const Axis& axis, const std::string& place) {
  const Choice& first = axis.values.front();
  const bool is_over_key = first.settings.size() == 1 && first.settings[0].key == axis.name;
  std::string label = is_over_key ? checked(Assignment{axis.name, word, place}).value : word;
  if (std::ranges::find(axis.values, label, &Choice::label) != axis.values.end()) return label;
  constexpr std::size_t most_named = 20;
  std::vector<std::string_view> labels;
  for (const Choice& value : axis.values) labels.push_back(value.label);
  const std::string near = hint(word, labels);
  labels.resize(std::min(labels.size(), most_named));
  refuse(place, fmt::format("the axis {} has no value {}{}; it has {}{}", axis.name, quote(word), near, join(labels),
                            axis.values.size() > most_named ? " ..." : ""));
}

Exclusion::Line excluded_line(const Assignment& line, const std::vector<Axis>& axes) {
  const auto axis = std::ranges::find(axes, line.key, &Axis::name);
  if (axis == axes.end()) {
    std::vector<std::string_view> names;
    for (const Axis& one : axes) names.push_back(one.name);
    refuse(line.place,
           fmt::format("{} is no axis{}; an exclusion names some of {}", quote(line.key), hint(line.key, names),
                       names.empty() ? "the axes, but there are none" : join(names)));
  }
  Exclusion::Line result{static_cast<std::size_t>(axis - axes.begin()), {}};
  Once once("the value");
  formats::for_each_word(words_of(line), [&](const std::string& word) {
    result.labels.push_back(label_of(word, *axis, line.place));
    once.add(result.labels.back(), line.place);
  });
  if (result.labels.empty()) refuse(line.place, fmt::format("no value of the axis {} is named", axis->name));
  return result;
}

Exclusion exclusion(const Part& part, const std::vector<Axis>& axes) {
  Exclusion result{part.name, {}, part.place};
  Once once("a line for the axis");
  for (const Assignment& line : part.lines) {
    once.add(line.key, line.place);
    result.lines.push_back(excluded_line(line, axes));
  }
  if (result.lines.empty()) refuse(part.place, "an exclusion without lines would leave out the whole grid");
  return result;
}

void read_study_section(const Part& part, Study& study) {
  Once once("a value for");
  for (const Assignment& line : part.lines) {
    once.add(line.key, line.place);
    if (line.key == "question") {
      study.question = line.value;
    } else if (line.key == "reference") {
      study.reference = line;
    } else if (line.key == "seeds") {
      study.seeds = parse_seeds(line);
    } else {
      refuse(line.place,
             fmt::format("unknown key {}; the keys of [study] are question, reference and seeds", quote(line.key)));
    }
  }
}

void read_base_section(Part part, Study& study) {
  const auto is_file = [](const Assignment& line) { return line.key == "config"; };
  const auto file = std::ranges::find_if(part.lines, is_file);
  if (file != part.lines.end()) {
    if (file->value.empty()) refuse(file->place, "config names a configuration file");
    study.configuration = file->value;
    part.lines.erase(file);
  }
  study.base = checked(part.lines);
}

}  // namespace

std::vector<std::int64_t> parse_seeds(const Assignment& line) {
  std::vector<std::int64_t> seeds;
  Once once("the seed");
  formats::for_each_word(words_of(line), [&](const std::string& word) {
    config::Config config;
    config.set({"run.seed", word, line.place});
    once.add(config.value("run.seed"), line.place);
    seeds.push_back(config.integer("run.seed"));
  });
  if (seeds.empty()) refuse(line.place, "a study has at least one seed");
  return seeds;
}

Study parse_study(std::string_view text, std::string_view name) {
  Study study;
  study.text = text;
  const std::vector<Part> parts = parts_of(config::parse_ini(text, name));
  for (const Part& part : parts) {
    if (part.kind == "study") read_study_section(part, study);
    if (part.kind == "base") read_base_section(part, study);
    if (part.kind == "axis") study.axes.push_back(axis_over_keys(part));
    if (part.kind == "point") study.points.push_back({part.name, checked(part.lines), part.place});
    if (part.kind != "axes") continue;
    for (const Assignment& line : part.lines) study.axes.push_back(axis_over_key(line));
  }
  check_axes(study.axes);
  for (const Part& part : parts) {
    if (part.kind == "exclude") study.exclusions.push_back(exclusion(part, study.axes));
  }
  if (study.axes.empty() && study.points.empty()) {
    refuse(std::string(name), "the study has neither [axes] nor a [point.NAME], so there is nothing to run");
  }
  return study;
}

Study read_study(const std::filesystem::path& file) {
  Study study = parse_study(config::read_config_file(file, "study"), file.string());
  if (study.configuration) study.configuration = file.parent_path() / *study.configuration;
  return study;
}

}  // namespace precsim::study
