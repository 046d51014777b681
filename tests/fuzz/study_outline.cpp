// Fuzzes outlines of studies, study.json. The input is the file's text.
#include "experiments/study/manifest.hpp"
#include "experiments/study/study_schema.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {

void study_outline(std::string_view input) {
  study::Outline outline;
  if (!accepts([&] { outline = study::parse_outline(std::string(input), "fuzz"); })) return;
  const std::string text = study::outline_text(outline);
  const study::Outline again = study::parse_outline(text, "read back");
  promise(study::outline_text(again) == text && again.runs == outline.runs, "an outline reads back");
  accepts([&] { study::runs_table(outline.axes); });
}

}  // namespace precsim::fuzz
