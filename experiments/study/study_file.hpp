// A study as its file declares it: what all runs share, the axes of the grid, points beside it, exclusions, seeds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/config/config.hpp"

namespace precsim::study {

/// Settings with a name: a value of an axis, or a point beside the grid.
struct Choice {
  std::string label;  ///< of an axis over one key: the value, canonical
  std::vector<config::Assignment> settings;
  std::string place;
};

/// Named by its key, or as [axis.NAME] says.
struct Axis {
  std::string name;
  std::vector<Choice> values;
  std::string place;
};

/// Leaves out the points of the grid that have one of the labels on each of its axes.
struct Exclusion {
  struct Line {
    std::size_t axis = 0;
    std::vector<std::string> labels;
  };
  std::string name;
  std::vector<Line> lines;
  std::string place;
};

struct Study {
  std::string text;  ///< the file, byte for byte
  std::string question;
  std::optional<config::Assignment> reference;  ///< the name of a point, with its place
  std::vector<std::int64_t> seeds = {1};
  std::optional<std::filesystem::path> configuration;  ///< what [base] builds on
  std::vector<config::Assignment> base;
  std::vector<Axis> axes;
  std::vector<Choice> points;
  std::vector<Exclusion> exclusions;
};

/// Reads a study:
///
///     [study]          question = TEXT, reference = POINT, seeds = N N ...
///     [base]           config = FILE (beside the study), and KEY = VALUE for every run
///     [axes]           KEY = VALUE VALUE ...
///     [axis.NAME]      LABEL = KEY=VALUE KEY=VALUE ... , an axis whose values set several keys, or none
///     [point.NAME]     KEY = VALUE, a point beside the grid
///     [exclude.NAME]   AXIS = LABEL LABEL ...
///
/// Where blanks separate words, a word with blanks stands in double quotes. Keys and values are checked one by one, as
/// a configuration's are; `name` stands for the text in places. Throws UserError with the place: unknown sections and
/// keys, keys that the study itself sets (run.seed, run.out, ...), anything that is there twice, a label that an
/// exclusion names and its axis does not have.
Study parse_study(std::string_view text, std::string_view name);

/// The same of a file; its `configuration` is relative to the file's folder.
Study read_study(const std::filesystem::path& file);

/// Seeds, blank-separated. Throws UserError.
std::vector<std::int64_t> parse_seeds(const config::Assignment& line);

}  // namespace precsim::study
