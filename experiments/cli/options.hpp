// The command line: subcommands, their options declared as tables, help, and errors that list what is valid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/cli/terminal.hpp"
#include "experiments/config/config.hpp"

namespace precsim::cli {

enum class ExitCode { ok = 0, mismatch = 1, user_error = 2, diverged = 3, interrupted = 130 };

struct Option {
  /// Without the dashes: "seed".
  std::string_view name;
  /// What stands for the value in the help, "N"; empty for a flag, which takes none.
  std::string_view argument = {};
  std::string_view meaning;
  bool repeatable = false;
  /// The configuration key that the option sets (a flag sets it to true); empty for options of other use.
  std::string_view key = {};
};

struct Positional {
  std::string_view name;
  std::string_view meaning;
  std::size_t least = 1;
  std::size_t most = 1;
};

/// What a subcommand takes; `example` is a whole command line. --help is understood by all and not declared.
struct Command {
  std::string_view name;
  std::string_view summary;
  std::vector<Option> options = {};
  std::optional<Positional> positional = {};
  std::string_view example;
};

/// A parsed command line.
class Arguments {
 public:
  Arguments(std::map<std::string, std::vector<std::string>> values, std::vector<std::string> positionals)
      : values_(std::move(values)), positionals_(std::move(positionals)) {}

  /// Whether the option was given.
  bool has(std::string_view option) const { return !values(option).empty(); }
  /// Its value; nothing when it was not given. A flag's is "true".
  std::optional<std::string> value(std::string_view option) const;
  /// All its values, in order.
  std::vector<std::string> values(std::string_view option) const;
  /// Its value as an integer, `otherwise` when it was not given. Throws UserError outside least .. most.
  std::int64_t integer(std::string_view option, std::int64_t otherwise, std::int64_t least, std::int64_t most) const;
  const std::vector<std::string>& positionals() const { return positionals_; }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> positionals_;
};

/// Whether --help or -h is among the arguments; then nothing else needs to be valid.
bool wants_help(std::span<const std::string> arguments);

/// Parses `--name value` and `--name=value`. Throws UserError naming the culprit, the nearest name, and what is valid
/// for unknown or abbreviated options, missing or unasked values, options given twice, and positional arguments that
/// are too few, too many, or begin with '-' (write ./-name for such a file). A value in a word of its own does not
/// begin with
/// "--": that is the next option, and the value is missing.
Arguments parse_arguments(const Command& command, std::span<const std::string> arguments);

/// What the arguments say about the configuration: --config, --set and the options with a key, as far as declared.
config::Sources config_sources(const Command& command, const Arguments& arguments);

/// Usage, options, and the example; `program` is the program's name.
std::string help_text(const Command& command, std::string_view program);

/// One row of the program's table of subcommands; `run` gets the arguments after the name.
struct Subcommand {
  std::string_view name;
  std::string_view summary;
  ExitCode (*run)(std::span<const std::string> arguments, Streams& streams);
};

struct Program {
  std::string_view name;
  std::string_view summary;
  /// What --version prints, a whole line or several.
  std::string version;
  std::span<const Subcommand> subcommands;
};

/// Runs the subcommand that the first argument names, or prints what --help, -h and --version ask for; `help NAME` is
/// `NAME --help`. Throws UserError, listing the subcommands, when there is none or its name is unknown.
ExitCode dispatch(const Program& program, std::span<const std::string> arguments, Streams& streams);

/// The subcommands with their summaries.
std::string overview_text(const Program& program);

}  // namespace precsim::cli
