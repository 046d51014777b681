// Rendering measurements.
#include "experiments/commands/bench_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/bench/peers.hpp"
#include "experiments/bench/totals.hpp"
#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "formats/cpu_features.hpp"

namespace precsim::experiments {
namespace {

constexpr auto left = cli::Align::left;

std::string percent(double fraction) {
  return cli::cell(100 * fraction, 1);
}

std::string rate(const bench::Row& row) {
  return cli::cell(row.rate / bench::scale(row.unit), row.unit == bench::Unit::macs ? 2 : 0);
}

std::string rows_text(std::span<const bench::Row> rows, bool threads) {
  std::vector<cli::Column> columns{{"case", "", left},  {"contender", "", left}, {"rate"},      {"", "", left},
                                   {"of ceiling", "%"}, {"spread", "%"},         {"time", "ms"}};
  if (threads) {
    columns.push_back({"1 thread", "x"});
  }
  columns.push_back({"ceiling", "", left});
  cli::Table table(columns);
  for (const bench::Row& row : rows) {
    std::vector<std::string> cells{row.case_name,
                                   row.contender,
                                   rate(row),
                                   std::string(bench::name(row.unit)),
                                   percent(row.fraction),
                                   percent(row.spread),
                                   cli::cell(1e3 * row.seconds, 3)};
    if (threads) {
      cells.push_back(cli::cell(row.over_one_thread, 2));
    }
    cells.push_back(row.ceiling.empty()
                        ? "-"
                        : fmt::format("{} {}", cli::cell(row.ceiling_rate / bench::scale(row.unit), 0), row.ceiling));
    table.add_row(std::move(cells));
  }
  return table.text();
}

std::string comparisons_text(std::span<const bench::Comparison> comparisons) {
  cli::Table table({{"case", "", left}, {"contender", "", left}, {"peer", "", left}, {"times as fast"}});
  for (const bench::Comparison& row : comparisons) {
    table.add_row({row.case_name, row.contender, row.peer, cli::cell(row.ratio, 2)});
  }
  return comparisons.empty() ? "" : "\n" + table.text();
}

/// The time of the same total by the contender `name`, or NaN.
double seconds_of(std::span<const bench::Total> totals, const bench::Total& like, std::string_view name) {
  const auto other = std::ranges::find_if(totals, [&](const bench::Total& total) {
    return total.network == like.network && total.pass == like.pass && total.with_first == like.with_first &&
           total.contender == name;
  });
  return other == totals.end() ? std::numeric_limits<double>::quiet_NaN() : other->seconds;
}

std::string totals_text(std::span<const bench::Total> totals) {
  cli::Table table({{"network", "", left},
                    {"layers", "", left},
                    {"pass", "", left},
                    {"contender", "", left},
                    {"work", "GMAC"},
                    {"time", "ms"},
                    {"rate", "GMAC/s"},
                    {"of ceiling", "%"},
                    {"int16 as fast", "x"}});
  for (const bench::Total& total : totals) {
    table.add_row({total.network, total.with_first ? "all" : "all but the first", total.pass, total.contender,
                   cli::cell(1e-9 * total.work, 2), cli::cell(1e3 * total.seconds, 1),
                   cli::cell(1e-9 * total.work / total.seconds, 1), percent(total.fraction),
                   cli::cell(total.seconds / seconds_of(totals, total, "int16"), 2)});
  }
  return totals.empty() ? "" : "\n" + table.text();
}

/// A number for JSON; null where it is not known.
cli::Json json_number(double value) {
  return std::isfinite(value) ? cli::Json(value) : cli::Json(nullptr);
}

cli::Json json(const bench::Row& row) {
  return {{"case", row.case_name},
          {"contender", row.contender},
          {"peer", row.is_peer},
          {"unit", bench::name(row.unit)},
          {"rate", json_number(row.rate / bench::scale(row.unit))},
          {"spread", json_number(row.spread)},
          {"seconds", json_number(row.seconds)},
          {"ceiling", row.ceiling.empty() ? cli::Json(nullptr) : cli::Json(row.ceiling)},
          {"ceiling_rate", json_number(row.ceiling_rate / bench::scale(row.unit))},
          {"of_ceiling", json_number(row.fraction)},
          {"over_one_thread", json_number(row.over_one_thread)},
          {"wrong", row.wrong.empty() ? cli::Json(nullptr) : cli::Json(row.wrong)}};
}

cli::Json json(const bench::Total& total) {
  return {{"network", total.network},
          {"pass", total.pass},
          {"with_first_layer", total.with_first},
          {"contender", total.contender},
          {"peer", total.is_peer},
          {"gmac", 1e-9 * total.work},
          {"seconds", total.seconds},
          {"of_ceiling", json_number(total.fraction)}};
}

std::size_t count_wrong(const bench::Measurements& measurements) {
  return static_cast<std::size_t>(
      std::ranges::count_if(measurements.rows, [](const bench::Row& row) { return !row.wrong.empty(); }));
}

}  // namespace

std::string bench_text(const BenchRequest& request, std::span<const bench::Case> catalogue,
                       const bench::Measurements& measurements) {
  std::string text =
      fmt::format("{}\nCPU: {}\nkernel {}, {}, medians of {} rounds\n", program().version,
                  formats::feature_names(formats::cpu_features()), request.kernel,
                  request.options.threads == 1 ? "1 thread" : fmt::format("{} threads", request.options.threads),
                  request.options.rounds);
  for (const bench::Peer& peer : bench::peers()) {
    text += fmt::format("peer: {} ({})\n", peer.name, peer.library());
  }
  text += "\n" + rows_text(measurements.rows, request.options.threads > 1) +
          comparisons_text(measurements.comparisons) + totals_text(bench::totals(catalogue, measurements.rows));
  for (const bench::Row& row : measurements.rows) {
    if (!row.wrong.empty()) {
      text += fmt::format("\n{}, {}: wrong result: {}.", row.case_name, row.contender, row.wrong);
    }
  }
  return text + fmt::format("\n{} results, {} wrong; {:.1f} s\n", measurements.rows.size(), count_wrong(measurements),
                            measurements.seconds);
}

std::string bench_json(const BenchRequest& request, std::span<const bench::Case> catalogue,
                       const bench::Measurements& measurements) {
  cli::Json rows = cli::Json::array();
  for (const bench::Row& row : measurements.rows) {
    rows.push_back(json(row));
  }
  cli::Json comparisons = cli::Json::array();
  for (const bench::Comparison& row : measurements.comparisons) {
    comparisons.push_back(
        {{"case", row.case_name}, {"contender", row.contender}, {"peer", row.peer}, {"ratio", json_number(row.ratio)}});
  }
  cli::Json sums = cli::Json::array();
  for (const bench::Total& total : bench::totals(catalogue, measurements.rows)) {
    sums.push_back(json(total));
  }
  cli::Json libraries = cli::Json::object();
  for (const bench::Peer& peer : bench::peers()) {
    libraries[std::string(peer.name)] = peer.library();
  }
  return cli::json_text({{"version", program().version},
                         {"cpu_features", formats::feature_names(formats::cpu_features())},
                         {"kernel", request.kernel},
                         {"threads", request.options.threads},
                         {"rounds", request.options.rounds},
                         {"peers", libraries},
                         {"rows", rows},
                         {"comparisons", comparisons},
                         {"totals", sums},
                         {"wrong", count_wrong(measurements)},
                         {"seconds", measurements.seconds}});
}

cli::ExitCode bench_exit_code(const bench::Measurements& measurements) {
  return count_wrong(measurements) == 0 ? cli::ExitCode::ok : cli::ExitCode::mismatch;
}

}  // namespace precsim::experiments
