// precsim compare
#include "experiments/record/compare.hpp"

#include <fmt/format.h>

#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/record/recovery.hpp"
#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "compare",
    .summary = "Compares two records bit by bit outside /provenance; exit code 1 names the first difference.",
    .options = {{.name = "exact", .meaning = "every path, type, shape, attribute and raw value (the only comparison)"},
                {.name = "json", .meaning = "print JSON"}},
    .positional = cli::Positional{"RUN.h5", "two records", 2, 2},
    .example = "precsim compare a.h5 b.h5 --exact"};

}  // namespace

cli::ExitCode run_compare(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  if (!parsed.has("exact")) {
    throw UserError("compare needs --exact, the one comparison there is");
  }
  const auto difference = record::first_difference(parsed.positionals()[0], parsed.positionals()[1]);
  if (parsed.has("json")) {
    cli::Json result{{"equal", !difference}};
    if (difference) {
      result["path"] = difference->path;
      result["what"] = difference->what;
      result["first"] = difference->first;
      result["second"] = difference->second;
    }
    streams.out << cli::json_text(result);
  } else {
    streams.out << (difference ? difference->sentence() : std::string("equal outside /provenance")) << '\n';
  }
  return difference ? cli::ExitCode::mismatch : cli::ExitCode::ok;
}

}  // namespace precsim::experiments
