// The tables and attributes of a gathered study, schema version 1, as data. SCHEMA.md says the same in words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/record/run_schema.hpp"
#include "experiments/record/table.hpp"

namespace precsim::study {

/// Raised by every change that a reader of studies could notice.
inline constexpr std::int64_t study_schema_version = 1;

/// Indices into study_tables(). Texts of length 1 there are as wide as a gathered table needs.
struct Table {
  enum Index : std::size_t { runs, evaluation, steps, tensor_statistics, products, error_by_octave, provenance_runs };
};
std::span<const record::TableSchema> study_tables();

/// The columns of /runs that take a figure of a record's /summary, which has the same name.
std::span<const record::Column> figure_columns();

/// What "/" of a study has, in order; /provenance has `version` and `compiler` of the program that gathered.
std::span<const record::AttributeSchema> study_attributes();

/// The schema of /runs with a text column for each axis behind its first. UserError for an axis that would be a second
/// column of a name.
record::TableSchema runs_table(std::span<const std::string> axes);

}  // namespace precsim::study
