// The schema of studies as data: one row per column.
#include "experiments/study/study_schema.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "formats/error.hpp"
#include "sim/nn/roles.hpp"

namespace precsim::study {
namespace {

using record::Column;
using record::ColumnType;
using record::TableSchema;

constexpr ColumnType i64 = ColumnType::int64;
constexpr ColumnType u64 = ColumnType::uint64;
constexpr ColumnType f64 = ColumnType::float64;
constexpr ColumnType text = ColumnType::text;

const Column run = {"run", i64, 1, "1", "row of /runs"};
const Column step = {"step", i64, 1, "step", "number of the training step"};
const Column layer = {"layer", text, 32, "-", "name of the layer in the model"};
const Column role = {"role", text, 24, "-", "role of the tensor in the precision plan"};
const Column format = {"format", text, 64, "-", "format in the name grammar of the program"};
const Column conversions = {"conversions", u64, 1, "conversion", "conversions recorded"};
const Column count = {"count", u64, 1, "element", "elements of all of them"};
const Column nonfinite = {"nonfinite", u64, 1, "element", "elements that are NaN or infinite before"};
const Column zeros = {"zeros", u64, 1, "element", "elements that are zero before"};
const Column flushed = {"flushed", u64, 1, "element", "elements that became zero"};
const Column saturated = {"saturated", u64, 1, "element", "elements held at the end of the range"};
const Column sqnr_worst = {"sqnr_db_worst", f64, 1, "dB", "smallest SQNR; +inf without noise, NaN if all are NaN"};
const Column sqnr_mean = {"sqnr_db_mean", f64, 1, "dB", "mean of the finite ones; the worst where there are none"};

std::vector<Column> figures() {
  std::vector<Column> columns{
      {"test_accuracy", f64, 1, "1", "share of the test set classified correctly at the end"},
      {"test_accuracy5", f64, 1, "1",
       "share whose class is among the five largest outputs; NaN for 10 classes or fewer"},
      {"best_test_accuracy", f64, 1, "1", "the best evaluation's"},
      {"test_loss", f64, 1, "nat", "mean cross-entropy on the test set at the end"},
      {"training_loss", f64, 1, "nat", "loss of the last step"},
      {"steps", f64, 1, "step", "training steps done"},
      {"skipped_steps", f64, 1, "step", "steps that dynamic loss scaling skipped"},
      {"integer_mac_share", f64, 1, "1", "share of the multiply-accumulates done in integers"},
      {"overflow_events", f64, 1, "event",
       "steps of accumulators whose exact sum leaves INT32; NaN where nobody counted"},
      {"saved_bytes_per_step", f64, 1, "B", "bytes that the backward pass reads of the forward pass"},
  };
  for (const nn::RoleEntry& entry : nn::roles()) {
    columns.push_back({fmt::format("worst_sqnr_{}", entry.name), f64, 1, "dB",
                       fmt::format("worst SQNR of conversions of the {}", entry.name)});
    columns.push_back({fmt::format("mean_sqnr_{}", entry.name), f64, 1, "dB",
                       fmt::format("mean SQNR of conversions of the {}", entry.name)});
  }
  return columns;
}

TableSchema runs() {
  TableSchema table{
      "/runs",
      "One row per run of the study: points beside the grid, then the grid, its last axis the fastest; "
      "of each point all seeds.",
      {{"point", text, 1, "-", "name of the point"},
       {"seed", i64, 1, "1", "seed of every random draw"},
       {"configuration_hash", text, 1, "-", "of its configuration; its record is runs/HASH/run.h5"},
       {"outcome", text, 1, "-", "finished, diverged, failed, or waiting for what has not ended"},
       {"message", text, 1, "-", "why it diverged or failed"},
       {"state_hash", text, 1, "-", "of every weight, momentum and running statistic at the end"},
       {"test_images", i64, 1, "image", "images of the last evaluation"},
       {"accuracy_gap", f64, 1, "1", "test_accuracy minus the reference's with the same seed"},
       {"flushed", u64, 1, "element", "elements that conversions on record made zero"},
       {"saturated", u64, 1, "element", "elements that conversions on record held at the end of the range"},
       {"nonfinite", u64, 1, "element", "elements of conversions on record that were NaN or infinite"}}};
  for (const Column& figure : figure_columns()) table.columns.push_back(figure);
  return table;
}

TableSchema evaluation() {
  TableSchema table = record::run_tables()[record::Table::evaluation];
  table.columns.insert(table.columns.begin(), run);
  return table;
}

TableSchema steps() {
  return {"/steps",
          "Conversions of a run by step and role, over all layers.",
          {run, step, role, conversions, count, nonfinite, zeros, flushed, saturated, sqnr_worst, sqnr_mean}};
}

TableSchema tensor_statistics() {
  return {"/tensor_statistics",
          "Conversions of a run by layer, role and format, over all recorded steps.",
          {run,
           layer,
           role,
           format,
           {"rounding", text, 32, "-", "rounding mode of the conversions"},
           conversions,
           count,
           nonfinite,
           zeros,
           flushed,
           saturated,
           sqnr_worst,
           sqnr_mean,
           {"absmax", f64, 1, "1", "largest magnitude before"},
           {"max_relative_error", f64, 1, "1", "largest abs(x-y) / abs(x) over nonzero x"},
           {"cosine_worst", f64, 1, "1", "smallest sum xy / sqrt(sum x^2 sum y^2)"},
           {"exponent_min", i64, 1, "1", "smallest shared exponent; 0 where the format has none"},
           {"exponent_max", i64, 1, "1", "largest shared exponent; 0 where the format has none"}}};
}

TableSchema products() {
  return {"/products",
          "Product calls of a run by layer, pass and accumulator, over all recorded steps.",
          {run,
           layer,
           {"pass", text, 16, "-", "forward, input_gradient or weight_gradient"},
           {"semantics", text, 96, "-", "accumulator of the pass: atom, overflow rule, chain"},
           {"operands", text, 16, "-", "integer, scaled (MX), float, or mixed (then both are decoded to FP32)"},
           {"calls", u64, 1, "call", "product calls recorded"},
           {"products", u64, 1, "product", "products over all outputs of all of them"},
           {"chains", u64, 1, "chain", "chains over all outputs of all of them"},
           {"chain_length_min", u64, 1, "product", "shortest chain; 0: to the end of the reduction"},
           {"chain_length_max", u64, 1, "product", "longest chain, where none goes to the end of the reduction"},
           {"proved", u64, 1, "call", "calls whose norm bound proves that no step can overflow"},
           {"simulated", u64, 1, "call", "calls that have telemetry; what follows is of these"},
           {"overflow_events", u64, 1, "event", "steps whose exact sum leaves the range of INT32"},
           {"overflow_outputs", u64, 1, "output", "outputs with at least one overflow event"},
           {"max_chain_sum", u64, 1, "1", "largest magnitude of a true sum at the end of a chain"},
           sqnr_worst,
           sqnr_mean}};
}

TableSchema error_by_octave() {
  return {"/error_by_octave",
          "Relative error by octaves below absmax, of all conversions of a run by role and format.",
          {run,
           role,
           format,
           {"counts", u64, record::octave_bins, "element",
            "nonzero elements in octave o; the last one has all deeper ones too"},
           {"rms_relative_error", f64, record::octave_bins, "1",
            "root mean square of (x-y)/x over the octave; NaN if empty"}}};
}

TableSchema provenance_runs() {
  return {"/provenance/runs",
          "How each run that has ended came to be.",
          {run,
           {"host", text, 1, "-", "name of the machine of its last session"},
           {"version", text, 1, "-", "version of the program"},
           {"start_time", text, 1, "-", "when it began, ISO 8601, UTC"},
           {"sessions", i64, 1, "1", "processes that worked on it"},
           {"threads", i64, 1, "1", "threads used"},
           {"engine", text, 1, "-", "simulate, native or check"},
           {"kernel", text, 1, "-", "kernel of the products"},
           {"seconds", f64, 1, "s", "time of all sessions, evaluations included"},
           {"steps_per_second", f64, 1, "step/s", "training steps by that time"}}};
}

}  // namespace

std::span<const Column> figure_columns() {
  static const std::vector<Column> columns = figures();
  return columns;
}

std::span<const TableSchema> study_tables() {
  static const std::vector<TableSchema> tables = {runs(),     evaluation(),      steps(),          tensor_statistics(),
                                                  products(), error_by_octave(), provenance_runs()};
  return tables;
}

std::span<const record::AttributeSchema> study_attributes() {
  using enum record::AttributeType;
  static const std::vector<record::AttributeSchema> attributes = {
      {"program", record::AttributeType::text, "always precsim"},
      {"study_schema_version", int64, "version of this chapter; raised by every change that a reader could notice"},
      {"numerics_version", int64, "version of the arithmetic"},
      {"question", record::AttributeType::text, "what the study asks, in its own words"},
      {"reference", record::AttributeType::text, "the point that others are compared with; empty if there is none"},
      {"axes", record::AttributeType::text, "names of the axes, one on each line"},
      {"study", record::AttributeType::text, "the study file"},
  };
  return attributes;
}

TableSchema runs_table(std::span<const std::string> axes) {
  TableSchema table = study_tables()[Table::runs];
  std::size_t at = 1;
  for (const std::string& axis : axes) {
    if (std::ranges::find(table.columns, axis, &Column::name) != table.columns.end() || axis.empty() ||
        axis.find('\0') != std::string::npos) {
      throw UserError(
          fmt::format("the axis {} cannot have this name, which is that of a column of /runs already", axis));
    }
    table.columns.insert(table.columns.begin() + static_cast<std::ptrdiff_t>(at++),
                         {axis, text, 1, "-", "value on this axis of the study"});
  }
  return table;
}

}  // namespace precsim::study
