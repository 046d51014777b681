// The results of `precsim analyze`; see analyze_report.hpp.
#include "experiments/commands/analyze_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "experiments/analysis/figures.hpp"
#include "experiments/analysis/results_file.hpp"
#include "experiments/cli/terminal.hpp"
#include "experiments/commands/analyze_roundings.hpp"

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

std::string bias_text(double bias) {
  return std::isnan(bias) ? "-" : bias == 0 ? "0" : fmt::format("{:+.1e}", bias);
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

/// Conversions of every tensor, before those that are ranked.
std::size_t asked(const AnalyzeReport& report) {
  return report.options.conversions.size();
}

bool any_conversion(const AnalyzeReport& report, bool (*holds)(const ConversionResult&)) {
  return std::ranges::any_of(report.results, [&](const TensorResult& result) {
    return std::any_of(result.conversions.begin(),
                       result.conversions.begin() + static_cast<std::ptrdiff_t>(asked(report)), holds);
  });
}

std::string conversions_text(const AnalyzeReport& report) {
  const bool blocked = any_conversion(report, [](const ConversionResult& c) { return c.blocks > 1; });
  const bool losing = any_conversion(report, [](const ConversionResult& c) { return c.errors.lost != 0; });
  std::vector<cli::Column> columns = {{"  format", "", cli::Align::left},
                                      {"SQNR", "dB"},
                                      {"mean error", "of RMS x"},
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
    for (std::size_t c = 0; c < asked(report); ++c) {
      const ConversionResult& result = report.results[t].conversions[c];
      std::vector<std::string> cells = {"  " + result.conversion.name(),
                                        cli::cell(result.errors.sqnr_db, 2),
                                        bias_text(relative_bias(report.results[t], result)),
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

/// Formats whose codes fit, but on no tensor with their exponents.
std::string too_wide(const AnalyzeReport& report) {
  std::string text;
  for (const formats::FormatPtr& format : report.candidates->examples()) {
    double least = std::numeric_limits<double>::infinity();
    for (const TensorResult& result : report.results) {
      const tensor_files::BlockGrid grid(result.entry.shape, format->blocking());
      least = grid.size() == 0 ? least : std::min(least, analysis::bits_per_element(*format, grid));
    }
    if (std::isfinite(least) && least > report.candidates->bits() + analysis::bits_to_spare) {
      text += fmt::format("{} {} ({:.4g})", text.empty() ? "" : ",", format->name(), least);
    }
  }
  return text;
}

std::string wins_text(const AnalyzeReport& report) {
  std::map<std::string, int> wins;
  std::size_t fewest = std::numeric_limits<std::size_t>::max(), most = 0;
  for (const TensorResult& result : report.results) {
    const std::vector<std::size_t> order = analysis::ranking(result, asked(report));
    fewest = std::min(fewest, order.size());
    most = std::max(most, order.size());
    if (!order.empty() && result.reference.count != result.reference.zeros) {
      ++wins[result.conversions[order.front()].conversion.name()];
    }
  }
  std::string text = fmt::format("\n{} candidates of at most {:g} bits{}",
                                 fewest == most ? fmt::format("{}", most) : fmt::format("{} to {}", fewest, most),
                                 report.candidates->bits(), wins.empty() ? "" : "; best for:");
  for (const auto& [name, count] : wins) {
    text += fmt::format(" {} {}{}", name, count, name == wins.rbegin()->first ? "" : ",");
  }
  const std::string wide = too_wide(report);
  return text + (wide.empty() ? "\n" : fmt::format("\nwider with their exponents, left out:{}\n", wide));
}

std::string ranking_text(const AnalyzeReport& report) {
  GroupedTable table({{"  rank", "", cli::Align::left},
                      {"format", "", cli::Align::left},
                      {"bits", "per element"},
                      {"SQNR", "dB"},
                      {"flushed"},
                      {"saturated"}});
  for (std::size_t t = 0; t < report.results.size(); ++t) {
    const TensorResult& result = report.results[t];
    add_file_line(table, report, t);
    table.add_line(heading(result));
    const std::vector<std::size_t> order = analysis::ranking(result, asked(report));
    if (order.empty()) {
      table.add_line(fmt::format("  no format takes at most {:g} bits per element\n", report.candidates->bits()));
    }
    for (std::size_t place = 0; place < std::min(places_shown, order.size()); ++place) {
      const ConversionResult& one = result.conversions[order[place]];
      table.add_row({fmt::format("  {}", place + 1), one.conversion.name(), fmt::format("{:.4g}", one.bits),
                     cli::cell(one.errors.sqnr_db, 2), fmt::format("{}", one.errors.flushed),
                     fmt::format("{}", one.errors.saturated)});
    }
  }
  return table.text(3) + wins_text(report);
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
    if (asked(report) > 0) {
      const std::string roundings = roundings_text(rounding_choices(report.results, asked(report)));
      text = conversions_text(report) + (roundings.empty() ? "" : "\n") + roundings;
    }
    if (report.candidates) {
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
    for (const ConversionResult& one : result.conversions) {
      const analysis::ConversionRow row = analysis::conversion_row(tensor, one);
      Json conversion;
      add_members(conversion, analysis::conversion_figures(), row);
      add_members(conversion["octave_errors"], analysis::octave_figures(), row);
      object["conversions"].push_back(std::move(conversion));
    }
    if (report.candidates) {
      object["ranking"] = Json::array();
    }
    for (const std::size_t c : analysis::ranking(result, asked(report))) {
      object["ranking"].push_back(result.conversions[c].conversion.name());
    }
    tensors.push_back(std::move(object));
  }
  Json roundings = Json::array();
  for (const RoundingChoice& one : rounding_choices(report.results, asked(report))) {
    const auto member = [](const RoundingMeans& means) -> Json {
      return {{"rounding", means.rounding}, {"mean_sqnr_db", means.sqnr_db}, {"mean_relative_bias", means.bias}};
    };
    roundings.push_back({{"format", one.format},
                         {"tensors", one.tensors},
                         {"highest_sqnr", one.tensors == 0 ? Json() : member(one.highest_sqnr)},
                         {"least_bias", one.tensors == 0 ? Json() : member(one.least_bias)}});
  }
  return {{"analysis_version", analysis::analysis_version},
          {"outcome", outcome},
          {"seed", report.options.seed},
          {"unreadable", report.unreadable},
          {"tensors", std::move(tensors)},
          {"roundings", std::move(roundings)}};
}

}  // namespace precsim::experiments
