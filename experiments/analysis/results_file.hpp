// The HDF5 file of an analysis.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/analysis/figures.hpp"
#include "experiments/record/bulk_table.hpp"
#include "experiments/record/header.hpp"

namespace precsim::analysis {

/// Rows of small tables are kept in memory, those of blocks wait on disk; the file appears whole in write().
class ResultsFile {
 public:
  /// Candidates go into /ranking. UserError where the output cannot be written or texts are too long for a table.
  ResultsFile(const std::filesystem::path& output, const AnalysisOptions& options, bool blocks,
              const TextLengths& lengths);

  void add(const TensorResult& result);
  void add_blocks(std::size_t conversion, std::span<const BlockErrors> blocks);

  /// `header.run` gets analysis_version. The text `outcome` says whether all tensors are in it.
  void write(record::RecordHeader header, std::string_view outcome);

 private:
  std::filesystem::path output_;
  std::size_t first_candidate_;
  std::vector<record::TableSchema> tables_;
  std::vector<std::string> rows_;
  std::optional<record::BulkTable> blocks_;
  std::int64_t tensors_ = 0;
};

/// The indices of `result.conversions` from `first` on by falling SQNR (NaN last), then rising bits, then as given.
std::vector<std::size_t> ranking(const TensorResult& result, std::size_t first);

/// The rows that a result makes.
TensorRow tensor_row(std::int64_t index, const TensorResult& result);
ConversionRow conversion_row(const TensorRow& tensor, const ConversionResult& result);

/// What the texts of these inputs and conversions need.
TextLengths text_lengths(std::span<const AnalysisInput> inputs, const AnalysisOptions& options);

}  // namespace precsim::analysis
