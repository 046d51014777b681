// How far a loop is, how fast it goes and how long it will take, as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace precsim::cli {

/// Rate and remaining time are those since the first update(), so that a resumed run does not count what it found done.
class Pace {
 public:
  /// What runs, and what is counted: "train", "steps". An empty unit shows neither counts nor rate.
  Pace(std::string label, std::string unit) : label_(std::move(label)), unit_(std::move(unit)) {}

  /// At `now` seconds, `done` of `total` units (0: unknown total); `extra` is shown as it is.
  void update(double now, std::uint64_t done, std::uint64_t total, std::string_view extra);
  /// What of `done` was there at the first update(), where the units have changed since.
  void set_found(std::uint64_t done) { start_done_ = done; }
  /// The next update() is the first again.
  void restart() { started_ = false; }

  bool has_started() const { return started_; }
  double now() const { return now_; }

  /// One line with a bar, of at most `width` columns: parts that do not fit are dropped from the right.
  std::string bar_text(std::size_t width) const;
  /// One line without a bar.
  std::string line_text() const;

 private:
  std::string rate_text() const;
  std::string time_text() const;
  double rate() const;

  std::string label_, unit_;
  bool started_ = false;
  double start_time_ = 0.0;
  double now_ = 0.0;
  std::uint64_t start_done_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  std::string extra_;
};

/// "0:07", "12:34", "3:05:09"; ">99 h" beyond that.
std::string duration_text(double seconds);

/// Seconds of a clock that never goes back.
double steady_seconds();

}  // namespace precsim::cli
