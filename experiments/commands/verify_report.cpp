// Rendering the reports of a verification.
#include "experiments/commands/verify_report.hpp"

#include <fmt/format.h>

#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "formats/cpu_features.hpp"

namespace precsim::experiments {
namespace {

constexpr std::string_view depth_names[] = {"quick", "default", "full"};

/// Counts over all reports.
struct Totals {
  std::uint64_t run = 0, not_run = 0, cases = 0, mismatches = 0;
  double seconds = 0;
};

Totals total(const std::vector<verify::Report>& reports) {
  Totals totals;
  for (const verify::Report& report : reports) {
    ++(report.not_run.empty() ? totals.run : totals.not_run);
    totals.cases += report.tally.cases();
    totals.mismatches += report.tally.mismatches();
    totals.seconds += report.seconds;
  }
  return totals;
}

cli::Json json(const verify::Report& report) {
  cli::Json row{{"section", report.section.name},
                {"claim", report.section.what},
                {"oracle", report.section.oracle},
                {"run", report.not_run.empty()}};
  if (!report.not_run.empty()) {
    row["not_run"] = report.not_run;
    return row;
  }
  row["cases"] = report.tally.cases();
  row["mismatches"] = report.tally.mismatches();
  row["visited"] = report.coverage;
  row["seconds"] = report.seconds;
  if (const auto& first = report.tally.first()) {
    row["first"] = {{"input", first->input}, {"expected", first->expected}, {"actual", first->actual}};
  }
  return row;
}

}  // namespace

std::string verify_text(const VerifyRequest& request, const std::vector<verify::Report>& reports) {
  std::string text = fmt::format("{}\nCPU: {}\n{}, seed {}, {} threads\n\n", program().version,
                                 formats::feature_names(formats::cpu_features()),
                                 depth_names[static_cast<std::size_t>(request.depth)], request.seed, request.threads);
  cli::Table table({{"section", "", cli::Align::left},
                    {"oracle", "", cli::Align::left},
                    {"cases"},
                    {"mismatches"},
                    {"time", "s"},
                    {"visited", "", cli::Align::left}});
  for (const verify::Report& report : reports) {
    const bool ran = report.not_run.empty();
    table.add_row({std::string(report.section.name), std::string(report.section.oracle),
                   ran ? fmt::to_string(report.tally.cases()) : "-",
                   ran ? fmt::to_string(report.tally.mismatches()) : "-", ran ? cli::cell(report.seconds, 1) : "-",
                   ran ? report.coverage : "not run: " + report.not_run});
  }
  text += table.text();
  for (const verify::Report& report : reports) {
    if (const auto& first = report.tally.first()) {
      text += fmt::format("\n{}: first of {} mismatches\n  input     {}\n  expected  {}\n  actual    {}\n",
                          report.section.name, report.tally.mismatches(), first->input, first->expected, first->actual);
    }
  }
  const Totals totals = total(reports);
  return text + fmt::format("\n{} sections ran, {} not run; {} cases, {} mismatches; {:.1f} s\n", totals.run,
                            totals.not_run, totals.cases, totals.mismatches, totals.seconds);
}

std::string verify_json(const VerifyRequest& request, const std::vector<verify::Report>& reports) {
  const Totals totals = total(reports);
  cli::Json rows = cli::Json::array();
  for (const verify::Report& report : reports) {
    rows.push_back(json(report));
  }
  return cli::json_text({{"version", program().version},
                         {"cpu_features", formats::feature_names(formats::cpu_features())},
                         {"depth", depth_names[static_cast<std::size_t>(request.depth)]},
                         {"seed", request.seed},
                         {"threads", request.threads},
                         {"sections", rows},
                         {"run", totals.run},
                         {"not_run", totals.not_run},
                         {"cases", totals.cases},
                         {"mismatches", totals.mismatches},
                         {"seconds", totals.seconds}});
}

cli::ExitCode verify_exit_code(const std::vector<verify::Report>& reports) {
  return total(reports).mismatches == 0 ? cli::ExitCode::ok : cli::ExitCode::mismatch;
}

}  // namespace precsim::experiments
