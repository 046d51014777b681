// precsim compare
#include "experiments/record/compare.hpp"

#include <H5public.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <optional>
#include <ostream>
#include <vector>

#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/compare_report.hpp"
#include "experiments/commands/compare_sources.hpp"
#include "experiments/comparison/groups.hpp"
#include "experiments/process/child.hpp"
#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "compare",
    .summary = "Compares runs: settings, accuracy over seeds, SQNR, overflow, where bits part; or two files exactly.",
    .options = {{.name = "exact",
                 .meaning = "two files: all outside /provenance, bit by bit; exit code 1 names the first difference"},
                {.name = "reference",
                 .argument = "LABEL",
                 .meaning = "the configuration that the others are compared with (that of the study, or the first)"},
                {.name = "by-layer", .meaning = "SQNR and overflow layer by layer"},
                {.name = "style", .argument = "NAME", .meaning = "text, csv, markdown or latex (text)"},
                {.name = "json", .meaning = "print JSON"}},
    .positional = cli::Positional{"RUN",
                                  "records, and studies (DIR or DIR/study.h5) for all their runs; those that differ in "
                                  "the seed alone are one configuration",
                                  1, 100000},
    .example = "precsim compare a.h5 b.h5 --style markdown"};

/// Forks, because HDF5 1.10 itself crashes on some damaged files: the child gets nothing and goes on, the parent its
/// exit code. A crash is then the files' fault; any other violent death is passed on.
std::optional<cli::ExitCode> exit_code_of_child(const std::vector<std::string>& files) {
  const pid_t child = ::fork();
  if (child <= 0) {
    return std::nullopt;  // the child; or there is none, and this process must do
  }
  const int status = process::wait_for(child);
  if (WIFEXITED(status)) {
    return static_cast<cli::ExitCode>(WEXITSTATUS(status));
  }
  const int signal = WTERMSIG(status);
  if (signal != SIGSEGV && signal != SIGBUS && signal != SIGFPE) {
    std::raise(signal);
  }
  throw UserError(fmt::format("{} is damaged: HDF5 crashed in reading", fmt::join(files, " or ")));
}

void check_options(const cli::Arguments& parsed) {
  const std::size_t files = parsed.positionals().size();
  if (!parsed.has("exact")) {
    if (parsed.has("json") && parsed.has("style")) {
      throw UserError("--style and --json exclude each other");
    }
    return;
  }
  if (files != 2) {
    throw UserError(fmt::format("--exact compares two files, not {}", files));
  }
  for (const std::string_view option : {"reference", "by-layer", "style"}) {
    if (parsed.has(option)) {
      throw UserError(fmt::format("--{} belongs to comparisons without --exact", option));
    }
  }
}

cli::ExitCode compare_exactly(const std::filesystem::path& first, const std::filesystem::path& second, bool json,
                              std::ostream& out) {
  const auto difference = record::first_difference(first, second);
  if (json) {
    cli::Json result{{"equal", !difference}};
    if (difference) {
      result["path"] = difference->path;
      result["what"] = difference->what;
      result["first"] = difference->first;
      result["second"] = difference->second;
    }
    out << cli::json_text(result);
  } else {
    out << (difference ? difference->sentence() : std::string("equal outside /provenance")) << '\n';
  }
  return difference ? cli::ExitCode::mismatch : cli::ExitCode::ok;
}

}  // namespace

cli::ExitCode run_compare(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  check_options(parsed);
  CompareOptions options;
  options.by_layer = parsed.has("by-layer");
  options.style = cli::parse_table_style(parsed.value("style").value_or("text"));
  const std::vector<std::string>& files = parsed.positionals();
  if (const auto code = exit_code_of_child(files)) {
    return *code;
  }
  H5dont_atexit();  // closing the library after a damaged file prints a line of its own
  if (parsed.has("exact")) {
    return compare_exactly(exact_file(files[0]), exact_file(files[1]), parsed.has("json"), streams.out);
  }
  const CompareSources sources = compare_sources(files);
  options.reference = parsed.value("reference").value_or(sources.reference);
  std::vector<comparison::ComparedRun> runs;
  std::ranges::transform(sources.files, std::back_inserter(runs), comparison::read_run);
  const std::vector<comparison::Group> groups = comparison::group_runs(std::move(runs), sources.names);
  streams.out << (parsed.has("json") ? cli::json_text(compare_json(groups, options)) : compare_text(groups, options));
  return cli::ExitCode::ok;
}

}  // namespace precsim::experiments
