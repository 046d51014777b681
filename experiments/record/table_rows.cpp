// Cells of packed rows.
#include "experiments/record/table_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "experiments/record/bytes.hpp"
#include "formats/error.hpp"

namespace precsim::record {

TableRows::TableRows(const TableSchema& schema, std::string_view rows)
    : schema_(schema), rows_(rows), row_bytes_(record::row_bytes(schema)) {
  PRECSIM_CHECK(rows.size() % row_bytes_ == 0, fmt::format("{} bytes in rows of {}", rows.size(), row_bytes_));
  std::size_t offset = 0;
  for (const Column& column : schema.columns) {
    offsets_.push_back(offset);
    offset += column_bytes(column);
  }
}

std::string_view TableRows::cell(std::size_t row, std::string_view name, ColumnType type) const {
  const auto column = std::ranges::find(schema_.columns, name, &Column::name);
  PRECSIM_CHECK(column != schema_.columns.end() && column->type == type, fmt::format("{} of {}", name, schema_.path));
  PRECSIM_CHECK(row < size(), fmt::format("row {} of {}", row, size()));
  const auto at = static_cast<std::size_t>(column - schema_.columns.begin());
  return bytes(row).substr(offsets_[at], column_bytes(*column));
}

std::int64_t TableRows::integer(std::size_t row, std::string_view column) const {
  return static_cast<std::int64_t>(integer_at(cell(row, column, ColumnType::int64), 8));
}

std::uint64_t TableRows::count(std::size_t row, std::string_view column) const {
  return integer_at(cell(row, column, ColumnType::uint64), 8);
}

double TableRows::real(std::size_t row, std::string_view column) const {
  return std::bit_cast<double>(integer_at(cell(row, column, ColumnType::float64), 8));
}

std::string_view TableRows::text(std::size_t row, std::string_view column) const {
  const std::string_view padded = cell(row, column, ColumnType::text);
  return padded.substr(0, padded.find('\0'));
}

std::vector<std::uint64_t> TableRows::counts(std::size_t row, std::string_view column) const {
  const std::string_view bytes = cell(row, column, ColumnType::uint64);
  std::vector<std::uint64_t> values;
  for (std::size_t at = 0; at < bytes.size(); at += 8) values.push_back(integer_at(bytes.substr(at), 8));
  return values;
}

std::vector<double> TableRows::reals(std::size_t row, std::string_view column) const {
  const std::string_view bytes = cell(row, column, ColumnType::float64);
  std::vector<double> values;
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    values.push_back(std::bit_cast<double>(integer_at(bytes.substr(at), 8)));
  }
  return values;
}

}  // namespace precsim::record
