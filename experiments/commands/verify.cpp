// precsim verify
#include <fmt/format.h>

#include <algorithm>

#include "experiments/cli/progress.hpp"
#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/run/run_options.hpp"
#include "experiments/verify/section.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "sim/kernels/cpu_features.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "verify",
    .summary = "Proves the arithmetic on this machine: against the CPU's instructions and independent oracles.",
    .options = {{.name = "quick", .meaning = "a smaller sample, below half a minute"},
                {.name = "full", .meaning = "every case of the exhaustive sections, hours"},
                {.name = "only",
                 .argument = "NAME",
                 .meaning = "a section, or all that begin with NAME/; repeatable",
                 .repeatable = true},
                {.name = "list", .meaning = "lists the sections with what each claims, and stops"},
                {.name = "seed", .argument = "N", .meaning = "seed of the samples (default: 1)"},
                {.name = "threads", .argument = "N", .meaning = "threads (default: all)"},
                {.name = "json", .meaning = "prints the result as JSON"},
                {.name = "quiet", .meaning = "no progress"}},
    .example = "precsim verify --quick"};

struct Request {
  verify::Depth depth = verify::Depth::standard;
  std::uint32_t seed = 1;
  int threads = 1;
  std::vector<verify::Section> sections;
};

constexpr std::string_view depth_names[] = {"quick", "default", "full"};

std::int64_t integer(const cli::Arguments& arguments, std::string_view option, std::int64_t otherwise,
                     std::int64_t largest) {
  std::int64_t value = otherwise;
  if (const auto text = arguments.value(option); text && !formats::parse_integer(*text, 0, largest, value)) {
    throw UserError(fmt::format("--{} must be an integer from 0 to {}, not '{}'", option, largest, *text));
  }
  return value;
}

std::vector<verify::Section> chosen_sections(const std::vector<std::string>& only) {
  const std::vector<verify::Section> all = verify::sections();
  std::vector<bool> taken(all.size(), only.empty());
  for (const std::string& name : only) {
    bool found = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].name == name || all[i].name.starts_with(name + "/")) {
        taken[i] = found = true;
      }
    }
    if (!found) {
      throw formats::unknown_name("section", name, name, all, &verify::Section::name);
    }
  }
  std::vector<verify::Section> chosen;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (taken[i]) {
      chosen.push_back(all[i]);
    }
  }
  return chosen;
}

Request parse_request(const cli::Arguments& arguments) {
  if (arguments.has("quick") && arguments.has("full")) {
    throw UserError("--quick and --full exclude each other; without either, the default takes a few minutes");
  }
  Request request;
  request.depth = arguments.has("quick")  ? verify::Depth::quick
                  : arguments.has("full") ? verify::Depth::full
                                          : verify::Depth::standard;
  request.seed = static_cast<std::uint32_t>(integer(arguments, "seed", 1, 4294967295));
  request.threads = set_threads(integer(arguments, "threads", 0, 1024));
  request.sections = chosen_sections(arguments.values("only"));
  return request;
}

std::string list_text() {
  cli::Table table(
      {{"section", "", cli::Align::left}, {"claim", "", cli::Align::left}, {"oracle", "", cli::Align::left}});
  for (const verify::Section& section : verify::sections()) {
    table.add_row({std::string(section.name), std::string(section.what), std::string(section.oracle)});
  }
  return table.text();
}

std::vector<verify::Report> run_all(const Request& request, cli::Progress& progress) {
  std::vector<verify::Report> reports;
  for (const verify::Section& section : request.sections) {
    const auto on_part = [&](std::uint64_t done, std::uint64_t parts) {
      progress.update(reports.size(), request.sections.size(),
                      fmt::format("{} {} %", section.name, 100 * done / parts));
    };
    on_part(0, 1);
    reports.push_back(verify::run_section(section, request.depth, request.seed, request.threads, on_part));
    progress.update(reports.size(), request.sections.size());
  }
  progress.finish();
  return reports;
}

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

std::string result_text(const Request& request, const std::vector<verify::Report>& reports) {
  std::string text = fmt::format("{}\nCPU: {}\n{}, seed {}, {} threads\n\n", program().version,
                                 kernels::feature_names(kernels::cpu_features()),
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

std::string result_json(const Request& request, const std::vector<verify::Report>& reports) {
  const Totals totals = total(reports);
  cli::Json rows = cli::Json::array();
  for (const verify::Report& report : reports) {
    rows.push_back(json(report));
  }
  return cli::json_text({{"version", program().version},
                         {"cpu_features", kernels::feature_names(kernels::cpu_features())},
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

}  // namespace

cli::ExitCode run_verify(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  if (parsed.has("list")) {
    streams.out << list_text();
    return cli::ExitCode::ok;
  }
  const Request request = parse_request(parsed);
  cli::ProgressOptions options;
  options.mode = cli::progress_mode("auto", parsed.has("quiet"), streams.err_terminal);
  options.width = streams.err_terminal.width;
  options.label = "verify";
  options.unit = "sections";
  cli::Progress progress(streams.err, options);
  const std::vector<verify::Report> reports = run_all(request, progress);
  streams.out << (parsed.has("json") ? result_json(request, reports) : result_text(request, reports));
  return total(reports).mismatches == 0 ? cli::ExitCode::ok : cli::ExitCode::mismatch;
}

}  // namespace precsim::experiments
