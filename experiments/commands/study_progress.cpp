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
constexpr double parts = 1000;             // of a second, or of a run, in the count of the whole

}  // namespace

StudyProgress::StudyProgress(cli::Streams& streams, cli::ProgressMode mode, const study::Outline& outline,
                             StudyWork work, std::size_t count, std::size_t ended, std::function<void()> gather)
    : streams_(streams),
      mode_(mode == cli::ProgressMode::bar && !streams.err_terminal.color ? cli::ProgressMode::lines : mode),
      outline_(outline),
      work_(std::move(work)),
      count_(count),
      ended_(ended),
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
  running_.emplace(run, cli::Pace(described(run), "steps"));
  work_.begin(run, cli::steady_seconds());
  update_whole();
}

void StudyProgress::on_progress(std::size_t run, const study::Progress& progress) {
  const double now = cli::steady_seconds();
  running_.at(run).update(now, static_cast<std::uint64_t>(progress.done), static_cast<std::uint64_t>(progress.total),
                          progress.what);
  const double share =
      progress.total == 0 ? 0 : static_cast<double>(progress.done) / static_cast<double>(progress.total);
  work_.progress(run, now, share);
  update_whole();
}

void StudyProgress::on_end(std::size_t run, const study::Status& status) {
  running_.erase(run);
  if (status.state == study::State::unfinished) return;
  ++ended_;
  work_.ended(run, cli::steady_seconds(), status.state == study::State::finished);
  failed_ += status.state == study::State::failed ? 1 : 0;
  update_whole();
  print(fmt::format("{} of {}: {} {}{}{}", ended_, count_, described(run), study::name(status.state),
                    status.message.empty() ? "" : ": ", status.message));
  gather_when_due();
}

void StudyProgress::on_wait(std::size_t runs) {
  if (std::exchange(told_wait_, true)) return;
  print(
      fmt::format("waiting for {} that another process works on", runs == 1 ? "a run" : fmt::format("{} runs", runs)));
}

void StudyProgress::update_whole() {
  const StudyWork::Amount amount = work_.amount();
  const auto units = [](double work) { return static_cast<std::uint64_t>(work * parts); };
  const std::string failed = failed_ == 0 ? "" : fmt::format(", {} failed", failed_);
  whole_.update(cli::steady_seconds(), units(amount.done), units(amount.total),
                fmt::format("{} of {} runs{}", ended_, count_, failed));
  whole_.set_found(units(amount.found));
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
  for (const auto& [run, pace] : running_) {
    if (pace.has_started() && lines.size() < most) lines.push_back(pace.bar_text(width));
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
