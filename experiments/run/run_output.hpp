// Where a run's record and checkpoint stand when it starts: nothing there, to be replaced, to be gone on with, ended.
#pragma once

#include <memory>
#include <optional>

#include "experiments/checkpoint/checkpoint.hpp"
#include "experiments/config/config.hpp"
#include "experiments/record/record.hpp"

namespace precsim::experiments {

/// The record of a run, locked and ready for its next row, and the checkpoint that it goes on from, if any.
struct RunOutput {
  std::unique_ptr<record::Record> record;
  std::optional<checkpoint::Checkpoint> from;
  bool ended = false;  ///< the record has its outcome: it is as it was found, and nothing may be added
};

/// Prepares run.out (which is not empty) for a run with this header, as run.overwrite and run.resume say.
/// Without run.resume, an existing record or checkpoint is refused unless it may be replaced.
/// With it: nothing there, or a record without rows and checkpoint: the run begins. A record that finished or diverged:
/// `ended`. A checkpoint: the record is brought to exactly its rows. All else is a UserError, with the files left as
/// they are: a record without a checkpoint, a checkpoint without its record or with fewer rows than it says, of another
/// record, configuration (the sentence names the first key that differs), data or numerics version, damaged files.
RunOutput open_output(const config::Config& config, const record::RecordHeader& header);

}  // namespace precsim::experiments
