// The command line: closes the gaps of Boost.Program_options' parser, and says what is valid.
#include "experiments/cli/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>

#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "formats/words.hpp"

namespace precsim::cli {
using formats::hint;
using formats::join;
using formats::quote;
using formats::wrap;
namespace {

namespace po = boost::program_options;

constexpr std::string_view help_meaning = "Prints this help.";

const Option* find_option(const Command& command, std::string_view name) {
  const auto option = std::ranges::find(command.options, name, &Option::name);
  return option == command.options.end() ? nullptr : &*option;
}

po::options_description describe(const Command& command) {
  po::options_description description;
  for (const Option& option : command.options) {
    const std::string name(option.name);
    if (option.argument.empty()) {
      description.add_options()(name.c_str(), "");
    } else {
      description.add_options()(name.c_str(), po::value<std::string>(), "");
    }
  }
  return description;
}

[[noreturn]] void refuse_option(const Command& command, std::string_view word) {
  std::vector<std::string> dashed;
  for (const Option& option : command.options) dashed.push_back(fmt::format("--{}", option.name));
  dashed.emplace_back("--help");
  const std::vector<std::string_view> names(dashed.begin(), dashed.end());
  word = word.substr(0, word.find('='));
  throw UserError(fmt::format("'{}' has no option {}{}; its options are {}.", command.name, quote(word),
                              hint(word, names), join(names)));
}

[[noreturn]] void refuse_missing_value(const Option& option) {
  throw UserError(fmt::format("--{0} needs a value, as in --{0} {1}.", option.name, option.argument));
}

std::vector<po::option> parse_with_boost(const Command& command, std::span<const std::string> arguments) {
  namespace style = po::command_line_style;
  const po::options_description description = describe(command);
  try {
    return po::command_line_parser(std::vector<std::string>(arguments.begin(), arguments.end()))
        .options(description)
        .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
        .allow_unregistered()
        .run()
        .options;
  } catch (const po::error_with_option_name& error) {
    const std::string word = error.get_option_name();
    const Option* option = find_option(command, word.starts_with("--") ? std::string_view(word).substr(2) : word);
    if (option == nullptr) refuse_option(command, word);
    if (!option->argument.empty()) refuse_missing_value(*option);
    throw UserError(fmt::format("--{0} takes no value: write --{0} alone.", option->name));
  }
}

void check_positionals(const Command& command, const std::vector<std::string>& words) {
  const std::size_t least = command.positional ? command.positional->least : 0;
  const std::size_t most = command.positional ? command.positional->most : 0;
  if (words.size() > most) {
    const std::string valid =
        command.positional ? fmt::format("takes at most {} {}", most, command.positional->name) : "takes only options";
    throw UserError(
        fmt::format("'{}' {}, so {} is too much; values of options follow their option, as in --name "
                    "value.",
                    command.name, valid, quote(words[most])));
  }
  if (words.size() < least) {
    throw UserError(fmt::format("'{}' needs {} {}, but got {}; for example: {}", command.name, least,
                                command.positional->name, words.size(), command.example));
  }
}

std::string usage(const Command& command, std::string_view program) {
  std::string text = fmt::format("{} {}{}", program, command.name, command.options.empty() ? "" : " [OPTIONS]");
  if (!command.positional) return text;
  const Positional& positional = *command.positional;
  for (std::size_t i = 0; i < positional.least; ++i) text += fmt::format(" {}", positional.name);
  if (positional.most > positional.least) text += fmt::format(" [{}]", positional.name);
  return text + (positional.most > positional.least + 1 ? "..." : "");
}

/// "  left    right", the right side wrapped below itself.
std::string entry(std::string_view left, std::size_t left_width, std::string_view right) {
  constexpr std::size_t line_width = 100;
  const std::string indent(left_width + 4, ' ');
  std::string text = wrap(right, line_width, indent);
  return text.replace(0, indent.size(), fmt::format("  {:<{}}  ", left, left_width));
}

}  // namespace

std::optional<std::string> Arguments::value(std::string_view option) const {
  const auto all = values(option);
  return all.empty() ? std::nullopt : std::optional(all.front());
}

std::vector<std::string> Arguments::values(std::string_view option) const {
  const auto found = values_.find(std::string(option));
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

std::int64_t Arguments::integer(std::string_view option, std::int64_t otherwise, std::int64_t least,
                                std::int64_t most) const {
  std::int64_t number = otherwise;
  if (const auto text = value(option); text && !formats::parse_integer(*text, least, most, number)) {
    throw UserError(fmt::format("--{} must be an integer from {} to {}, not {}", option, least, most, quote(*text)));
  }
  return number;
}

bool wants_help(std::span<const std::string> arguments) {
  return std::ranges::any_of(arguments, [](const std::string& word) { return word == "--help" || word == "-h"; });
}

Arguments parse_arguments(const Command& command, std::span<const std::string> arguments) {
  std::map<std::string, std::vector<std::string>> values;
  std::vector<std::string> positionals;
  for (const po::option& parsed : parse_with_boost(command, arguments)) {
    const std::string& word = parsed.original_tokens.front();
    if (parsed.unregistered || (parsed.position_key >= 0 && word.starts_with('-'))) refuse_option(command, word);
    if (parsed.position_key >= 0) {
      positionals.push_back(word);
      continue;
    }
    const Option* option = find_option(command, parsed.string_key);
    PRECSIM_CHECK(option != nullptr, parsed.string_key);
    const bool separate = parsed.original_tokens.size() > 1;
    if (separate && parsed.original_tokens[1].starts_with("--")) refuse_missing_value(*option);
    auto& given = values[parsed.string_key];
    if (!given.empty() && !option->repeatable) {
      throw UserError(fmt::format("--{} is given twice, but can be given once.", option->name));
    }
    given.push_back(option->argument.empty() ? "true" : parsed.value.at(0));
  }
  check_positionals(command, positionals);
  return {std::move(values), std::move(positionals)};
}

config::Sources config_sources(const Command& command, const Arguments& arguments) {
  config::Sources sources;
  if (const auto file = arguments.value("config")) sources.file = *file;
  sources.sets = arguments.values("set");
  for (const Option& option : command.options) {
    if (option.key.empty() || !arguments.has(option.name)) continue;
    sources.options.push_back(
        {std::string(option.key), *arguments.value(option.name), fmt::format("--{}", option.name)});
  }
  return sources;
}

std::string help_text(const Command& command, std::string_view program) {
  std::vector<std::pair<std::string, std::string_view>> entries;
  if (command.positional) entries.emplace_back(command.positional->name, command.positional->meaning);
  for (const Option& option : command.options) {
    const std::string separator = option.argument.empty() ? "" : " ";
    entries.emplace_back(fmt::format("--{}{}{}", option.name, separator, option.argument), option.meaning);
  }
  entries.emplace_back("--help", help_meaning);
  std::size_t width = 0;
  for (const auto& [left, right] : entries) width = std::max(width, left.size());
  std::string text =
      fmt::format("{} {}: {}\n\nUsage: {}\n\n", program, command.name, command.summary, usage(command, program));
  for (const auto& [left, right] : entries) text += entry(left, width, right);
  return text + fmt::format("\nExample:\n  {}\n", command.example);
}

std::string overview_text(const Program& program) {
  std::size_t width = std::string_view("--version").size();
  for (const Subcommand& row : program.subcommands) width = std::max(width, row.name.size());
  std::string text =
      fmt::format("{}: {}\n\nUsage: {} SUBCOMMAND [OPTIONS]\n\n", program.name, program.summary, program.name);
  for (const Subcommand& row : program.subcommands) text += entry(row.name, width, row.summary);
  text += entry("--help", width, help_meaning) + entry("--version", width, "Prints the version.");
  return text + fmt::format("\n'{} SUBCOMMAND --help' explains one.\n", program.name);
}

ExitCode dispatch(const Program& program, std::span<const std::string> arguments, Streams& streams) {
  std::vector<std::string_view> names;
  for (const Subcommand& row : program.subcommands) names.push_back(row.name);
  if (arguments.empty()) {
    throw UserError(fmt::format("{0} needs a subcommand: {1}; '{0} --help' tells more.", program.name, join(names)));
  }
  std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  std::string name = arguments.front();
  const bool asks_help = name == "--help" || name == "-h" || name == "help";
  if (asks_help && !rest.empty()) {
    name = rest.front();
    rest = {"--help"};
  } else if (asks_help || (name == "--version" && rest.empty())) {
    streams.out << (asks_help ? overview_text(program) : program.version + '\n');
    return ExitCode::ok;
  }
  if (name == "--version") {
    throw UserError(fmt::format("'--version' stands alone, so {} is too much.", quote(rest.front())));
  }
  const auto row = std::ranges::find(program.subcommands, name, &Subcommand::name);
  if (row == program.subcommands.end()) {
    std::vector<std::string_view> words = names;
    words.insert(words.end(), {"--help", "--version"});
    throw UserError(fmt::format("{} has no subcommand {}{}; valid are {}, --help and --version.", program.name,
                                quote(name), hint(name, words), join(names)));
  }
  return row->run(rest, streams);
}

}  // namespace precsim::cli
