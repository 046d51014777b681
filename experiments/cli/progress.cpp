// Progress of a long loop: a bar with rate and remaining time on a terminal, plain lines elsewhere.
#include "experiments/cli/progress.hpp"

#include <algorithm>
#include <utility>

namespace precsim::cli {

ProgressMode progress_mode(std::string_view value, bool quiet, const Terminal& terminal) {
  if (quiet || value == "none") return ProgressMode::none;
  if (value == "bar") return ProgressMode::bar;
  if (value == "lines") return ProgressMode::lines;
  return terminal.is_terminal ? ProgressMode::bar : ProgressMode::lines;
}

Progress::Progress(std::ostream& stream, ProgressOptions options)
    : stream_(stream), options_(std::move(options)), pace_(options_.label, options_.unit) {
  if (!options_.clock) options_.clock = steady_seconds;
  shown_time_ = options_.clock();
}

Progress::~Progress() {
  clear();
}

void Progress::update(std::uint64_t done, std::uint64_t total, std::string_view extra) {
  if (options_.mode == ProgressMode::none) return;
  pace_.update(options_.clock(), done, total, extra);
  state_is_news_ = true;
  if (options_.mode == ProgressMode::bar) {
    if (drawn_width_ == 0 || pace_.now() - shown_time_ >= options_.seconds_between_draws) draw_bar();
  } else if (pace_.now() - shown_time_ >= options_.seconds_between_lines) {
    print_state();
  }
}

void Progress::print(std::string_view line) {
  if (options_.mode == ProgressMode::none) return;
  clear();
  stream_ << line << '\n' << std::flush;
}

void Progress::finish() {
  if (!pace_.has_started()) return;
  pace_.restart();
  clear();
  if (options_.mode == ProgressMode::lines && state_is_news_) print_state();
}

void Progress::draw_bar() {
  const std::string text = pace_.bar_text(options_.width > 0 ? options_.width - 1 : 0);
  const std::size_t width = display_width(text);
  stream_ << '\r' << text << std::string(drawn_width_ > width ? drawn_width_ - width : 0, ' ') << std::flush;
  drawn_width_ = std::max(width, drawn_width_);
  shown_time_ = pace_.now();
}

void Progress::print_state() {
  stream_ << pace_.line_text() << '\n' << std::flush;
  state_is_news_ = false;
  shown_time_ = pace_.now();
}

// Blanks rather than an escape sequence: a "dumb" terminal understands them, too.
void Progress::clear() {
  if (drawn_width_ == 0) return;
  stream_ << '\r' << std::string(drawn_width_, ' ') << '\r' << std::flush;
  drawn_width_ = 0;
}

}  // namespace precsim::cli
