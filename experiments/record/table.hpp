// The shape of a table of fixed-length rows, and the packing of one row into bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace precsim::record {

enum class ColumnType : std::uint8_t { int64, uint64, float64, text };

/// One column. `length` counts array elements of a number (1: a scalar) and bytes of a text (fixed, NUL padded, UTF-8).
struct Column {
  std::string name;  ///< [a-z0-9_]+
  ColumnType type = ColumnType::int64;
  int length = 1;    ///< 1 ... 65536
  std::string unit;  ///< "1" for a pure number, "-" for a text
  std::string description;

  friend bool operator==(const Column&, const Column&) = default;
};

/// One table; `path` is "/" and a name in [a-z0-9_]+, other than "/provenance".
struct TableSchema {
  std::string path;
  std::string description;
  std::vector<Column> columns;

  friend bool operator==(const TableSchema&, const TableSchema&) = default;
};

/// The value of one column in one row; a view, valid for the call it is passed to.
using Cell = std::variant<std::int64_t, std::uint64_t, double, std::string_view, std::span<const std::uint64_t>,
                          std::span<const double>>;

/// Bytes of one cell, and of one row: the columns in order without gaps.
std::size_t column_bytes(const Column& column);
std::size_t row_bytes(const TableSchema& table);

/// "int64", "uint64[277]", "text32": the spelling SCHEMA.md uses.
std::string type_name(const Column& column);

/// What is wrong with these tables (names, lengths, duplicates), in words; empty if nothing is.
std::string schema_flaw(std::span<const TableSchema> tables);

/// The row as the file stores it: little-endian, IEEE, packed in column order, texts padded with NUL.
/// A text that is longer than its column raises UserError; another number of cells, another type or array
/// length than the column's, or a NUL inside a text is a CheckError.
std::string pack_row(const TableSchema& table, std::span<const Cell> cells);

}  // namespace precsim::record
