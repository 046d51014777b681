// The HDF5 file of an analysis; see results_file.hpp.
#include "experiments/analysis/results_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/record/run_file.hpp"
#include "formats/error.hpp"

namespace precsim::analysis {
namespace {

constexpr std::size_t longest_text = 65536;

/// A name as a table can hold it.
std::string without_nul(const std::string& name) {
  std::string text;
  for (const char c : name) {
    text += c == '\0' ? std::string("\\x00") : std::string(1, c);
  }
  return text;
}

void lengthen(int& length, const std::string& text) {
  if (text.size() > longest_text) {
    throw UserError(fmt::format("a name of {} bytes, beginning with {:.40}, is longer than the {} that a table holds",
                                text.size(), text, longest_text));
  }
  length = std::max(length, static_cast<int>(text.size()));
}

template <class Row>
void append(std::string& rows, const record::TableSchema& table, const std::vector<Figure<Row>>& figures,
            const Row& row) {
  rows += record::pack_row(table, cells(figures, row));
}

}  // namespace

ResultsFile::ResultsFile(const std::filesystem::path& output, const AnalysisOptions& options, bool blocks,
                         const TextLengths& lengths)
    : output_(output), first_candidate_(options.conversions.size()), tables_(analysis_tables(lengths)) {
  PRECSIM_CHECK(record::schema_flaw(tables_).empty(), record::schema_flaw(tables_));
  if (blocks) {
    blocks_.emplace(output_, tables_[AnalysisTable::blocks]);
  }
  tables_.resize(AnalysisTable::blocks);
  rows_.resize(tables_.size());
}

void ResultsFile::add(const TensorResult& result) {
  using Table = AnalysisTable;
  const TensorRow tensor = tensor_row(tensors_++, result);
  append(rows_[Table::tensors], tables_[Table::tensors], tensor_figures(), tensor);
  append(rows_[Table::exponent_histograms], tables_[Table::exponent_histograms], histogram_figures(), tensor);
  for (const ConversionResult& conversion : result.conversions) {
    const ConversionRow row = conversion_row(tensor, conversion);
    append(rows_[Table::conversions], tables_[Table::conversions], conversion_figures(), row);
    append(rows_[Table::octave_errors], tables_[Table::octave_errors], octave_figures(), row);
  }
  std::int64_t rank = 0;
  for (const std::size_t c : ranking(result, first_candidate_)) {
    const ConversionRow row = conversion_row(tensor, result.conversions[c]);
    append(rows_[Table::ranking], tables_[Table::ranking], rank_figures(), RankRow{row, ++rank});
  }
}

void ResultsFile::add_blocks(std::size_t conversion, std::span<const BlockErrors> blocks) {
  const auto row = static_cast<std::int64_t>(conversion);
  for (const BlockErrors& block : blocks) {
    blocks_->append(cells(block_figures(), BlockRow{row, block}));
  }
}

void ResultsFile::write(record::RecordHeader header, std::string_view outcome) {
  record::set_value(header.run, "analysis_version", analysis_version);
  record::set_value(header.run, "outcome", std::string(outcome));
  const std::string image = record::run_image({std::move(header), tables_, rows_}, {});
  if (blocks_) {
    blocks_->write_behind(image);
  } else {
    record::replace_file(output_, image);
  }
}

std::vector<std::size_t> ranking(const TensorResult& result, std::size_t first) {
  std::vector<std::size_t> order(result.conversions.size() - first);
  std::iota(order.begin(), order.end(), first);
  const auto merit = [&](std::size_t c) {
    const double sqnr = result.conversions[c].errors.sqnr_db;
    return std::isnan(sqnr) ? -std::numeric_limits<double>::infinity() : sqnr;
  };
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    if (merit(a) != merit(b)) {
      return merit(a) > merit(b);
    }
    return result.conversions[a].bits < result.conversions[b].bits;
  });
  return order;
}

TensorRow tensor_row(std::int64_t index, const TensorResult& result) {
  return {index, result, without_nul(result.entry.name), shape_text(result.entry.shape)};
}

ConversionRow conversion_row(const TensorRow& tensor, const ConversionResult& result) {
  return {tensor, result, result.conversion.format->name(), formats::name(result.conversion.rounding)};
}

TextLengths text_lengths(std::span<const AnalysisInput> inputs, const AnalysisOptions& options) {
  TextLengths lengths;
  for (const AnalysisInput& input : inputs) {
    lengthen(lengths.file, input.file);
    for (const std::size_t index : input.wanted) {
      const tensor_files::TensorEntry& entry = input.tensors->tensors()[index];
      lengthen(lengths.name, without_nul(entry.name));
      lengthen(lengths.shape, shape_text(entry.shape));
      lengthen(lengths.type, entry.type_text);
      for (const formats::Conversion& conversion : conversions_of(options, entry.shape)) {
        lengthen(lengths.format, conversion.format->name());
        lengthen(lengths.rounding, formats::name(conversion.rounding));
      }
    }
  }
  return lengths;
}

}  // namespace precsim::analysis
