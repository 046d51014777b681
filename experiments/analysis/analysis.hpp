// What formats do to the tensors of files: statistics of every tensor and conversion (numerics 10), streamed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "experiments/analysis/block_errors.hpp"
#include "experiments/tensor_files/tensor_file.hpp"
#include "formats/catalogue.hpp"
#include "formats/statistics.hpp"

namespace precsim::analysis {

/// One conversion of one tensor. Elements that are not finite are left out: they enter neither a figure nor the absmax
/// of a block, whether or not the format has codes for them.
struct ConversionResult {
  formats::Conversion conversion;
  double bits = 0;  ///< per element of this tensor, see bits_per_element()
  formats::ConversionErrors errors;
  std::uint64_t blocks = 0;         ///< shared exponents; 0 where the format has none
  std::uint64_t silent_blocks = 0;  ///< nothing but zeros; not in the SQNRs
  int exponent_min = 0, exponent_median = 0, exponent_max = 0;
  double block_sqnr_min_db = 0, block_sqnr_p01_db = 0, block_sqnr_median_db = 0;  ///< NaN without blocks
};

struct TensorResult {
  std::string file;
  tensor_files::TensorEntry entry;
  formats::ReferenceStatistics reference;
  std::vector<ConversionResult> conversions;  ///< AnalysisOptions::conversions, then candidates
};

struct AnalysisOptions {
  std::vector<formats::Conversion> conversions;  ///< of every tensor
  /// Further conversions of a tensor of that shape; null: none.
  std::function<std::vector<formats::Conversion>(std::span<const std::int64_t> shape)> candidates = {};
  std::uint32_t seed = 1;
  int threads = 1;
};

/// The conversions of a tensor of that shape, in the order of TensorResult::conversions.
std::vector<formats::Conversion> conversions_of(const AnalysisOptions& options, std::span<const std::int64_t> shape);

/// One opened file and the readable tensors that are wanted of it.
struct AnalysisInput {
  std::string file;
  std::unique_ptr<tensor_files::TensorFile> tensors;
  std::vector<std::size_t> wanted;
};

struct AnalysisHooks {
  /// Bytes as stored; of tensors that are read twice each reading counts half. False: stop.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress = {};
  /// In the order of the inputs.
  std::function<void(TensorResult&&)> tensor = {};
  /// The blocks of formats by channel or along the last axis, in order, some at a time; before their tensor's result.
  /// `conversion` counts those of all tensors.
  std::function<void(std::size_t conversion, std::span<const BlockErrors>)> blocks = {};
};

/// Reads every tensor once, or twice where blocks longer than what is held in memory need their absmax first. Random
/// bits: stream rounding, the tensor's id from its name, step and use 0, the element's index. The result is the same
/// for every number of threads. False if a hook stopped it; then the tensors reported are whole.
bool analyze(std::span<AnalysisInput> inputs, const AnalysisOptions& options, const AnalysisHooks& hooks);

}  // namespace precsim::analysis
