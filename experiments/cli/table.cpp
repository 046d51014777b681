// Results as text tables for people and as JSON for programs.
#include "experiments/cli/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/cli/table_styles.hpp"
#include "experiments/cli/terminal.hpp"
#include "formats/error.hpp"

namespace precsim::cli {
namespace {

std::string aligned(const std::vector<std::string>& cells, const std::vector<Column>& columns,
                    const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - display_width(cells[i]), ' ');
    if (i > 0) line += "  ";
    line += columns[i].align == Align::left ? cells[i] + padding : padding + cells[i];
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

bool is_single_line(std::string_view cell) {
  return std::ranges::none_of(cell, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

void Table::add_row(std::vector<std::string> cells) {
  PRECSIM_CHECK(cells.size() == columns_.size(), fmt::format("{} cells, {} columns", cells.size(), columns_.size()));
  for (const std::string& text : cells) PRECSIM_CHECK(is_single_line(text), text);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::string> names;
  std::vector<std::string> units;
  std::vector<std::string> rule;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    names.push_back(columns_[i].name);
    units.push_back(columns_[i].unit);
    std::size_t width = std::max(display_width(names[i]), display_width(units[i]));
    for (const auto& row : rows_) width = std::max(width, display_width(row[i]));
    widths.push_back(width);
    rule.emplace_back(width, '-');
  }
  std::string text = aligned(names, columns_, widths);
  const bool has_units = std::ranges::any_of(units, [](const std::string& unit) { return !unit.empty(); });
  if (has_units) text += aligned(units, columns_, widths);
  text += aligned(rule, columns_, widths);
  for (const auto& row : rows_) text += aligned(row, columns_, widths);
  return text;
}

std::string Table::text(TableStyle style) const {
  switch (style) {
    case TableStyle::text:
      return text();
    case TableStyle::csv:
      return csv_text(columns_, rows_);
    case TableStyle::markdown:
      return markdown_text(columns_, rows_);
    case TableStyle::latex:
      return latex_text(columns_, rows_);
  }
  return {};
}

std::string cell(double value, int digits) {
  if (std::isnan(value)) return "-";
  const std::string text = fmt::format("{:.{}f}", value, digits);
  const bool is_zero = text.find_first_not_of("-0.") == std::string::npos;
  return is_zero && text.front() == '-' ? text.substr(1) : text;
}

std::string json_text(const Json& value) {
  return value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace precsim::cli
