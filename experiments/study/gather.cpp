// Building study.h5.
#include "experiments/study/gather.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include "experiments/record/file_io.hpp"
#include "experiments/record/hdf5_image.hpp"
#include "experiments/record/hdf5_table.hpp"
#include "experiments/study/study_schema.hpp"
#include "formats/error.hpp"
#include "formats/version.hpp"
#include "precsim_version.hpp"

namespace precsim::study {
namespace {

namespace fs = std::filesystem;
namespace hdf5 = record::hdf5;

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t width_step = 8;

using OwnedCell = std::variant<std::int64_t, std::uint64_t, double, std::string>;
using OwnedRow = std::vector<OwnedCell>;

record::Cell view_of(const OwnedCell& cell) {
  return std::visit(
      [](const auto& value) -> record::Cell {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
          return std::string_view(value);
        } else {
          return value;
        }
      },
      cell);
}

/// Makes texts of length 1 as wide as the widest, and packs the rows.
std::string pack(record::TableSchema& table, const std::vector<OwnedRow>& rows) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].type != record::ColumnType::text) continue;
    std::size_t widest = 1;
    for (const OwnedRow& row : rows) widest = std::max(widest, std::get<std::string>(row[i]).size());
    table.columns[i].length = static_cast<int>((widest + width_step - 1) / width_step * width_step);
  }
  std::string packed;
  for (const OwnedRow& row : rows) {
    std::vector<record::Cell> cells;
    for (const OwnedCell& cell : row) cells.push_back(view_of(cell));
    packed += record::pack_row(table, cells);
  }
  return packed;
}

/// What a study says of a run that has not ended, be it that nobody began it or that it can be gone on with.
std::string outcome_of(const Status& status) {
  return std::string(name(has_ended(status.state) || status.state == State::failed ? status.state : State::waiting));
}

OwnedRow runs_row(const PlannedRun& run, const Status& status, const RunContent* content, double gap) {
  const RunContent nothing;
  const RunContent& known = content == nullptr ? nothing : *content;
  OwnedRow row{run.point};
  for (const std::string& value : run.values) row.emplace_back(value);
  const std::string message = outcome_of(status) == name(State::waiting) ? "" : status.message;
  for (OwnedCell cell :
       OwnedRow{run.seed, run.hash, outcome_of(status), message, known.state_hash, known.test_images, gap,
                known.conversions.flushed, known.conversions.saturated, known.conversions.nonfinite}) {
    row.push_back(std::move(cell));
  }
  for (const record::Column& figure : figure_columns()) row.emplace_back(known.figure(figure.name));
  return row;
}

OwnedRow provenance_row(std::int64_t run, const RunContent& content) {
  return {run,
          content.host,
          content.version,
          content.start_time,
          content.sessions,
          content.threads,
          content.engine,
          content.kernel,
          content.seconds,
          content.seconds > 0 ? content.figure("steps") / content.seconds : unknown};
}

record::AttributeList attributes_of(const Outline& outline) {
  return {{"program", std::string("precsim")},
          {"study_schema_version", study_schema_version},
          {"numerics_version", std::int64_t{formats::numerics_version}},
          {"question", outline.question},
          {"reference", outline.reference},
          {"axes", fmt::format("{}", fmt::join(outline.axes, "\n"))},
          {"study", outline.text}};
}

}  // namespace

Gatherer::Gatherer(fs::path study, const Outline& outline)
    : study_(std::move(study)), outline_(outline), runs_(runs_table(outline.axes)) {}

const RunContent* Gatherer::content(std::size_t run) const {
  const auto found = contents_.find(run);
  return found == contents_.end() ? nullptr : &found->second;
}

double Gatherer::accuracy_gap(std::size_t run) const {
  const PlannedRun& planned = outline_.runs[run];
  const auto is_reference = [&](const PlannedRun& other) {
    return other.point == outline_.reference && other.seed == planned.seed;
  };
  const auto reference = std::ranges::find_if(outline_.runs, is_reference);
  if (reference == outline_.runs.end()) return unknown;
  const RunContent* theirs = content(static_cast<std::size_t>(reference - outline_.runs.begin()));
  const RunContent* ours = content(run);
  return theirs == nullptr || ours == nullptr ? unknown
                                              : ours->figure("test_accuracy") - theirs->figure("test_accuracy");
}

std::string Gatherer::image(std::span<const Status> states) const {
  std::vector<record::TableSchema> tables(study_tables().begin(), study_tables().end());
  std::vector<std::string> packed(tables.size());
  std::vector<OwnedRow> runs;
  std::vector<OwnedRow> provenance;
  for (std::size_t i = 0; i < outline_.runs.size(); ++i) {
    const RunContent* known = content(i);
    runs.push_back(runs_row(outline_.runs[i], states[i], known, accuracy_gap(i)));
    if (known == nullptr) continue;
    provenance.push_back(provenance_row(static_cast<std::int64_t>(i), *known));
    packed[Table::evaluation] += known->evaluation;
    packed[Table::steps] += known->steps;
    packed[Table::tensor_statistics] += known->tensor_statistics;
    packed[Table::products] += known->products;
    packed[Table::error_by_octave] += known->error_by_octave;
  }
  tables[Table::runs] = runs_;
  packed[Table::runs] = pack(tables[Table::runs], runs);
  packed[Table::provenance_runs] = pack(tables[Table::provenance_runs], provenance);
  return hdf5::building([&] {
    const hdf5::Handle file = hdf5::create_in_memory();
    hdf5::write_attributes(file, attributes_of(outline_));
    const hdf5::Handle group = hdf5::create_group(file, "provenance");
    hdf5::write_attributes(group, {{"version", std::string(version)}, {"compiler", std::string(compiler)}});
    for (std::size_t i = 0; i < tables.size(); ++i) hdf5::write_table(file, tables[i], packed[i]);
    return hdf5::sealed_image(file);
  });
}

void Gatherer::write(std::span<const Status> states) {
  for (std::size_t i = 0; i < outline_.runs.size(); ++i) {
    if (has_ended(states[i].state) && !contents_.contains(i)) {
      contents_.emplace(i,
                        read_content(run_folder(study_, outline_.runs[i].hash).record(), static_cast<std::int64_t>(i)));
    }
  }
  record::replace_file(gathered_file(study_), image(states));
}

}  // namespace precsim::study
