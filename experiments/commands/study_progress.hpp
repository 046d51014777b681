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
#include "experiments/study/conduct.hpp"

namespace precsim::experiments {

class StudyProgress final : public study::Follower {
 public:
  /// `left` runs of the outline are to be run; `gather` is called now and then when one of them has ended.
  StudyProgress(cli::Streams& streams, cli::ProgressMode mode, const study::Outline& outline, std::size_t left,
                std::function<void()> gather);

  void on_start(std::size_t run) override;
  void on_progress(std::size_t run, const study::Progress& progress) override;
  void on_end(std::size_t run, const study::Status& status) override;
  void on_wait(std::size_t runs) override;
  void on_tick() override;
  bool stop_requested() override;

  /// Removes the bars.
  void finish();

 private:
  struct Running {
    cli::Pace pace;
    double share = 0;  ///< of its steps
  };
  std::string described(std::size_t run) const;
  void print(const std::string& line);
  void draw();
  void update_whole();
  void gather_when_due();

  cli::Streams& streams_;
  cli::ProgressMode mode_;
  const study::Outline& outline_;
  std::size_t left_, ended_ = 0, failed_ = 0;
  std::function<void()> gather_;
  cli::Board board_;
  cli::Pace whole_;
  std::map<std::size_t, Running> running_;
  double shown_, gathered_, gathering_ = 0;
  bool told_stop_ = false, told_wait_ = false;
};

}  // namespace precsim::experiments
