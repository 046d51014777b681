// precsim compare
#include "experiments/record/compare.hpp"

#include <H5public.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

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

/// Forks, because HDF5 1.10 itself crashes on some damaged files: the child gets nothing and goes on, the parent its
/// exit code. A crash is then the files' fault; any other violent death is passed on.
std::optional<cli::ExitCode> exit_code_of_child(const std::string& first, const std::string& second) {
  const pid_t child = ::fork();
  if (child <= 0) {
    return std::nullopt;  // the child; or there is none, and this process must do
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) {
    return static_cast<cli::ExitCode>(WEXITSTATUS(status));
  }
  const int signal = WTERMSIG(status);
  if (signal != SIGSEGV && signal != SIGBUS && signal != SIGFPE) {
    std::raise(signal);
  }
  throw UserError(fmt::format("{} or {} is damaged: HDF5 crashed in reading them", first, second));
}

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
  const std::string& first = parsed.positionals()[0];
  const std::string& second = parsed.positionals()[1];
  if (const auto code = exit_code_of_child(first, second)) {
    return *code;
  }
  H5dont_atexit();  // closing the library after a damaged file prints a line of its own
  const auto difference = record::first_difference(first, second);
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
