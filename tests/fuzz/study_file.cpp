// Fuzzes study files. The input is the file's text.
#include "experiments/study/study_file.hpp"

#include <set>

#include "experiments/study/grid.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

/// Every resolved point builds its network; large ones would only make the fuzzer slow.
bool is_small(const study::Study& study, std::string_view text) {
  std::size_t points = 1;
  for (const study::Axis& axis : study.axes) points *= axis.values.size() > 8 ? 9 : axis.values.size();
  return study.axes.size() <= 3 && points + study.points.size() <= 8 && study.seeds.size() <= 8 &&
         !study.configuration && text.find("model") == std::string_view::npos;
}

}  // namespace

void study_file(std::string_view input) {
  study::Study study;
  if (!accepts([&] { study = study::parse_study(input, "fuzz.ini"); })) return;
  promise(study.text == input, "the text is kept");
  promise(!study.seeds.empty(), "there is a seed");
  for (const study::Axis& axis : study.axes) promise(!axis.values.empty(), "an axis has values");
  study::Plan plan;
  if (!is_small(study, input) || !accepts([&] { plan = study::resolve(study, {}); })) return;
  promise(!plan.configs.empty() && plan.configs.size() == plan.outline.runs.size(), "every run has its configuration");
  std::set<std::string> hashes;
  for (std::size_t i = 0; i < plan.configs.size(); ++i) {
    promise(plan.outline.runs[i].values.size() == plan.outline.axes.size(), "every run has a value on every axis");
    promise(plan.configs[i].hash().hex() == plan.outline.runs[i].hash, "a hash is that of the configuration");
    promise(hashes.insert(plan.outline.runs[i].hash).second, "no run is there twice");
  }
}

}  // namespace precsim::fuzz
