// The texts of progress.
#include "experiments/cli/pace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "experiments/cli/terminal.hpp"

namespace precsim::cli {
namespace {

int percent_of(std::uint64_t done, std::uint64_t total) {
  return static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(total));
}

}  // namespace

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
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

void Pace::update(double now, std::uint64_t done, std::uint64_t total, std::string_view extra) {
  now_ = now;
  done_ = total == 0 ? done : std::min(done, total);
  total_ = total;
  extra_ = extra;
  if (!std::exchange(started_, true)) {
    start_time_ = now_;
    start_done_ = done_;
  }
}

double Pace::rate() const {
  const double elapsed = now_ - start_time_;
  return elapsed > 0.0 && done_ > start_done_ ? static_cast<double>(done_ - start_done_) / elapsed : 0.0;
}

std::string Pace::rate_text() const {
  const double value = rate();
  return value == 0.0 || unit_.empty() ? std::string()
                                       : fmt::format("{:.{}f} {}/s", value, value < 10.0 ? 2 : 0, unit_);
}

std::string Pace::time_text() const {
  const double value = rate();
  if (value == 0.0 || total_ == 0) return {};
  if (done_ == total_) return fmt::format("in {}", duration_text(now_ - start_time_));
  return fmt::format("ETA {}", duration_text(static_cast<double>(total_ - done_) / value));
}

std::string Pace::bar_text(std::size_t width) const {
  std::vector<std::string> parts;
  if (total_ == 0) {
    parts = {fmt::format("{} {} {}", label_, done_, unit_), extra_, rate_text()};
  } else {
    parts = {fmt::format("{} {:3}%", label_, percent_of(done_, total_)), time_text(), extra_, rate_text(),
             unit_.empty() ? std::string() : fmt::format("{}/{}", done_, total_)};
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

std::string Pace::line_text() const {
  std::string text = total_ == 0 ? fmt::format("{} {} {}", label_, done_, unit_)
                     : unit_.empty()
                         ? fmt::format("{} {:3}%", label_, percent_of(done_, total_))
                         : fmt::format("{} {:3}% {}/{} {}", label_, percent_of(done_, total_), done_, total_, unit_);
  for (const std::string& part : {extra_, rate_text(), time_text()}) {
    if (!part.empty()) text += "  " + part;
  }
  return text;
}

}  // namespace precsim::cli
