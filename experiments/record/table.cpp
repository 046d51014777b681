// Row sizes, checks of a schema, packing of rows.
#include "experiments/record/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "experiments/record/bytes.hpp"
#include "formats/error.hpp"

namespace precsim::record {
namespace {

constexpr int max_length = 65536;
constexpr std::size_t max_row_bytes = std::size_t{1} << 20;
constexpr std::size_t max_columns = 256;
constexpr std::size_t max_tables = 1024;

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string table_flaw(const TableSchema& table) {
  if (table.path.empty() || table.path.front() != '/' || !is_name(std::string_view(table.path).substr(1)) ||
      table.path == "/provenance") {
    return fmt::format("bad table path \"{}\"", table.path);
  }
  if (table.columns.empty() || table.columns.size() > max_columns) {
    return fmt::format("{} has {} columns", table.path, table.columns.size());
  }
  std::set<std::string_view> names;
  for (const Column& column : table.columns) {
    if (!is_name(column.name) || !names.insert(column.name).second) {
      return fmt::format("bad or repeated column \"{}\" in {}", column.name, table.path);
    }
    if (column.length < 1 || column.length > max_length || column.type > ColumnType::text) {
      return fmt::format("bad type or length of {} in {}", column.name, table.path);
    }
  }
  return row_bytes(table) > max_row_bytes ? fmt::format("rows of {} are too long", table.path) : std::string();
}

/// Appends one cell of a column to a row; the alternatives of Cell are the call operators.
struct CellPacker {
  const TableSchema& table;
  const Column& column;
  std::string& row;

  void expect(ColumnType type, std::size_t length) const {
    PRECSIM_CHECK(column.type == type && static_cast<std::size_t>(column.length) == length,
                  fmt::format("{} {} is {}", table.path, column.name, type_name(column)));
  }
  void operator()(std::int64_t value) const {
    expect(ColumnType::int64, 1);
    append_integer(row, static_cast<std::uint64_t>(value), 8);
  }
  void operator()(std::uint64_t value) const {
    expect(ColumnType::uint64, 1);
    append_integer(row, value, 8);
  }
  void operator()(double value) const {
    expect(ColumnType::float64, 1);
    append_float64(row, value);
  }
  void operator()(std::span<const std::uint64_t> values) const {
    expect(ColumnType::uint64, values.size());
    for (const std::uint64_t value : values) append_integer(row, value, 8);
  }
  void operator()(std::span<const double> values) const {
    expect(ColumnType::float64, values.size());
    for (const double value : values) append_float64(row, value);
  }
  void operator()(std::string_view text) const {
    PRECSIM_CHECK(column.type == ColumnType::text && text.find('\0') == std::string_view::npos,
                  fmt::format("{} {} is {}", table.path, column.name, type_name(column)));
    const auto length = static_cast<std::size_t>(column.length);
    if (text.size() > length) {
      throw UserError(fmt::format("\"{}\" has {} bytes, but {} of the table {} holds at most {}", text, text.size(),
                                  column.name, table.path, length));
    }
    row.append(text);
    row.append(length - text.size(), '\0');
  }
};

}  // namespace

std::size_t column_bytes(const Column& column) {
  return static_cast<std::size_t>(column.length) * (column.type == ColumnType::text ? 1 : 8);
}

std::size_t row_bytes(const TableSchema& table) {
  std::size_t bytes = 0;
  for (const Column& column : table.columns) bytes += column_bytes(column);
  return bytes;
}

std::string type_name(const Column& column) {
  std::string_view name;
  switch (column.type) {
    case ColumnType::int64:
      name = "int64";
      break;
    case ColumnType::uint64:
      name = "uint64";
      break;
    case ColumnType::float64:
      name = "float64";
      break;
    case ColumnType::text:
      return fmt::format("text{}", column.length);
  }
  return column.length == 1 ? std::string(name) : fmt::format("{}[{}]", name, column.length);
}

std::string schema_flaw(std::span<const TableSchema> tables) {
  if (tables.size() > max_tables) return fmt::format("{} tables", tables.size());
  std::set<std::string_view> paths;
  for (const TableSchema& table : tables) {
    if (std::string flaw = table_flaw(table); !flaw.empty()) return flaw;
    if (!paths.insert(table.path).second) return fmt::format("{} appears twice", table.path);
  }
  return {};
}

std::string pack_row(const TableSchema& table, std::span<const Cell> cells) {
  PRECSIM_CHECK(cells.size() == table.columns.size(),
                fmt::format("{} cells for the {} columns of {}", cells.size(), table.columns.size(), table.path));
  std::string row;
  row.reserve(row_bytes(table));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::visit(CellPacker{table, table.columns[i], row}, cells[i]);
  }
  return row;
}

}  // namespace precsim::record
