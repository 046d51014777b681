// What a study keeps of the record of a run that has ended.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "experiments/run/run_result.hpp"

namespace precsim::study {

/// Counts over conversions of tensors.
struct Conversions {
  std::uint64_t count = 0, nonfinite = 0, flushed = 0, saturated = 0;
};

/// Rows are packed for the table of their name in study_tables().
struct RunContent {
  std::string state_hash;
  std::int64_t test_images = 0;
  Conversions conversions;
  std::vector<experiments::Figure> figures;
  std::string evaluation, steps, tensor_statistics, products, error_by_octave;

  std::string host, version, start_time, engine, kernel;
  std::int64_t sessions = 0, threads = 0;
  double seconds = 0;

  /// NaN for a figure that the record does not have.
  double figure(std::string_view name) const;
};

/// Reads the record of an ended run; `run` goes into the column of that name. UserError if it is damaged.
RunContent read_content(const std::filesystem::path& record, std::int64_t run);

}  // namespace precsim::study
