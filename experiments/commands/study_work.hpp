// How much work a study is, and how much of it is done.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace precsim::experiments {

/// Runs count by the seconds they took, or, until they have ended, those that finished runs of the same point took in
/// the mean; where there are none, of all that is known; and alike where nothing is.
class StudyWork {
 public:
  /// One name of a point per run.
  explicit StudyWork(std::vector<std::string> points) : runs_(points.size()), points_(std::move(points)) {}

  /// It ended before. `seconds`: 0 where that is not known; `finished`: it counts for the others of its point.
  void found_ended(std::size_t run, double seconds, bool finished);
  /// Something of it may have been done before: as much as its first progress says.
  void found_begun(std::size_t run) { runs_[run].resumes = true; }
  /// It is not of those that are asked for; what it took counts for the others of its point.
  void leave_out(std::size_t run) { runs_[run].asked = false; }

  /// At `now` seconds.
  void begin(std::size_t run, double now);
  /// `share`: 0 to 1 of the run is done.
  void progress(std::size_t run, double now, double share);
  /// Also of runs that never began here: others did them.
  void ended(std::size_t run, double now, bool finished);

  struct Amount {
    double total = 0, done = 0, found = 0;  ///< found: the part of done that was there before
  };
  Amount amount() const;

 private:
  struct Run {
    bool asked = true, resumes = false, begun = false, finished = false;
    double begin = 0, found = 0, share = 0;
    double seconds = -1;  ///< it took as a whole; negative: not known
  };
  std::vector<Run> runs_;
  std::vector<std::string> points_;
};

}  // namespace precsim::experiments
