// Measuring the training steps of contenders in turns.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiments/step_bench/contender.hpp"

namespace precsim::step_bench {

struct TurnOptions {
  int rounds = 7;
  std::int64_t steps = 0;  ///< of a turn; 0: as many as take about half a second
};

/// What is known of one contender. Medians over the rounds of what a step takes; seconds are the processor's for one
/// thread and the wall clock's for several. NaN where there is no such number.
struct Result {
  Contender contender;
  Greeting greeting;
  std::int64_t steps = 0, skipped = 0;  ///< in all rounds
  double seconds = 0;
  double spread = 0;  ///< interquartile range, relative to the median
  double ratio = 0;   ///< how many times faster than the first contender, median of the rounds' ratios
  double page_faults = 0;
  double peak_bytes = 0;  ///< of the whole process
  double integer_rate = 0, floating_rate = 0;
  std::array<double, nn::works> work{};  ///< seconds by kind; their sum is `seconds`
  std::array<double, 3> of_ceiling{};    ///< by pass: the time at the ceilings' rates over the time taken
  double products_of_ceiling = 0;        ///< the same of all three
};

/// From what a contender's worker measured, round by round, and the first contender's.
Result summarize(const Contender& contender, const Greeting& greeting, std::span<const Sample> samples,
                 std::span<const double> first_seconds);
/// What a step of a sample took.
double step_seconds(const Contender& contender, const Sample& sample);

/// Starts a worker for each and lets them take turns; `on_turn` hears of each turn before it begins, and false from it
/// ends the run: then only whole rounds count, and nothing is returned without one.
std::vector<Result> measure(std::span<const Contender> contenders, const TurnOptions& options,
                            const std::function<bool(std::size_t turn, std::size_t turns)>& on_turn);

}  // namespace precsim::step_bench
