// Timing the contenders of a case in turns, and what came out.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/bench/contender.hpp"

namespace precsim::bench {

struct MeasureOptions {
  int rounds = 7;
  int threads = 1;
  /// One measurement repeats the work until it lasts about this long; that of a ceiling a fifth of it.
  double seconds = 0.03;
};

/// One contender of one case. Medians over the rounds; NaN where there is no such number.
struct Row {
  std::string case_name, contender;
  Unit unit = Unit::macs;
  Part part = {};
  bool is_peer = false;
  double work = 0;          ///< units of work of one call
  double seconds = 0;       ///< of one call
  double rate = 0;          ///< work per second
  double spread = 0;        ///< interquartile range of the rate, relative to its median
  std::string ceiling;      ///< empty: none is known
  double ceiling_rate = 0;  ///< work per second
  double fraction = 0;      ///< of the ceiling measured in turns with it, median of the rounds' ratios
  double over_one_thread =
      0;              ///< rate to that of one thread in the same round; only for several threads, and not of peers
  std::string wrong;  ///< what its check found; empty: the result is right
};

/// How many times faster `contender` was than `peer`, median of the rounds' ratios.
struct Comparison {
  std::string case_name, contender, peer;
  double ratio = 0;
};

struct Measurements {
  std::vector<Row> rows;
  std::vector<Comparison> comparisons;
  double seconds = 0;
};

/// Times are the processor's for one thread, so that a busy machine disturbs little, and the wall clock's for several.
/// Prepares the case, then lets every contender take its turn in every round, each in turns with its ceiling. Each
/// contender's result is checked after its first run and after its last.
void measure_case(const Case& what, const Setup& setup, const MeasureOptions& options, Measurements& measurements);

/// The cases in order; `on_case` hears of each before it begins, and false from it ends the run there.
Measurements measure(std::span<const Case> cases, const Setup& setup, const MeasureOptions& options,
                     const std::function<bool(std::size_t index)>& on_case);

double median(std::vector<double> values);
/// At position `at` in [0, 1] of the sorted values, linear between neighbors; NaN without values.
double quantile(std::vector<double> values, double at);
/// a[i] / b[i], as far as both go.
std::vector<double> ratios(const std::vector<double>& a, const std::vector<double>& b);

/// Seconds of a clock that never goes back; of all threads of this process together.
double wall_time();
double processor_time();

}  // namespace precsim::bench
