// The tables of an analysis as data: one row per column, with the way to its value.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/analysis/analysis.hpp"
#include "experiments/record/table.hpp"

namespace precsim::analysis {

/// Version of the tables; raised by every change that a reader could notice.
inline constexpr std::int64_t analysis_version = 2;

/// What a row of a table is made of.
struct TensorRow {
  std::int64_t index = 0;
  const TensorResult& result;
  std::string name;   ///< without NUL
  std::string shape;  ///< "64x3x7x7", "scalar"
};
struct ConversionRow {
  const TensorRow& tensor;
  const ConversionResult& result;
  std::string format, rounding;
};
struct RankRow {
  const ConversionRow& conversion;
  std::int64_t rank = 0;
};
struct BlockRow {
  std::int64_t conversion = 0;  ///< row in /conversions
  const BlockErrors& errors;
};

template <class Row>
struct Figure {
  record::Column column;
  record::Cell (*value)(const Row&);
};

const std::vector<Figure<TensorRow>>& tensor_figures();
const std::vector<Figure<TensorRow>>& histogram_figures();
const std::vector<Figure<ConversionRow>>& conversion_figures();
const std::vector<Figure<ConversionRow>>& octave_figures();
const std::vector<Figure<RankRow>>& rank_figures();
const std::vector<Figure<BlockRow>>& block_figures();

/// The cells of one row; views into it.
template <class Row>
std::vector<record::Cell> cells(const std::vector<Figure<Row>>& figures, const Row& row) {
  std::vector<record::Cell> values;
  for (const Figure<Row>& figure : figures) {
    values.push_back(figure.value(row));
  }
  return values;
}

/// Bytes of the longest texts, at least 1.
struct TextLengths {
  int file = 1, name = 1, shape = 1, type = 1, format = 1, rounding = 1;
};

/// Indices of the tables; `blocks` is written by itself.
struct AnalysisTable {
  enum Index : std::size_t { tensors, conversions, exponent_histograms, octave_errors, ranking, blocks };
};
/// All tables in the order of AnalysisTable.
std::vector<record::TableSchema> analysis_tables(const TextLengths& lengths);

/// "64x3x7x7"; "scalar" for none.
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace precsim::analysis
