// What a run ends with, and the rows and attributes that its record keeps of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/record/record.hpp"
#include "experiments/record/table_rows.hpp"
#include "experiments/run/run_recorder.hpp"
#include "sim/nn/trainer.hpp"

namespace precsim::experiments {

/// "finished", "interrupted", "diverged"; and the way back.
std::string_view name(nn::Outcome outcome);
std::optional<nn::Outcome> parse_outcome(std::string_view text);

/// A figure of a result: a row of /summary.
struct Figure {
  std::string name;
  double value;
  std::string unit;
};

/// Up to so many classes, the share of the five largest outputs is not told: it is close to 1.
inline constexpr std::int64_t few_classes = 10;

/// What a run ends with. Of a run that had ended before, what its record says: the outcome, its message and the number
/// of steps in `training`, the figures, the hashes and the seconds.
struct RunResult {
  nn::TrainingResult training;
  std::vector<Figure> figures;
  std::int64_t skipped_steps = 0;
  std::string configuration_hash;
  std::string state_hash;
  double seconds = 0;                        ///< of all sessions of the run
  std::vector<std::string> replaced_images;  ///< "NAME: why" of those that this session could not decode
  bool had_ended = false;
};

/// The figures of a run, from its end and from what was observed.
std::vector<Figure> figures(const nn::TrainingResult& training, const RunRecorder& recorder);

/// Writes the result and closes the record. The outcome comes last: a record that has it is whole.
void write_result(record::Record& record, const RunResult& result);

/// The figures in the rows of /summary.
std::vector<Figure> recorded_figures(const record::TableRows& summary);

/// The result of a run that had ended, from its record. UserError if the record lacks a part of it.
RunResult recorded_result(const record::Record& record);

}  // namespace precsim::experiments
