// Results as text tables for people and as JSON for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace precsim::cli {

enum class Align { left, right };

struct Column {
  std::string name;
  /// Shown below the name; a table without any unit has no such line.
  std::string unit = {};
  Align align = Align::right;
};

/// How a table is written: aligned text (names, units, a rule, rows; two blanks between columns, none at line ends),
/// comma-separated values (RFC 4180; units in parentheses behind the names), a Markdown table, a LaTeX tabular with the
/// rules of package booktabs.
enum class TableStyle { text, csv, markdown, latex };

/// "text", "csv", "markdown" or "latex"; UserError for others.
TableStyle parse_table_style(std::string_view name);

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell per column, each a single line of UTF-8 (else CheckError).
  void add_row(std::vector<std::string> cells);

  std::string text() const;
  std::string text(TableStyle style) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// A number for a cell, with that many digits behind the point: "98.76", "inf", "-inf", and "-" for NaN (nothing
/// known).
std::string cell(double value, int digits);

/// JSON whose objects keep the order in which members were added.
using Json = nlohmann::ordered_json;

/// The value as indented JSON text ending in a newline. Doubles in a form that reads back to the same double; NaN and
/// infinities, for which JSON has no number, are null (the record keeps them apart); control characters are escaped;
/// bytes that are not UTF-8 become U+FFFD.
std::string json_text(const Json& value);

}  // namespace precsim::cli
