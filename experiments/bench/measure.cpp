// Timing in turns.
#include "experiments/bench/measure.hpp"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>

namespace precsim::bench {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr double ceiling_share = 0.2;
constexpr std::int64_t most_slices = 5;

/// Seconds of a clock that never goes back.
using Clock = double (*)();

/// Work at one number of threads, and its rate in each round.
class Timed {
 public:
  Timed(const Work& work, int threads, Clock clock) : work_(&work), threads_(threads), clock_(clock) {}

  /// Chooses how often a round repeats the work.
  void calibrate(double seconds) {
    const auto fitting = [&](double once) { return std::max<std::int64_t>(1, std::llround(seconds / once)); };
    repetitions_ = fitting(std::max(time(1), 1e-9));
    if (repetitions_ > 1) {
      const std::int64_t few = (repetitions_ + 7) / 8;
      repetitions_ = fitting(std::max(time(few) / static_cast<double>(few), 1e-9));
    }
  }
  std::int64_t repetitions() const { return repetitions_; }
  /// The slice-th of `slices` nearly equal parts of a round.
  void run_slice(std::int64_t slice, std::int64_t slices) {
    const std::int64_t repetitions = repetitions_ * (slice + 1) / slices - repetitions_ * slice / slices;
    seconds_ += repetitions > 0 ? time(repetitions) : 0;
  }
  void end_round() {
    rates.push_back(work_->work * static_cast<double>(repetitions_) / seconds_);
    seconds_ = 0;
  }

  std::vector<double> rates;

 private:
  double time(std::int64_t repetitions) const {
    omp_set_num_threads(threads_);
    const double start = clock_();
    for (std::int64_t i = 0; i < repetitions; ++i) {
      work_->run();
    }
    return clock_() - start;
  }

  const Work* work_;
  int threads_;
  Clock clock_;
  std::int64_t repetitions_ = 1;
  double seconds_ = 0;
};

/// A contender and its ceiling at one number of threads. In each round the two alternate in a few slices, so that
/// what else happens on the machine meets both.
struct Turn {
  Turn(const Contender& contender, int threads, Clock clock) : own(contender.what, threads, clock) {
    if (contender.ceiling) {
      ceiling.emplace_back(*contender.ceiling, threads, clock);
    }
  }
  void calibrate(double seconds) {
    own.calibrate(seconds);
    for (Timed& timed : ceiling) {
      timed.calibrate(seconds * ceiling_share);
    }
  }
  void round() {
    const std::int64_t slices = std::min(most_slices, own.repetitions());
    for (std::int64_t slice = 0; slice < slices; ++slice) {
      for (Timed& timed : ceiling) {
        timed.run_slice(slice, slices);
      }
      own.run_slice(slice, slices);
    }
    for (Timed& timed : ceiling) {
      timed.end_round();
    }
    own.end_round();
  }

  Timed own;
  std::vector<Timed> ceiling;  ///< one or none
};

Row row(const Case& what, const Contender& contender, const std::vector<Turn>& turns) {
  const Turn& turn = turns.front();
  const bool bounded = !turn.ceiling.empty();
  Row row;
  row.case_name = what.name;
  row.contender = contender.what.name;
  row.unit = what.unit;
  row.part = what.part;
  row.is_peer = !contender.against.empty();
  row.work = contender.what.work;
  row.rate = median(turn.own.rates);
  row.seconds = row.work / row.rate;
  row.spread = (quantile(turn.own.rates, 0.75) - quantile(turn.own.rates, 0.25)) / row.rate;
  row.ceiling = bounded ? contender.ceiling->name : "";
  row.ceiling_rate = bounded ? median(turn.ceiling.front().rates) : unknown;
  row.fraction = bounded ? median(ratios(turn.own.rates, turn.ceiling.front().rates)) : unknown;
  row.over_one_thread = turns.size() > 1 ? median(ratios(turn.own.rates, turns.back().own.rates)) : unknown;
  return row;
}

}  // namespace

double wall_time() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor_time() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double quantile(std::vector<double> values, double at) {
  if (values.empty()) {
    return unknown;
  }
  std::ranges::sort(values);
  const double place = at * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

std::vector<double> ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    result.push_back(a[i] / b[i]);
  }
  return result;
}

double median(std::vector<double> values) {
  return quantile(std::move(values), 0.5);
}

void measure_case(const Case& what, const Setup& setup, const MeasureOptions& options, Measurements& measurements) {
  omp_set_num_threads(options.threads);
  const std::vector<Contender> contenders = what.prepare(setup);
  const Clock clock = options.threads == 1 ? processor_time : wall_time;
  std::vector<std::vector<Turn>> turns;  // of a contender: with all threads, and then with one
  std::vector<std::string> wrong;
  for (const Contender& contender : contenders) {
    turns.emplace_back(1, Turn(contender, options.threads, clock));
    if (options.threads > 1 && contender.against.empty()) {
      turns.back().emplace_back(contender, 1, clock);
    }
    omp_set_num_threads(options.threads);
    contender.what.run();
    wrong.push_back(contender.check());
    for (Turn& turn : turns.back()) {
      turn.calibrate(options.seconds);
    }
  }
  for (int round = 0; round < options.rounds; ++round) {
    for (std::vector<Turn>& of_contender : turns) {
      for (Turn& turn : of_contender) {
        turn.round();
      }
    }
  }
  omp_set_num_threads(options.threads);
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    measurements.rows.push_back(row(what, contenders[i], turns[i]));
    measurements.rows.back().wrong = wrong[i].empty() ? contenders[i].check() : wrong[i];
    for (const std::string& name : contenders[i].against) {
      for (std::size_t j = 0; j < contenders.size(); ++j) {
        if (contenders[j].what.name == name) {
          measurements.comparisons.push_back({what.name, name, contenders[i].what.name,
                                              median(ratios(turns[j].front().own.rates, turns[i].front().own.rates))});
        }
      }
    }
  }
}

Measurements measure(std::span<const Case> cases, const Setup& setup, const MeasureOptions& options,
                     const std::function<bool(std::size_t index)>& on_case) {
  Measurements measurements;
  const double start = wall_time();
  for (std::size_t i = 0; i < cases.size() && on_case(i); ++i) {
    measure_case(cases[i], setup, options, measurements);
  }
  measurements.seconds = wall_time() - start;
  return measurements;
}

}  // namespace precsim::bench
