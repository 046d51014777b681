// The results of `precsim analyze`; see analyze_report.hpp.
#include "experiments/commands/analyze_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "experiments/analysis/candidates.hpp"
#include "experiments/analysis/figures.hpp"
#include "experiments/analysis/results_file.hpp"
#include "experiments/cli/terminal.hpp"

namespace precsim::experiments {
namespace {

using analysis::ConversionResult;
using analysis::TensorResult;
using cli::Json;

constexpr std::size_t places_shown = 3;

std::string heading(const TensorResult& result) {
  const formats::ReferenceStatistics& x = result.reference;
  std::string line = fmt::format("{}  {} {}  absmax {:.4g}  std {}", cli::one_line(result.entry.name),
                                 analysis::shape_text(result.entry.shape), result.entry.type_text, x.absmax,
                                 x.count == 0 ? "-" : fmt::format("{:.4g}", x.std));
  if (x.nonfinite != 0) {
    line += fmt::format("  {} of {} not finite: left out", x.nonfinite, x.nonfinite + x.count);
  }
  return line + '\n';
}

std::string exponents_text(const ConversionResult& c) {
  if (c.blocks == 0) {
    return "-";
  }
  return c.exponent_min == c.exponent_max ? fmt::format("{}", c.exponent_min)
                                          : fmt::format("{} .. {}", c.exponent_min, c.exponent_max);
}

/// Rows of one table, with lines put between them that do not take part in its columns.
class GroupedTable {
 public:
  explicit GroupedTable(std::vector<cli::Column> columns) : table_(std::move(columns)) {}
  void add_line(std::string line) { lines_[rows_] += line; }
  void add_row(std::vector<std::string> cells) {
    table_.add_row(std::move(cells));
    ++rows_;
  }
  /// `head` lines of the table come before its rows.
  std::string text(std::size_t head) const {
    const std::string all = table_.text();
    std::string out;
    const auto between = [&](std::size_t row) { return lines_.contains(row) ? lines_.at(row) : std::string(); };
    std::size_t at = 0;
    for (std::size_t line = 0; at < all.size(); ++line) {
      out += line < head ? "" : between(line - head);
      const std::size_t end = all.find('\n', at) + 1;
      out += all.substr(at, end - at);
      at = end;
    }
    out += between(rows_);
    return out;
  }

 private:
  cli::Table table_;
  std::map<std::size_t, std::string> lines_;
  std::size_t rows_ = 0;
};

void add_file_line(GroupedTable& table, const AnalyzeReport& report, std::size_t t) {
  const bool several = report.results.front().file != report.results.back().file;
  if (several && (t == 0 || report.results[t - 1].file != report.results[t].file)) {
    table.add_line(fmt::format("{}:\n", cli::one_line(report.results[t].file)));
  }
}

bool any_conversion(const AnalyzeReport& report, bool (*holds)(const ConversionResult&)) {
  return std::ranges::any_of(report.results, [&](const TensorResult& result) {
    return std::any_of(result.conversions.begin(),
                       result.conversions.begin() + static_cast<std::ptrdiff_t>(report.ranked), holds);
  });
}

std::string conversions_text(const AnalyzeReport& report) {
  const bool blocked = any_conversion(report, [](const ConversionResult& c) { return c.blocks > 1; });
  const bool losing = any_conversion(report, [](const ConversionResult& c) { return c.errors.lost != 0; });
  std::vector<cli::Column> columns = {{"  format", "", cli::Align::left},
                                      {"SQNR", "dB"},
                                      {"largest", "rel. error"},
                                      {"flushed"},
                                      {"saturated"},
                                      {"exponents"}};
  if (losing) {
    columns.push_back({"to inf", "or NaN"});
  }
  if (blocked) {
    columns.push_back({"SQNR of blocks", "min / 1 % / median"});
  }
  GroupedTable table(columns);
  for (std::size_t t = 0; t < report.results.size(); ++t) {
    add_file_line(table, report, t);
    table.add_line(heading(report.results[t]));
    for (std::size_t c = 0; c < report.ranked; ++c) {
      const ConversionResult& result = report.results[t].conversions[c];
      std::vector<std::string> cells = {"  " + report.options.conversions[c].name(),
                                        cli::cell(result.errors.sqnr_db, 2),
                                        fmt::format("{:.2e}", result.errors.max_relative_error),
                                        fmt::format("{}", result.errors.flushed),
                                        fmt::format("{}", result.errors.saturated),
                                        exponents_text(result)};
      if (losing) {
        cells.push_back(fmt::format("{}", result.errors.lost));
      }
      if (blocked) {
        cells.push_back(result.blocks <= 1 ? "-"
                                           : fmt::format("{} / {} / {}", cli::cell(result.block_sqnr_min_db, 1),
                                                         cli::cell(result.block_sqnr_p01_db, 1),
                                                         cli::cell(result.block_sqnr_median_db, 1)));
      }
      table.add_row(std::move(cells));
    }
  }
  return table.text(3);
}

std::string ranking_text(const AnalyzeReport& report) {
  GroupedTable table({{"  rank", "", cli::Align::left},
                      {"format", "", cli::Align::left},
                      {"bits", "per element"},
                      {"SQNR", "dB"},
                      {"flushed"},
                      {"saturated"}});
  std::map<std::string, int> wins;
  for (std::size_t t = 0; t < report.results.size(); ++t) {
    const TensorResult& result = report.results[t];
    add_file_line(table, report, t);
    table.add_line(heading(result));
    const std::vector<std::size_t> order = analysis::ranking(result, report.options, report.ranked);
    for (std::size_t place = 0; place < std::min(places_shown, order.size()); ++place) {
      const formats::Conversion& conversion = report.options.conversions[order[place]];
      const formats::ConversionErrors& errors = result.conversions[order[place]].errors;
      table.add_row({fmt::format("  {}", place + 1), conversion.name(),
                     fmt::format("{:.4g}", analysis::bits_per_element(*conversion.format)),
                     cli::cell(errors.sqnr_db, 2), fmt::format("{}", errors.flushed),
                     fmt::format("{}", errors.saturated)});
    }
    if (!order.empty() && result.reference.count != result.reference.zeros) {
      ++wins[report.options.conversions[order.front()].name()];
    }
  }
  std::string text = table.text(3);
  text +=
      fmt::format("\n{} candidates of at most {:g} bits; best for:", report.options.conversions.size() - report.ranked,
                  report.best_bits);
  for (const auto& [name, count] : wins) {
    text += fmt::format(" {} {}{}", name, count, name == wins.rbegin()->first ? "" : ",");
  }
  return text + '\n';
}

Json json_of(const record::Cell& cell) {
  return std::visit(
      [](const auto& value) -> Json {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (requires { value.data(); } && !std::is_same_v<Value, std::string_view>) {
          return Json(std::vector(value.begin(), value.end()));
        } else {
          return Json(value);
        }
      },
      cell);
}

template <class Row>
void add_members(Json& object, const std::vector<analysis::Figure<Row>>& figures, const Row& row) {
  for (const analysis::Figure<Row>& figure : figures) {
    object[figure.column.name] = json_of(figure.value(row));
  }
}

}  // namespace

std::string analyze_text(const AnalyzeReport& report) {
  std::string text;
  if (!report.results.empty()) {
    text = report.ranked == 0 ? "" : conversions_text(report);
    if (report.best_bits > 0) {
      text += (text.empty() ? "" : "\n") + ranking_text(report);
    }
  }
  if (!report.unreadable.empty()) {
    text += fmt::format("\nnot floating point, left out: {}\n",
                        cli::one_line(fmt::format("{}", fmt::join(report.unreadable, ", "))));
  }
  return text;
}

Json analyze_json(const AnalyzeReport& report, std::string_view outcome) {
  Json tensors = Json::array();
  for (std::size_t t = 0; t < report.results.size(); ++t) {
    const TensorResult& result = report.results[t];
    const analysis::TensorRow tensor = analysis::tensor_row(static_cast<std::int64_t>(t), result);
    Json object;
    add_members(object, analysis::tensor_figures(), tensor);
    add_members(object["exponent_histogram"], analysis::histogram_figures(), tensor);
    object["conversions"] = Json::array();
    for (std::size_t c = 0; c < result.conversions.size(); ++c) {
      const analysis::ConversionRow row = analysis::conversion_row(tensor, report.options, c);
      Json conversion;
      add_members(conversion, analysis::conversion_figures(), row);
      add_members(conversion["octave_errors"], analysis::octave_figures(), row);
      object["conversions"].push_back(std::move(conversion));
    }
    for (const std::size_t c : analysis::ranking(result, report.options, report.ranked)) {
      object["ranking"].push_back(report.options.conversions[c].name());
    }
    tensors.push_back(std::move(object));
  }
  return {{"analysis_version", analysis::analysis_version},
          {"outcome", outcome},
          {"seed", report.options.seed},
          {"unreadable", report.unreadable},
          {"tensors", std::move(tensors)}};
}

}  // namespace precsim::experiments
