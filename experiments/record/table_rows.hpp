// The packed rows of a table, read by column.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "experiments/record/table.hpp"

namespace precsim::record {

/// A view of packed rows as pack_row() writes and read_rows() returns them; schema and bytes outlive it. Columns are
/// asked for by name; another name or type than the schema's is a CheckError.
class TableRows {
 public:
  TableRows(const TableSchema& schema, std::string_view rows);

  std::size_t size() const { return rows_.size() / row_bytes_; }
  std::string_view bytes(std::size_t row) const { return rows_.substr(row * row_bytes_, row_bytes_); }

  std::int64_t integer(std::size_t row, std::string_view column) const;
  std::uint64_t count(std::size_t row, std::string_view column) const;
  double real(std::size_t row, std::string_view column) const;
  std::string_view text(std::size_t row, std::string_view column) const;
  std::vector<std::uint64_t> counts(std::size_t row, std::string_view column) const;
  std::vector<double> reals(std::size_t row, std::string_view column) const;

 private:
  std::string_view cell(std::size_t row, std::string_view column, ColumnType type) const;

  const TableSchema& schema_;
  std::string_view rows_;
  std::size_t row_bytes_;
  std::vector<std::size_t> offsets_;  // of the columns in a row
};

}  // namespace precsim::record
