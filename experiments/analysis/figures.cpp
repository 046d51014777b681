// The tables of an analysis; see figures.hpp.
#include "experiments/analysis/figures.hpp"

#include <fmt/format.h>

#include "formats/statistics.hpp"

namespace precsim::analysis {
namespace {

using record::Cell;
using record::Column;
using record::ColumnType;
using record::TableSchema;

constexpr ColumnType i64 = ColumnType::int64;
constexpr ColumnType u64 = ColumnType::uint64;
constexpr ColumnType f64 = ColumnType::float64;
constexpr ColumnType text = ColumnType::text;

std::string_view view(const std::string& s) {
  return s;
}

using Tensor = Figure<TensorRow>;
using Conversion = Figure<ConversionRow>;

const Tensor tensor_index = {{"tensor", i64, 1, "1", "row in /tensors"},
                             [](const TensorRow& r) -> Cell { return r.index; }};
const Tensor tensor_name = {{"name", text, 1, "-", "name of the tensor"},
                            [](const TensorRow& r) -> Cell { return view(r.name); }};
const Conversion of_tensor = {tensor_index.column, [](const ConversionRow& r) -> Cell { return r.tensor.index; }};
const Conversion of_name = {tensor_name.column, [](const ConversionRow& r) -> Cell { return view(r.tensor.name); }};
const Conversion format = {{"format", text, 1, "-", "format in the name grammar of the program"},
                           [](const ConversionRow& r) -> Cell { return view(r.format); }};
const Conversion rounding = {{"rounding", text, 1, "-", "rounding mode of the conversion"},
                             [](const ConversionRow& r) -> Cell { return view(r.rounding); }};
const Conversion bits = {{"bits", f64, 1, "bit", "bits per element of this tensor, with its shared exponents"},
                         [](const ConversionRow& r) -> Cell { return r.result.bits; }};
const Conversion sqnr = {{"sqnr_db", f64, 1, "dB", "10 log10(sum x^2 / sum (x-y)^2); +inf without noise, NaN for 0/0"},
                         [](const ConversionRow& r) -> Cell { return r.result.errors.sqnr_db; }};

#define PRECSIM_OF_REFERENCE(member) [](const TensorRow& r) -> Cell { return r.result.reference.member; }
#define PRECSIM_OF_ERRORS(member) [](const ConversionRow& r) -> Cell { return r.result.errors.member; }
#define PRECSIM_OF_BLOCKS(type, member) [](const ConversionRow& r) -> Cell { return type{r.result.member}; }

template <class Row>
TableSchema schema(const char* path, const char* description, const std::vector<Figure<Row>>& figures) {
  TableSchema table{path, description, {}};
  for (const Figure<Row>& one : figures) {
    table.columns.push_back(one.column);
  }
  return table;
}

}  // namespace

const std::vector<Tensor>& tensor_figures() {
  static const std::vector<Tensor> figures = {
      tensor_index,
      {{"file", text, 1, "-", "file as given"}, [](const TensorRow& r) -> Cell { return view(r.result.file); }},
      tensor_name,
      {{"shape", text, 1, "-", "axes, x between them"}, [](const TensorRow& r) -> Cell { return view(r.shape); }},
      {{"type", text, 1, "-", "type of the elements in the file"},
       [](const TensorRow& r) -> Cell { return view(r.result.entry.type_text); }},
      {{"count", u64, 1, "element", "elements"},
       [](const TensorRow& r) -> Cell { return r.result.reference.count + r.result.reference.nonfinite; }},
      {{"nonfinite", u64, 1, "element", "elements that are NaN or infinite; left out of everything else"},
       PRECSIM_OF_REFERENCE(nonfinite)},
      {{"zeros", u64, 1, "element", "elements that are zero"}, PRECSIM_OF_REFERENCE(zeros)},
      {{"min", f64, 1, "1", "smallest x"}, PRECSIM_OF_REFERENCE(min)},
      {{"max", f64, 1, "1", "largest x"}, PRECSIM_OF_REFERENCE(max)},
      {{"absmax", f64, 1, "1", "largest abs(x)"}, PRECSIM_OF_REFERENCE(absmax)},
      {{"mean", f64, 1, "1", "mean of x"}, PRECSIM_OF_REFERENCE(mean)},
      {{"std", f64, 1, "1", "standard deviation of x"}, PRECSIM_OF_REFERENCE(std)},
  };
  return figures;
}

const std::vector<Tensor>& histogram_figures() {
  static const std::vector<Tensor> figures = {
      tensor_index,
      tensor_name,
      {{"zeros", u64, 1, "element", "elements that are zero; not in counts"}, PRECSIM_OF_REFERENCE(zeros)},
      {{"counts", u64, formats::exponent_bins, "element", "counts[i]: nonzero elements with E(x) = i - 149"},
       [](const TensorRow& r) -> Cell { return std::span<const std::uint64_t>(r.result.reference.exponents); }},
  };
  return figures;
}

const std::vector<Conversion>& conversion_figures() {
  static const std::vector<Conversion> figures = {
      of_tensor,
      of_name,
      format,
      rounding,
      bits,
      sqnr,
      {{"mean_squared_error", f64, 1, "1", "mean of (x-y)^2"}, PRECSIM_OF_ERRORS(mean_squared_error)},
      {{"max_abs_error", f64, 1, "1", "largest abs(x-y)"}, PRECSIM_OF_ERRORS(max_abs_error)},
      {{"max_relative_error", f64, 1, "1", "largest abs(x-y) / abs(x) over nonzero x"},
       PRECSIM_OF_ERRORS(max_relative_error)},
      {{"mean_error", f64, 1, "1", "mean of y-x"}, PRECSIM_OF_ERRORS(mean_error)},
      {{"cosine", f64, 1, "1", "sum xy / sqrt(sum x^2 sum y^2)"}, PRECSIM_OF_ERRORS(cosine)},
      {{"flushed", u64, 1, "element", "elements with x nonzero and y zero"}, PRECSIM_OF_ERRORS(flushed)},
      {{"saturated", u64, 1, "element", "finite elements clipped, wrapped or overflowed"},
       PRECSIM_OF_ERRORS(saturated)},
      {{"lost", u64, 1, "element", "finite x whose y is not finite; left out of the errors"}, PRECSIM_OF_ERRORS(lost)},
      {{"blocks", u64, 1, "block", "shared exponents; 0 where the format has none"},
       PRECSIM_OF_BLOCKS(std::uint64_t, blocks)},
      {{"silent_blocks", u64, 1, "block", "blocks of zeros alone; not in the SQNRs of blocks"},
       PRECSIM_OF_BLOCKS(std::uint64_t, silent_blocks)},
      {{"exponent_min", i64, 1, "1", "smallest shared exponent; 0 where the format has none"},
       PRECSIM_OF_BLOCKS(std::int64_t, exponent_min)},
      {{"exponent_median", i64, 1, "1", "median of the shared exponents, the lower one of two"},
       PRECSIM_OF_BLOCKS(std::int64_t, exponent_median)},
      {{"exponent_max", i64, 1, "1", "largest shared exponent"}, PRECSIM_OF_BLOCKS(std::int64_t, exponent_max)},
      {{"block_sqnr_min_db", f64, 1, "dB", "smallest SQNR of a block; NaN where there is none"},
       PRECSIM_OF_BLOCKS(double, block_sqnr_min_db)},
      {{"block_sqnr_p01_db", f64, 1, "dB", "1 % quantile of the SQNRs of blocks, at most 0.04 dB too low"},
       PRECSIM_OF_BLOCKS(double, block_sqnr_p01_db)},
      {{"block_sqnr_median_db", f64, 1, "dB", "median of the SQNRs of blocks, likewise"},
       PRECSIM_OF_BLOCKS(double, block_sqnr_median_db)},
  };
  return figures;
}

const std::vector<Conversion>& octave_figures() {
  static const std::vector<Conversion> figures = {
      of_tensor,
      of_name,
      format,
      rounding,
      {{"counts", u64, formats::octave_bins, "element",
        "nonzero elements in octave o; the last one has all deeper ones too"},
       [](const ConversionRow& r) -> Cell { return std::span<const std::uint64_t>(r.result.errors.octave_counts); }},
      {{"rms_relative_error", f64, formats::octave_bins, "1",
        "root mean square of (x-y)/x over the octave; NaN if empty"},
       [](const ConversionRow& r) -> Cell { return std::span<const double>(r.result.errors.octave_rms_error); }},
  };
  return figures;
}

const std::vector<Figure<RankRow>>& rank_figures() {
  static const std::vector<Figure<RankRow>> figures = {
      {of_tensor.column, [](const RankRow& r) { return of_tensor.value(r.conversion); }},
      {of_name.column, [](const RankRow& r) { return of_name.value(r.conversion); }},
      {{"rank", i64, 1, "1", "1: the best; by SQNR, then fewer bits"}, [](const RankRow& r) -> Cell { return r.rank; }},
      {format.column, [](const RankRow& r) { return format.value(r.conversion); }},
      {rounding.column, [](const RankRow& r) { return rounding.value(r.conversion); }},
      {bits.column, [](const RankRow& r) { return bits.value(r.conversion); }},
      {sqnr.column, [](const RankRow& r) { return sqnr.value(r.conversion); }},
  };
  return figures;
}

const std::vector<Figure<BlockRow>>& block_figures() {
  static const std::vector<Figure<BlockRow>> figures = {
      {{"conversion", i64, 1, "1", "row in /conversions"}, [](const BlockRow& r) -> Cell { return r.conversion; }},
      {{"block", i64, 1, "1", "number of the block in its tensor, from 0, in C order"},
       [](const BlockRow& r) -> Cell { return r.errors.block; }},
      {{"exponent", i64, 1, "1", "shared exponent"},
       [](const BlockRow& r) -> Cell { return std::int64_t{r.errors.exponent}; }},
      {{"absmax", f64, 1, "1", "largest abs(x) of the block"},
       [](const BlockRow& r) -> Cell { return static_cast<double>(r.errors.absmax); }},
      {{"sqnr_db", f64, 1, "dB", "as in /conversions, over the block"},
       [](const BlockRow& r) -> Cell { return formats::sqnr_db(r.errors.sums.signal, r.errors.sums.noise); }},
      {{"max_abs_error", f64, 1, "1", "largest abs(x-y) of the block"},
       [](const BlockRow& r) -> Cell { return r.errors.sums.max_abs; }},
  };
  return figures;
}

std::vector<TableSchema> analysis_tables(const TextLengths& lengths) {
  std::vector<TableSchema> tables = {
      schema("/tensors", "One row per tensor: its finite elements x.", tensor_figures()),
      schema("/conversions", "One row per tensor and conversion: x against the converted y, over finite elements.",
             conversion_figures()),
      schema("/exponent_histograms", "Histogram of E(x) = floor(log2 abs(x)) per tensor.", histogram_figures()),
      schema("/octave_errors",
             "Relative error by octaves below absmax, per conversion: octave o has E(absmax) - E(x) = o.",
             octave_figures()),
      schema("/ranking", "The formats that `--best` compared, per tensor: those that fit it.", rank_figures()),
      schema("/blocks", "One row per block of the formats by channel or block=k; only with `--blocks`.",
             block_figures()),
  };
  const std::pair<std::string_view, int> known[] = {{"file", lengths.file},     {"name", lengths.name},
                                                    {"shape", lengths.shape},   {"type", lengths.type},
                                                    {"format", lengths.format}, {"rounding", lengths.rounding}};
  for (TableSchema& table : tables) {
    for (Column& column : table.columns) {
      for (const auto& [name, length] : known) {
        column.length = column.type == text && column.name == name ? length : column.length;
      }
    }
  }
  return tables;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

}  // namespace precsim::analysis
