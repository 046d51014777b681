// Joining the folders of shards.
#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "experiments/study/conduct.hpp"
#include "experiments/study/gather.hpp"
#include "experiments/study/manifest.hpp"
#include "formats/error.hpp"

namespace precsim::study {
namespace {

namespace fs = std::filesystem;

bool is_same_folder(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error);
}

void check_same_study(const Outline& first, const Outline& other, const fs::path& a, const fs::path& b) {
  const auto refuse = [&](const std::string& what) {
    throw UserError(fmt::format("{} and {} are not of the same study: {}", a.string(), b.string(), what));
  };
  if (first.axes != other.axes) refuse("their axes differ");
  if (first.reference != other.reference) refuse("their references differ");
  if (first.runs.size() != other.runs.size()) {
    refuse(fmt::format("one has {} runs, the other {}", first.runs.size(), other.runs.size()));
  }
  for (std::size_t i = 0; i < first.runs.size(); ++i) {
    if (!(first.runs[i] == other.runs[i])) {
      refuse(fmt::format("run {} is {}, seed {} ({}) in the first and {}, seed {} ({}) in the second", i + 1,
                         first.runs[i].point, first.runs[i].seed, first.runs[i].hash, other.runs[i].point,
                         other.runs[i].seed, other.runs[i].hash));
    }
  }
}

/// Under another name first: a copy that has its name is whole.
void copy_run(const RunFolder& from, const RunFolder& to) {
  const fs::path partial = to.path.string() + ".partial";
  std::error_code error;
  fs::remove_all(partial, error);
  fs::remove_all(to.path, error);
  fs::copy(from.path, partial, fs::copy_options::recursive, error);
  if (!error) fs::rename(partial, to.path, error);
  if (error) {
    throw UserError(fmt::format("cannot copy {} to {}: {}", from.path.string(), to.path.string(), error.message()));
  }
}

void check_same_result(const RunFolder& a, const RunFolder& b) {
  const std::string first = read_content(a.record(), 0).state_hash;
  const std::string second = read_content(b.record(), 0).state_hash;
  if (first != second) {
    throw UserError(
        fmt::format("{} and {} are of the same run, but ended with the weights {} and {}; move the folder "
                    "of the wrong one away",
                    a.record().string(), b.record().string(), first, second));
  }
}

void take_run(const fs::path& out, const fs::path& study, const PlannedRun& run) {
  const RunFolder from = run_folder(study, run.hash);
  const RunFolder to = run_folder(out, run.hash);
  const State theirs = status_of(from).state;
  const State ours = status_of(to).state;
  if (has_ended(theirs) && has_ended(ours)) return check_same_result(to, from);
  const bool is_news = has_ended(theirs) || (theirs == State::failed && ours != State::failed);
  if (!is_news || has_ended(ours)) return;
  std::error_code error;
  const std::optional<Lock> lock = fs::exists(to.path, error) ? Lock::take(to.lock()) : Lock::take(from.lock());
  if (!lock) throw UserError(fmt::format("another process works on {}; merge when it has ended", to.path.string()));
  copy_run(from, to);
}

}  // namespace

Outline merge(const fs::path& out, std::span<const fs::path> studies) {
  const Outline outline = read_outline(studies.front());
  for (const fs::path& study : studies.subspan(1)) {
    check_same_study(outline, read_outline(study), studies.front(), study);
  }
  for (const fs::path& study : studies) checked_states(study, outline);
  std::error_code error;
  if (fs::exists(out / "study.json", error)) check_same_study(outline, read_outline(out), studies.front(), out);
  write_outline(out, outline);
  for (const fs::path& study : studies) {
    if (is_same_folder(study, out)) continue;
    for (const PlannedRun& run : outline.runs) take_run(out, study, run);
  }
  return outline;
}

}  // namespace precsim::study
