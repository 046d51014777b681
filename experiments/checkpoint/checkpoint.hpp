// A checkpoint: everything an interrupted run needs to go on as if nothing had happened, as a file beside its record.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/record/header.hpp"
#include "sim/nn/training_state.hpp"

namespace precsim::checkpoint {

/// Raised by every change of the file that a reader could notice.
inline constexpr std::int64_t checkpoint_version = 3;

/// How much of the record belongs to the steps done.
struct RecordMark {
  std::string id;  ///< record_id
  struct Rows {
    std::string table;  ///< without the slash
    std::uint64_t count = 0;
  };
  std::vector<Rows> rows;
};

struct Checkpoint {
  record::AttributeList run;         ///< what identifies the run: the attributes of "/" in its record
  record::AttributeList provenance;  ///< of the process that wrote it
  nn::TrainingState state;
  RecordMark record;
  record::AttributeList figures;  ///< running figures of the run's summary that no row of the record holds
};

/// The checkpoint of the record `record`: run.checkpoint.h5 beside run.h5. A record whose name does not end in .h5 has
/// .checkpoint behind it, so that no two records share one.
std::filesystem::path path_for(const std::filesystem::path& record);

/// The same of the best evaluation: run.best.checkpoint.h5.
std::filesystem::path best_path_for(const std::filesystem::path& record);

/// The HDF5 file, complete and sealed (see record/seal.hpp): SCHEMA.md says what is where.
std::string image(const Checkpoint& checkpoint);

/// Replaces the checkpoint `file` whole: at any moment, and after any crash, the old or the new one is there.
void write(const std::filesystem::path& file, const Checkpoint& checkpoint);

/// UserError, with the file left alone, if it is missing, damaged, truncated, or not written by this program: all this
/// is told before HDF5's parser meets the file.
Checkpoint read(const std::filesystem::path& file);

}  // namespace precsim::checkpoint
