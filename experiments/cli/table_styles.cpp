// CSV, Markdown and LaTeX; the table of styles.
#include "experiments/cli/table_styles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::cli {
namespace {

constexpr std::array<std::pair<std::string_view, TableStyle>, 4> styles = {{{"text", TableStyle::text},
                                                                            {"csv", TableStyle::csv},
                                                                            {"markdown", TableStyle::markdown},
                                                                            {"latex", TableStyle::latex}}};

std::string heading(const Column& column) {
  return column.unit.empty() ? column.name : fmt::format("{} ({})", column.name, column.unit);
}

template <class Escape>
std::string line(const std::vector<std::string>& cells, std::string_view separator, Escape escape) {
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    text += i == 0 ? "" : separator;
    text += escape(cells[i]);
  }
  return text;
}

std::vector<std::string> headings(const std::vector<Column>& columns) {
  std::vector<std::string> names;
  std::ranges::transform(columns, std::back_inserter(names), heading);
  return names;
}

std::string csv_cell(const std::string& cell) {
  if (cell.find_first_of(",\"") == std::string::npos) {
    return cell;
  }
  std::string quoted = "\"";
  for (const char c : cell) {
    quoted += c == '"' ? "\"\"" : std::string(1, c);
  }
  return quoted + '"';
}

std::string markdown_cell(const std::string& cell) {
  std::string escaped;
  for (const char c : cell) {
    escaped += c == '|' ? "\\|" : std::string(1, c);
  }
  return escaped;
}

std::string latex_cell(const std::string& cell) {
  std::string escaped;
  for (const char c : cell) {
    switch (c) {
      case '\\':
        escaped += "\\textbackslash{}";
        break;
      case '~':
        escaped += "\\textasciitilde{}";
        break;
      case '^':
        escaped += "\\textasciicircum{}";
        break;
      case '&':
      case '%':
      case '$':
      case '#':
      case '_':
      case '{':
      case '}':
        escaped += '\\';
        [[fallthrough]];
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

TableStyle parse_table_style(std::string_view name) {
  const auto found = std::ranges::find(styles, name, &std::pair<std::string_view, TableStyle>::first);
  if (found == styles.end()) {
    throw UserError(
        fmt::format("{} is no style of a table; it must be text, csv, markdown or latex", formats::quote(name)));
  }
  return found->second;
}

std::string csv_text(const std::vector<Column>& columns, const Rows& rows) {
  std::string text = line(headings(columns), ",", csv_cell) + "\r\n";
  for (const auto& row : rows) {
    text += line(row, ",", csv_cell) + "\r\n";
  }
  return text;
}

std::string markdown_text(const std::vector<Column>& columns, const Rows& rows) {
  std::string text = fmt::format("| {} |\n|", line(headings(columns), " | ", markdown_cell));
  for (const Column& column : columns) {
    text += column.align == Align::left ? " --- |" : " ---: |";
  }
  text += '\n';
  for (const auto& row : rows) {
    text += fmt::format("| {} |\n", line(row, " | ", markdown_cell));
  }
  return text;
}

std::string latex_text(const std::vector<Column>& columns, const Rows& rows) {
  std::string text = "\\begin{tabular}{";
  for (const Column& column : columns) {
    text += column.align == Align::left ? 'l' : 'r';
  }
  text += fmt::format("}}\n\\toprule\n{} \\\\\n\\midrule\n", line(headings(columns), " & ", latex_cell));
  for (const auto& row : rows) {
    text += line(row, " & ", latex_cell) + " \\\\\n";
  }
  return text + "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace precsim::cli
