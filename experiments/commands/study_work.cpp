// The weights of runs.
#include "experiments/commands/study_work.hpp"

#include <algorithm>
#include <map>

namespace precsim::experiments {
namespace {

struct Mean {
  double sum = 0;
  std::size_t count = 0;

  void add(double value) {
    sum += value;
    ++count;
  }
};

}  // namespace

void StudyWork::found_ended(std::size_t run, double seconds, bool finished) {
  Run& at = runs_[run];
  at.begun = true;
  at.finished = finished;
  at.found = at.share = 1;
  if (seconds > 0) at.seconds = seconds;
}

void StudyWork::begin(std::size_t run, double now) {
  runs_[run].begin = now;
  runs_[run].begun = !runs_[run].resumes;
}

void StudyWork::progress(std::size_t run, double now, double share) {
  Run& at = runs_[run];
  at.share = std::clamp(share, 0.0, 1.0);
  if (at.begun) return;
  at.begun = true;
  at.begin = now;
  at.found = at.share;
}

void StudyWork::ended(std::size_t run, double now, bool finished) {
  Run& at = runs_[run];
  if (!at.begun) return found_ended(run, 0, finished);
  if (finished && at.found < 1 && now > at.begin) at.seconds = (now - at.begin) / (1 - at.found);
  at.finished = finished;
  at.share = 1;
}

StudyWork::Amount StudyWork::amount() const {
  std::map<std::string, Mean> of_points;
  Mean of_all;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (!runs_[i].finished || runs_[i].seconds <= 0) continue;
    of_points[points_[i]].add(runs_[i].seconds);
    of_all.add(runs_[i].seconds);
  }
  Amount amount;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const Run& run = runs_[i];
    if (!run.asked) continue;
    const auto point = of_points.find(points_[i]);
    const Mean& mean = point == of_points.end() ? of_all : point->second;
    const double weight = run.seconds > 0   ? run.seconds
                          : mean.count == 0 ? 1
                                            : mean.sum / static_cast<double>(mean.count);
    amount.total += weight;
    amount.done += weight * run.share;
    amount.found += weight * run.found;
  }
  return amount;
}

}  // namespace precsim::experiments
