// The schema as data: one row per column.
#include "experiments/record/run_schema.hpp"

#include <utility>
#include <vector>

namespace precsim::record {
namespace {

constexpr ColumnType i64 = ColumnType::int64;
constexpr ColumnType u64 = ColumnType::uint64;
constexpr ColumnType f64 = ColumnType::float64;
constexpr ColumnType text = ColumnType::text;

const Column step = {"step", i64, 1, "step", "number of the training step"};
const Column epoch = {"epoch", i64, 1, "epoch", "pass over the training data, from 0"};
const Column layer = {"layer", text, 32, "-", "name of the layer in the model"};
const Column role = {"role", text, 24, "-", "role of the tensor in the precision plan"};
const Column use = {"use", text, 16, "-", "pass that the operand was converted for, or all"};
const Column pass = {"pass", text, 16, "-", "forward, input_gradient or weight_gradient"};
const Column semantics = {"semantics", text, 96, "-", "accumulator of the pass: atom, overflow rule, chain"};
const Column operands = {"operands", text, 16, "-", "integer, scaled (MX), float, or mixed (then both are decoded to FP32)"};
const Column format = {"format", text, 64, "-", "format in the name grammar of the program"};

TableSchema training() {
  return {"/training",
          "One row per training step.",
          {step,
           epoch,
           {"learning_rate", f64, 1, "1", "learning rate of the step"},
           {"loss", f64, 1, "nat", "mean cross-entropy of the mini-batch before the update"},
           {"accuracy", f64, 1, "1", "share of the mini-batch classified correctly before the update"},
           {"loss_scale", f64, 1, "1", "factor on the loss during the backward pass"},
           {"skipped", i64, 1, "1", "1 if dynamic loss scaling skipped the update, else 0"}}};
}

TableSchema evaluation() {
  return {"/evaluation",
          "One row per evaluation on the test set.",
          {step,
           epoch,
           {"images", i64, 1, "image", "images evaluated"},
           {"correct", i64, 1, "image", "images classified correctly"},
           {"accuracy", f64, 1, "1", "correct / images"},
           {"loss", f64, 1, "nat", "mean cross-entropy"},
           {"correct5", i64, 1, "image", "images whose class is among the five largest outputs"},
           {"accuracy5", f64, 1, "1", "correct5 / images"}}};
}

TableSchema tensor_statistics() {
  return {"/tensor_statistics",
          "One row per conversion of a tensor: the reference x against the converted y, over finite elements.",
          {step,
           layer,
           role,
           use,
           format,
           {"rounding", text, 32, "-", "rounding mode of the conversion"},
           {"count", u64, 1, "element", "elements of the tensor"},
           {"nonfinite", u64, 1, "element", "elements of x that are NaN or infinite"},
           {"zeros", u64, 1, "element", "elements of x that are zero"},
           {"min", f64, 1, "1", "smallest x"},
           {"max", f64, 1, "1", "largest x"},
           {"absmax", f64, 1, "1", "largest abs(x)"},
           {"mean", f64, 1, "1", "mean of x"},
           {"std", f64, 1, "1", "standard deviation of x"},
           {"sqnr_db", f64, 1, "dB", "10 log10(sum x^2 / sum (x-y)^2); +inf without noise, NaN for 0/0"},
           {"mean_squared_error", f64, 1, "1", "mean of (x-y)^2"},
           {"max_abs_error", f64, 1, "1", "largest abs(x-y)"},
           {"max_relative_error", f64, 1, "1", "largest abs(x-y) / abs(x) over nonzero x"},
           {"mean_error", f64, 1, "1", "mean of y-x"},
           {"cosine", f64, 1, "1", "sum xy / sqrt(sum x^2 sum y^2)"},
           {"flushed", u64, 1, "element", "elements with x nonzero and y zero"},
           {"saturated", u64, 1, "element", "elements held at the end of the range"},
           {"blocks", u64, 1, "block", "shared exponents; 0 where the format has none"},
           {"exponent_min", i64, 1, "1", "smallest shared exponent; 0 where the format has none"},
           {"exponent_max", i64, 1, "1", "largest shared exponent; 0 where the format has none"}}};
}

TableSchema exponent_histograms() {
  return {"/exponent_histograms",
          "Histogram of E(x) = floor(log2 abs(x)) per tensor, before conversion.",
          {step,
           layer,
           role,
           use,
           {"zeros", u64, 1, "element", "elements that are zero; not in counts"},
           {"counts", u64, exponent_bins, "element", "counts[i]: nonzero elements with E(x) = i - 149"}}};
}

TableSchema octave_errors() {
  return {
      "/octave_errors",
      "Relative error by octaves below absmax, per conversion: octave o has E(absmax) - E(x) = o.",
      {step,
       layer,
       role,
       use,
       format,
       {"counts", u64, octave_bins, "element", "nonzero elements in octave o; the last one has all deeper ones too"},
       {"rms_relative_error", f64, octave_bins, "1", "root mean square of (x-y)/x over the octave; NaN if empty"}}};
}

TableSchema exponent_control() {
  return {
      "/exponent_control",
      "One row per conversion whose exponent a controller chose (flexP+m, dfxpN), and the controller's state after it.",
      {step,
       layer,
       role,
       use,
       format,
       {"exponent", i64, 1, "1", "shared exponent of the conversion"},
       {"next_exponent", i64, 1, "1", "what the next step would use"},
       {"largest_code", i64, 1, "1", "largest magnitude of a code"},
       {"at_limit", u64, 1, "element", "codes of at least the magnitude of the largest code"},
       {"above_half", u64, 1, "element", "codes that would be at the limit under the next smaller exponent"},
       {"conversions", u64, 1, "conversion", "conversions since the run began, this one included"},
       {"overflows", u64, 1, "conversion", "of these, with a code at the limit"},
       {"moves", u64, 1, "conversion", "of these, under another exponent than the one before"}}};
}

TableSchema products() {
  return {"/products",
          "One row per product call of a layer and pass, under every engine.",
          {step,
           layer,
           pass,
           semantics,
           operands,
           {"outputs", u64, 1, "output", "elements of the result"},
           {"products", u64, 1, "product", "products over all outputs, explicit zeros included"},
           {"chains", u64, 1, "chain", "chains over all outputs"},
           {"chain_length", u64, 1, "product", "products per chain; 0: to the end of the reduction"},
           {"proved", i64, 1, "1", "1 if the norm bound proves that no step can overflow, else 0"}}};
}

TableSchema telemetry() {
  return {"/telemetry",
          "One row per product call of a layer and pass that was simulated.",
          {step,
           layer,
           pass,
           semantics,
           operands,
           {"overflow_events", u64, 1, "event", "steps whose exact sum leaves the range of INT32"},
           {"overflow_outputs", u64, 1, "output", "outputs with at least one overflow event"},
           {"first_output", i64, 1, "1", "smallest index of an output with an event; -1: none"},
           {"first_k", i64, 1, "1", "reduction index of the first product of that event's step; -1: none"},
           {"max_chain_sum", u64, 1, "1", "largest magnitude of a true sum at the end of a chain"},
           {"chain_bits", u64, chain_bit_bins, "chain", "chain_bits[b-1]: chain ends whose true sum needs b bits"},
           {"sqnr_db", f64, 1, "dB", "result against the exact sum of the same operands"},
           {"max_abs_error", f64, 1, "1", "largest abs(result - exact sum)"},
           {"mean_error", f64, 1, "1", "mean of result - exact sum"},
           {"exact", text, 16, "-", "how the exact sum was formed: int64 or double_fma"}}};
}

TableSchema summary() {
  return {"/summary",
          "One row per figure of the table printed at the end of the run.",
          {{"name", text, 48, "-", "name of the figure"},
           {"value", f64, 1, "as unit says", "the figure"},
           {"unit", text, 16, "-", "its unit"}}};
}

}  // namespace

std::span<const TableSchema> run_tables() {
  static const std::vector<TableSchema> tables = {
      training(),      evaluation(),       tensor_statistics(), exponent_histograms(),
      octave_errors(), exponent_control(), products(),          telemetry(),
      summary()};
  return tables;
}

std::span<const AttributeSchema> run_attributes() {
  using enum AttributeType;
  static const std::vector<AttributeSchema> attributes = {
      {"program", AttributeType::text, "always precsim"},
      {"schema_version", int64, "version of this page; raised by every change that a reader could notice"},
      {"numerics_version", int64, "version of the arithmetic; raised by every change that can move a bit"},
      {"configuration", AttributeType::text,
       "the resolved configuration in INI form, without the keys that cannot change bits"},
      {"configuration_hash", AttributeType::text,
       "64-bit FNV-1a of the above with numerics_version, 16 hexadecimal digits"},
      {"data_checksum_train", AttributeType::text,
       "checksum of the training set, 16 hexadecimal digits: of its content, or as `data.checksum` says"},
      {"data_checksum_test", AttributeType::text, "checksum of the test set, likewise"},
      {"model", AttributeType::text, "name of the model"},
      {"seed", int64, "seed of every random draw"},
  };
  return attributes;
}

std::span<const AttributeSchema> provenance_attributes() {
  using enum AttributeType;
  static const std::vector<AttributeSchema> attributes = {
      {"version", AttributeType::text, "version of the program"},
      {"compiler", AttributeType::text, "compiler that built it"},
      {"host", AttributeType::text, "name of the machine"},
      {"start_time", AttributeType::text, "when the run began, ISO 8601, UTC"},
      {"sessions", int64, "processes that worked on the run: 1, and one more for each resumption"},
      {"threads", int64, "threads used"},
      {"engine", AttributeType::text, "simulate, native or check"},
      {"kernel", AttributeType::text, "kernel of the products; `precsim info` lists them"},
      {"paths", AttributeType::text, "data and output paths as given"},
      {"record_id", AttributeType::text, "random name of this record, 32 hexadecimal digits"},
      {"record_generation", int64, "how often the file has been replaced since it was created"},
  };
  return attributes;
}

}  // namespace precsim::record
