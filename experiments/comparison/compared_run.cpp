// Reading records for comparison.
#include "experiments/comparison/compared_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/config/ini.hpp"
#include "experiments/record/run_file.hpp"
#include "experiments/record/run_schema.hpp"
#include "experiments/record/table_rows.hpp"
#include "formats/error.hpp"

namespace precsim::comparison {
namespace {

using record::Table;
using record::TableRows;

template <class Value>
Value& entry(std::map<LayerRole, Value>& values, std::vector<LayerRole>& order, LayerRole key) {
  const auto [place, is_new] = values.try_emplace(std::move(key));
  if (is_new) {
    order.push_back(place->first);
  }
  return place->second;
}

LayerRole key_of(const TableRows& rows, std::size_t row, std::string_view second) {
  return {std::string(rows.text(row, "layer")), std::string(rows.text(row, second))};
}

void read_settings(const record::RecordHeader& header, const std::string& source, ComparedRun& run) {
  for (const auto& [key, value, place] :
       config::parse_ini(record::value_of<std::string>(header.run, "configuration", source), source).assignments) {
    if (key != "run.seed") {
      run.settings[key] = value;
    }
  }
  for (const std::string_view part : {"train", "test"}) {
    run.settings[fmt::format("checksum of the {} set", part)] =
        record::value_of<std::string>(header.run, fmt::format("data_checksum_{}", part), source);
  }
  run.settings["numerics version"] =
      fmt::to_string(record::value_of<std::int64_t>(header.run, "numerics_version", source));
  run.seed = record::value_of<std::int64_t>(header.run, "seed", source);
}

void read_end(const record::RecordHeader& header, const std::string& source, ComparedRun& run) {
  if (record::find_value(header.run, "outcome") == nullptr) {
    run.outcome = "unfinished";
    return;
  }
  run.outcome = record::value_of<std::string>(header.run, "outcome", source);
  run.state_hash = record::value_of<std::string>(header.run, "state_hash", source);
  run.seconds = record::value_of<double>(header.provenance, "seconds", source);
}

void read_conversions(const TableRows& rows, ComparedRun& run) {
  constexpr std::string_view operands[] = {"weights", "activations", "errors"};
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const bool operand = std::ranges::find(operands, rows.text(row, "role")) != std::end(operands);
    if (operand || rows.text(row, "format") != "fp32") {
      entry(run.sqnr, run.layers, key_of(rows, row, "role")).add(rows.real(row, "sqnr_db"));
    }
  }
}

void read_products(const TableRows& products, const TableRows& telemetry, ComparedRun& run) {
  for (std::size_t row = 0; row < products.size(); ++row) {
    if (products.text(row, "operands") == "integer") {
      Overflow& overflow = entry(run.overflow, run.passes, key_of(products, row, "pass"));
      ++overflow.calls;
      overflow.proved += products.integer(row, "proved") != 0 ? 1 : 0;
    }
  }
  for (std::size_t row = 0; row < telemetry.size(); ++row) {
    if (telemetry.text(row, "operands") == "integer") {
      Overflow& overflow = entry(run.overflow, run.passes, key_of(telemetry, row, "pass"));
      ++overflow.simulated;
      overflow.events += telemetry.count(row, "overflow_events");
      overflow.outputs += telemetry.count(row, "overflow_outputs");
    }
  }
}

}  // namespace

void Sqnr::add(double db) {
  ++conversions;
  if (std::isfinite(db)) {
    sum += db;
    worst = finite == 0 ? db : std::min(worst, db);
    ++finite;
  } else if (!std::isnan(db)) {
    ++lossless;
  }
}

void Sqnr::add(const Sqnr& other) {
  worst = finite == 0 ? other.worst : other.finite == 0 ? worst : std::min(worst, other.worst);
  conversions += other.conversions;
  lossless += other.lossless;
  sum += other.sum;
  finite += other.finite;
}

double Sqnr::mean() const {
  if (finite != 0) {
    return sum / static_cast<double>(finite);
  }
  return lossless != 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
}

void Overflow::add(const Overflow& other) {
  calls += other.calls;
  proved += other.proved;
  simulated += other.simulated;
  events += other.events;
  outputs += other.outputs;
}

ComparedRun read_run(const std::filesystem::path& file) {
  const std::string source = file.string();
  const record::RecordHeader header = record::read_header(file);
  if (record::find_value(header.run, "study_schema_version") != nullptr) {
    throw UserError(fmt::format(
        "{} is a gathered study, which has no steps of its runs; give it in its folder, or the folder", source));
  }
  const auto version = record::value_of<std::int64_t>(header.run, "schema_version", source);
  if (version != record::schema_version) {
    throw UserError(fmt::format("{} has schema version {}; this program reads version {}", source, version,
                                record::schema_version));
  }
  ComparedRun run;
  run.file = file;
  read_settings(header, source, run);
  read_end(header, source, run);
  const std::span<const record::TableSchema> tables = record::run_tables();
  const std::vector<std::string> rows = record::read_rows(file, tables);
  const auto table = [&](Table::Index index) { return TableRows(tables[index], rows[index]); };
  const TableRows summary = table(Table::summary);
  for (std::size_t row = 0; row < summary.size(); ++row) {
    run.figures[std::string(summary.text(row, "name"))] = summary.real(row, "value");
  }
  if (const TableRows evaluations = table(Table::evaluation); evaluations.size() != 0) {
    const std::size_t last = evaluations.size() - 1;
    run.latest = {evaluations.integer(last, "step"), evaluations.real(last, "accuracy"),
                  evaluations.real(last, "loss")};
  }
  const TableRows training = table(Table::training);
  for (std::size_t row = 0; row < training.size(); ++row) {
    run.training.emplace_back(training.bytes(row));
  }
  read_conversions(table(Table::tensor_statistics), run);
  read_products(table(Table::products), table(Table::telemetry), run);
  return run;
}

std::int64_t first_parting(const ComparedRun& one, const ComparedRun& other) {
  const auto [a, b] = std::ranges::mismatch(one.training, other.training);
  const bool equal = a == one.training.end() && b == other.training.end();
  return equal ? -1 : a - one.training.begin();
}

}  // namespace precsim::comparison
