// Fuzzes the command line. The first byte chooses the command; every line of the rest is one word.
#include <algorithm>

#include "experiments/cli/options.hpp"
#include "tests/fuzz/config_properties.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

/// Commands of every shape: words of their own refused, counted, or many; options of every kind.
const cli::Command commands[] = {
    {.name = "train",
     .summary = "trains",
     .options = {{.name = "config", .argument = "FILE", .meaning = "a file"},
                 {.name = "set", .argument = "KEY=VALUE", .meaning = "sets a key", .repeatable = true},
                 {.name = "seed", .argument = "N", .meaning = "run.seed", .key = "run.seed"},
                 {.name = "out", .argument = "RUN.h5", .meaning = "run.out", .key = "run.out"},
                 {.name = "overwrite", .meaning = "replaces", .key = "run.overwrite"},
                 {.name = "print-config", .meaning = "prints"}},
     .example = "train --seed 1"},
    {.name = "compare",
     .summary = "compares",
     .options = {{.name = "exact", .meaning = "exactly"}, {.name = "json", .meaning = "prints JSON"}},
     .positional = cli::Positional{"RUN.h5", "two records", 2, 2},
     .example = "compare a b --exact"},
    {.name = "formats",
     .summary = "lists",
     .options = {{.name = "json", .meaning = "prints JSON"}},
     .positional = cli::Positional{"NAME", "some names", 0, 100},
     .example = "formats dfp16"},
    {.name = "none", .summary = "takes nothing", .example = "none"},
};

}  // namespace

/// Accepted arguments are of declared options, once where once is allowed, and words as many as asked for; what they
/// say about the configuration is accepted or refused.
void command_line(std::string_view input) {
  Input bytes(input);
  const cli::Command& command = commands[bytes.byte() % std::size(commands)];
  const std::vector<std::string> words = lines_of(bytes.rest());
  std::optional<cli::Arguments> arguments;
  cli::wants_help(words);
  if (!accepts([&] { arguments = cli::parse_arguments(command, words); })) return;
  const std::size_t least = command.positional ? command.positional->least : 0;
  const std::size_t most = command.positional ? command.positional->most : 0;
  promise(arguments->positionals().size() >= least && arguments->positionals().size() <= most, "words are counted");
  const bool ends_options = std::ranges::count(words, "--") > 0;
  std::size_t used = arguments->positionals().size() + (ends_options ? 1 : 0);
  for (const cli::Option& option : command.options) {
    const std::size_t given = arguments->values(option.name).size();
    promise(given <= 1 || option.repeatable, "options are counted");
    used += given;
  }
  promise(2 * used >= words.size(), "every word is used");
  config::Sources sources = cli::config_sources(command, *arguments);
  sources.file.reset();  // the fuzzer's path could be any file of this machine
  std::optional<config::Config> config;
  if (accepts([&] { config = config::resolve(sources, experiments::check_value); })) check_config(*config);
}

}  // namespace precsim::fuzz
