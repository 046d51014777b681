// Progress of a long loop: a bar with rate and remaining time on a terminal, plain lines elsewhere.
#include "experiments/cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace precsim::cli {
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int percent_of(std::uint64_t done, std::uint64_t total) {
  return static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(total));
}

}  // namespace

ProgressMode progress_mode(std::string_view value, bool quiet, const Terminal& terminal) {
  if (quiet || value == "none") return ProgressMode::none;
  if (value == "bar") return ProgressMode::bar;
  if (value == "lines") return ProgressMode::lines;
  return terminal.is_terminal ? ProgressMode::bar : ProgressMode::lines;
}

std::string duration_text(double seconds) {
  constexpr double longest = 99 * 3600.0;
  if (!(seconds <= longest)) return ">99 h";
  const int whole = static_cast<int>(std::max(seconds, 0.0));
  const int hours = whole / 3600;
  const int minutes = whole / 60 % 60;
  if (hours == 0) return fmt::format("{}:{:02}", minutes, whole % 60);
  return fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60);
}

Progress::Progress(std::ostream& stream, ProgressOptions options) : stream_(stream), options_(std::move(options)) {
  if (!options_.clock) options_.clock = steady_seconds;
  shown_time_ = options_.clock();
}

Progress::~Progress() {
  clear();
}

void Progress::update(std::uint64_t done, std::uint64_t total, std::string_view extra) {
  if (options_.mode == ProgressMode::none) return;
  now_ = options_.clock();
  done_ = total == 0 ? done : std::min(done, total);
  total_ = total;
  extra_ = extra;
  state_is_news_ = true;
  if (!std::exchange(started_, true)) {
    start_time_ = now_;
    start_done_ = done_;
  }
  if (options_.mode == ProgressMode::bar) {
    if (drawn_width_ == 0 || now_ - shown_time_ >= options_.seconds_between_draws) draw_bar();
  } else if (now_ - shown_time_ >= options_.seconds_between_lines) {
    print_state();
  }
}

void Progress::print(std::string_view line) {
  if (options_.mode == ProgressMode::none) return;
  clear();
  stream_ << line << '\n' << std::flush;
}

void Progress::finish() {
  if (!std::exchange(started_, false)) return;
  clear();
  if (options_.mode == ProgressMode::lines && state_is_news_) print_state();
}

void Progress::draw_bar() {
  const std::string text = bar_text();
  const std::size_t width = display_width(text);
  stream_ << '\r' << text << std::string(drawn_width_ > width ? drawn_width_ - width : 0, ' ') << std::flush;
  drawn_width_ = std::max(width, drawn_width_);
  shown_time_ = now_;
}

void Progress::print_state() {
  stream_ << line_text() << std::flush;
  state_is_news_ = false;
  shown_time_ = now_;
}

// Blanks rather than an escape sequence: a "dumb" terminal understands them, too.
void Progress::clear() {
  if (drawn_width_ == 0) return;
  stream_ << '\r' << std::string(drawn_width_, ' ') << '\r' << std::flush;
  drawn_width_ = 0;
}

double Progress::rate() const {
  const double elapsed = now_ - start_time_;
  return elapsed > 0.0 && done_ > start_done_ ? static_cast<double>(done_ - start_done_) / elapsed : 0.0;
}

std::string Progress::rate_text() const {
  const double value = rate();
  return value == 0.0 ? std::string() : fmt::format("{:.{}f} {}/s", value, value < 10.0 ? 2 : 0, options_.unit);
}

std::string Progress::time_text() const {
  const double value = rate();
  if (value == 0.0 || total_ == 0) return {};
  if (done_ == total_) return fmt::format("in {}", duration_text(now_ - start_time_));
  return fmt::format("ETA {}", duration_text(static_cast<double>(total_ - done_) / value));
}

std::string Progress::bar_text() const {
  const std::size_t width = options_.width > 0 ? options_.width - 1 : 0;
  std::vector<std::string> parts;
  if (total_ == 0) {
    parts = {fmt::format("{} {} {}", options_.label, done_, options_.unit), extra_, rate_text()};
  } else {
    parts = {fmt::format("{} {:3}%", options_.label, percent_of(done_, total_)), time_text(), extra_, rate_text(),
             fmt::format("{}/{}", done_, total_)};
  }
  std::string text;
  for (const std::string& part : parts) {
    const std::size_t needed = display_width(part) + (text.empty() ? 0 : 2);
    if (part.empty()) continue;
    if (display_width(text) + needed > width) break;
    text += (text.empty() ? "" : "  ") + part;
  }
  constexpr std::size_t most_cells = 30;
  constexpr std::size_t frame = 4;
  const std::size_t used = display_width(text) + frame;
  if (total_ == 0 || text.empty() || used + 5 > width) return text;
  const std::size_t cells = std::min(most_cells, width - used);
  const auto filled =
      static_cast<std::size_t>(static_cast<double>(cells) * static_cast<double>(done_) / static_cast<double>(total_));
  const std::string bar = fmt::format("  [{}{}]", std::string(filled, '='), std::string(cells - filled, ' '));
  return text.insert(parts.front().size(), bar);
}

std::string Progress::line_text() const {
  std::string text = total_ == 0 ? fmt::format("{} {} {}", options_.label, done_, options_.unit)
                                 : fmt::format("{} {:3}% {}/{} {}", options_.label, percent_of(done_, total_), done_,
                                               total_, options_.unit);
  for (const std::string& part : {extra_, rate_text(), time_text()}) {
    if (!part.empty()) text += "  " + part;
  }
  return text + '\n';
}

}  // namespace precsim::cli
