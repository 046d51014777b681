// Saving a run between two of its steps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "experiments/record/record.hpp"
#include "experiments/run/run_recorder.hpp"

namespace precsim::experiments {

/// Saves checkpoints of a run beside its record.
class Checkpointer {
 public:
  /// How often: every so many steps, and when so many seconds have passed since the last; 0: not for that reason.
  struct Interval {
    std::int64_t steps = 0;
    double seconds = 0;
  };
  /// The record and the recorder must outlive this. `saved` is the step of a checkpoint that is there already.
  Checkpointer(record::Record& record, const RunRecorder& recorder, Interval interval,
               std::optional<std::int64_t> saved);

  /// Between two steps: saves if it is due, and a copy of its own after the best evaluation. A run that begins is saved
  /// before its first step, so that there is something to go on from at any time.
  void between_steps(const nn::Trainer& trainer, double seconds);

  /// Saves, unless the checkpoint is of this very step. The rows so far are made safe first, then the checkpoint that
  /// counts on them.
  void save(const nn::Trainer& trainer, double seconds);

 private:
  void write(const nn::Trainer& trainer, double seconds, const std::filesystem::path& file);

  bool is_due(std::int64_t step, double seconds);

  record::Record& record_;
  const RunRecorder& recorder_;
  Interval interval_;
  std::optional<std::int64_t> saved_;
  std::optional<double> saved_at_;  ///< in seconds of the run; unknown until it is first asked
};

}  // namespace precsim::experiments
