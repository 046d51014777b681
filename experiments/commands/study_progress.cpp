// Bars and lines of a study.
#include "experiments/commands/study_progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "experiments/commands/stop_signal.hpp"

namespace precsim::experiments {
namespace {

constexpr double seconds_between_draws = 0.2;
constexpr double seconds_between_lines = 10.0;
constexpr double seconds_between_gatherings = 10.0;
constexpr double gatherings_share = 20.0;  // of the time at most one part in so many goes into gathering
constexpr std::uint64_t parts = 1000;      // of a run, in the count of the whole

}  // namespace

StudyProgress::StudyProgress(cli::Streams& streams, cli::ProgressMode mode, const study::Outline& outline,
                             std::size_t left, std::function<void()> gather)
    : streams_(streams),
      mode_(mode == cli::ProgressMode::bar && !streams.err_terminal.color ? cli::ProgressMode::lines : mode),
      outline_(outline),
      left_(left),
      gather_(std::move(gather)),
      board_(streams.err),
      whole_("study", ""),
      shown_(cli::steady_seconds()),
      gathered_(shown_) {}

std::string StudyProgress::described(std::size_t run) const {
  const study::PlannedRun& planned = outline_.runs[run];
  return fmt::format("{}, seed {}", planned.point, planned.seed);
}

void StudyProgress::print(const std::string& line) {
  if (mode_ == cli::ProgressMode::none) return;
  board_.print(cli::one_line(line));
}

void StudyProgress::on_start(std::size_t run) {
  running_.emplace(run, Running{cli::Pace(described(run), "steps"), 0});
  update_whole();
}

void StudyProgress::on_progress(std::size_t run, const study::Progress& progress) {
  Running& job = running_.at(run);
  job.pace.update(cli::steady_seconds(), static_cast<std::uint64_t>(progress.done),
                  static_cast<std::uint64_t>(progress.total), progress.what);
  job.share = progress.total == 0 ? 0 : static_cast<double>(progress.done) / static_cast<double>(progress.total);
  update_whole();
}

void StudyProgress::on_end(std::size_t run, const study::Status& status) {
  running_.erase(run);
  if (status.state == study::State::unfinished) return;
  ++ended_;
  failed_ += status.state == study::State::failed ? 1 : 0;
  update_whole();
  print(fmt::format("{} of {}: {} {}{}{}", ended_, left_, described(run), study::name(status.state),
                    status.message.empty() ? "" : ": ", status.message));
  gather_when_due();
}

void StudyProgress::on_wait(std::size_t runs) {
  if (std::exchange(told_wait_, true)) return;
  print(
      fmt::format("waiting for {} that another process works on", runs == 1 ? "a run" : fmt::format("{} runs", runs)));
}

void StudyProgress::update_whole() {
  double done = static_cast<double>(ended_);
  for (const auto& [run, job] : running_) done += std::min(job.share, 1.0);
  const std::string failed = failed_ == 0 ? "" : fmt::format(", {} failed", failed_);
  whole_.update(cli::steady_seconds(), static_cast<std::uint64_t>(done * static_cast<double>(parts)), left_ * parts,
                fmt::format("{} of {} runs{}", ended_, left_, failed));
}

void StudyProgress::on_tick() {
  if (stop_requested() && !std::exchange(told_stop_, true)) {
    print("stopping: the running ones save their state");
  }
  const double now = cli::steady_seconds();
  if (mode_ == cli::ProgressMode::bar && now - shown_ >= seconds_between_draws) draw();
  if (mode_ == cli::ProgressMode::lines && now - shown_ >= seconds_between_lines && whole_.has_started()) {
    print(whole_.line_text());
    shown_ = now;
  }
}

void StudyProgress::draw() {
  const std::size_t width = streams_.err_terminal.width > 0 ? streams_.err_terminal.width - 1 : 0;
  const std::size_t most = std::max<std::size_t>(streams_.err_terminal.height, 3) - 2;
  std::vector<std::string> lines;
  for (const auto& [run, job] : running_) {
    if (job.pace.has_started() && lines.size() < most) lines.push_back(job.pace.bar_text(width));
  }
  if (whole_.has_started()) lines.push_back(whole_.bar_text(width));
  board_.draw(lines);
  shown_ = cli::steady_seconds();
}

bool StudyProgress::stop_requested() {
  return experiments::stop_requested();
}

void StudyProgress::gather_when_due() {
  const double start = cli::steady_seconds();
  if (start - gathered_ < std::max(seconds_between_gatherings, gatherings_share * gathering_)) return;
  gather_();
  gathered_ = cli::steady_seconds();
  gathering_ = gathered_ - start;
}

void StudyProgress::finish() {
  board_.clear();
}

}  // namespace precsim::experiments
