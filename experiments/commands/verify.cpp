// precsim verify
#include <fmt/format.h>

#include <algorithm>

#include "experiments/cli/progress.hpp"
#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/verify_report.hpp"
#include "experiments/run/run_options.hpp"
#include "experiments/verify/section.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "verify",
    .summary = "Proves the arithmetic on this machine: against the CPU's instructions and independent oracles.",
    .options = {{.name = "quick", .meaning = "a smaller sample, below half a minute"},
                {.name = "full", .meaning = "every case of the sections that can be exhausted, two hours of two cores"},
                {.name = "only",
                 .argument = "NAME",
                 .meaning = "a section, or a group of them; repeatable",
                 .repeatable = true},
                {.name = "list", .meaning = "lists the sections with what each claims, and stops"},
                {.name = "seed", .argument = "N", .meaning = "seed of the samples (default: 1)"},
                {.name = "threads", .argument = "N", .meaning = "threads (default: all)"},
                {.name = "json", .meaning = "prints the result as JSON"},
                {.name = "quiet", .meaning = "no progress"}},
    .example = "precsim verify --quick"};

std::vector<std::string_view> groups(const std::vector<verify::Section>& sections) {
  std::vector<std::string_view> names;
  for (const verify::Section& section : sections) {
    const std::string_view group = section.name.substr(0, section.name.find('/'));
    if (names.empty() || names.back() != group) {
      names.push_back(group);
    }
  }
  return names;
}

std::vector<verify::Section> chosen_sections(const std::vector<std::string>& only) {
  const std::vector<verify::Section> all = verify::sections();
  std::vector<bool> taken(all.size(), only.empty());
  for (const std::string& name : only) {
    bool found = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].name == name || all[i].name.starts_with(name.ends_with('/') ? name : name + "/")) {
        taken[i] = found = true;
      }
    }
    if (!found) {
      throw UserError(
          fmt::format("--only: unknown section '{}'; valid are {} or one of the sections in them, which "
                      "'precsim verify --list' prints",
                      name, fmt::join(groups(all), ", ")));
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

VerifyRequest parse_request(const cli::Arguments& arguments) {
  if (arguments.has("quick") && arguments.has("full")) {
    throw UserError("--quick and --full exclude each other; without either, the default takes a few minutes");
  }
  VerifyRequest request;
  request.depth = arguments.has("quick")  ? verify::Depth::quick
                  : arguments.has("full") ? verify::Depth::full
                                          : verify::Depth::standard;
  request.seed = static_cast<std::uint32_t>(arguments.integer("seed", 1, 0, 4294967295));
  request.threads = set_threads(arguments.integer("threads", 0, 0, 1024));
  return request;
}

std::string list_text(const std::vector<verify::Section>& sections) {
  cli::Table table(
      {{"section", "", cli::Align::left}, {"claim", "", cli::Align::left}, {"oracle", "", cli::Align::left}});
  for (const verify::Section& section : sections) {
    table.add_row({std::string(section.name), std::string(section.what), std::string(section.oracle)});
  }
  return table.text();
}

std::vector<verify::Report> run_all(const VerifyRequest& request, const std::vector<verify::Section>& sections,
                                    cli::Progress& progress) {
  std::vector<verify::Report> reports;
  for (const verify::Section& section : sections) {
    const auto on_part = [&](std::uint64_t done, std::uint64_t parts) {
      progress.update(reports.size(), sections.size(), fmt::format("{} {} %", section.name, 100 * done / parts));
    };
    on_part(0, 1);
    reports.push_back(verify::run_section(section, request.depth, request.seed, request.threads, on_part));
    progress.update(reports.size(), sections.size());
  }
  progress.finish();
  return reports;
}

}  // namespace

cli::ExitCode run_verify(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  const std::vector<verify::Section> sections = chosen_sections(parsed.values("only"));
  if (parsed.has("list")) {
    if (parsed.has("json")) {
      throw UserError("--list prints a table and has no JSON form; the result of a run has one, with every claim");
    }
    streams.out << list_text(sections);
    return cli::ExitCode::ok;
  }
  const VerifyRequest request = parse_request(parsed);
  cli::ProgressOptions options;
  options.mode = cli::progress_mode("auto", parsed.has("quiet"), streams.err_terminal);
  options.width = streams.err_terminal.width;
  options.label = "verify";
  options.unit = "sections";
  cli::Progress progress(streams.err, options);
  const std::vector<verify::Report> reports = run_all(request, sections, progress);
  streams.out << (parsed.has("json") ? verify_json(request, reports) : verify_text(request, reports));
  return verify_exit_code(reports);
}

}  // namespace precsim::experiments
