// What a study shows while it goes on: a bar for each running job and one line for the whole, or plain lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "experiments/cli/board.hpp"
#include "experiments/cli/options.hpp"
#include "experiments/cli/pace.hpp"
#include "experiments/cli/progress.hpp"
#include "experiments/commands/study_work.hpp"
#include "experiments/study/conduct.hpp"

namespace precsim::experiments {

class StudyProgress final : public study::Follower {
 public:
  /// Of the whole, `count` runs of the outline, those that have `ended` are known to `work`; `gather` is called now
  /// and then when one has ended.
  StudyProgress(cli::Streams& streams, cli::ProgressMode mode, const study::Outline& outline, StudyWork work,
                std::size_t count, std::size_t ended, std::function<void()> gather);

  void on_start(std::size_t run) override;
  void on_progress(std::size_t run, const study::Progress& progress) override;
  void on_end(std::size_t run, const study::Status& status) override;
  void on_wait(std::size_t runs) override;
  void on_tick() override;
  bool stop_requested() override;

  /// Removes the bars.
  void finish();

 private:
  std::string described(std::size_t run) const;
  void print(const std::string& line);
  void draw();
  void update_whole();
  void gather_when_due();

  cli::Streams& streams_;
  cli::ProgressMode mode_;
  const study::Outline& outline_;
  StudyWork work_;
  std::size_t count_, ended_, failed_ = 0;
  std::function<void()> gather_;
  cli::Board board_;
  cli::Pace whole_;
  std::map<std::size_t, cli::Pace> running_;
  double shown_, gathered_, gathering_ = 0;
  bool told_stop_ = false, told_wait_ = false;
};

}  // namespace precsim::experiments
