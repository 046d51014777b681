// Progress of a long loop: a bar with rate and remaining time on a terminal, plain lines elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

#include "experiments/cli/pace.hpp"
#include "experiments/cli/terminal.hpp"

namespace precsim::cli {

enum class ProgressMode { bar, lines, none };

/// The mode for a value of output.progress ("auto", "bar", "lines", "none"): auto takes the bar on a terminal. Quiet is
/// none, whatever the value.
ProgressMode progress_mode(std::string_view value, bool quiet, const Terminal& terminal);

struct ProgressOptions {
  ProgressMode mode = ProgressMode::none;
  /// Columns of the terminal; the bar stays one short of them and drops its parts from the right where they do not fit.
  std::size_t width = 80;
  /// What runs, and what is counted: "train", "steps".
  std::string label = {};
  std::string unit = {};
  double seconds_between_draws = 0.1;
  double seconds_between_lines = 10.0;
  /// Seconds of a clock that never goes back; by default the system's.
  std::function<double()> clock = {};
};

/// Draws on the stream it is given (stderr, by custom), which must outlive it. Rate and remaining time are those since
/// the first update(), so that a resumed run does not count what it found done.
class Progress {
 public:
  Progress(std::ostream& stream, ProgressOptions options);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;
  /// Clears the bar.
  ~Progress();

  /// `done` of `total` units (0: unknown total); `extra` is shown at the end, such as "loss 0.123". Bars appear at the
  /// first call, lines no earlier than seconds_between_lines after the construction or the line before.
  void update(std::uint64_t done, std::uint64_t total, std::string_view extra = {});

  /// Prints one line above the bar (an epoch's result); nothing in mode none.
  void print(std::string_view line);

  /// Clears the bar, or prints the last state as a line. Called again, or without an update() before, it does nothing.
  void finish();

 private:
  void draw_bar();
  void print_state();
  void clear();

  std::ostream& stream_;
  ProgressOptions options_;
  Pace pace_;
  double shown_time_ = 0.0;
  bool state_is_news_ = false;
  std::size_t drawn_width_ = 0;
};

}  // namespace precsim::cli
