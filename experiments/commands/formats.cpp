// precsim formats
#include <fmt/format.h>

#include <algorithm>

#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "formats/catalogue.hpp"
#include "formats/error.hpp"
#include "formats/rounding.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "formats",
    .summary = "Lists the number formats and rounding modes; with names, explains those formats.",
    .options = {{.name = "json", .meaning = "print JSON"}},
    .positional = cli::Positional{"FORMAT", "a format, such as dfp16:block=32", 0, 64},
    .example = "precsim formats dfp16:block=32"};

std::string number(double value) {
  return fmt::format("{:.6g}", value);
}

cli::Json facts_json(const std::string& name) {
  const formats::Conversion conversion = formats::parse_conversion(name);
  const formats::FormatFacts facts = conversion.format->facts();
  return {{"name", conversion.name()},
          {"bits", facts.width},
          {"largest", facts.largest},
          {"smallest_normal", facts.smallest_normal},
          {"smallest", facts.smallest},
          {"epsilon", facts.epsilon},
          {"dynamic_range_db", facts.dynamic_range_db},
          {"notes", facts.notes}};
}

/// Accumulators are named where formats are, and look like them.
void refuse_accumulator(std::string_view name) {
  if (name.substr(0, name.find(':')) == "int32") {
    throw UserError(
        fmt::format("'{}' is an accumulator of integer products, not a format: `precsim gemm --accumulator {}` and "
                    "plan.accumulator "
                    "take it, and the README describes accumulators under Formats",
                    name, name));
  }
}

/// What explain_format says, and the rule of the rounding where one is given.
std::string explanation(const std::string& text) {
  const formats::Conversion conversion = formats::parse_conversion(text);
  std::string lines = formats::explain_format(text.substr(0, text.find('@')));
  if (text.find('@') != std::string::npos) {
    const auto rule = std::ranges::find(formats::roundings(), conversion.rounding.mode, &formats::RoundingEntry::mode);
    lines +=
        fmt::format("  {:<20}{} (magnitude goes up: {})\n", "rounding", formats::name(conversion.rounding), rule->rule);
  }
  return lines;
}

std::string catalogue_text() {
  cli::Table table({{"format", "", cli::Align::left},
                    {"width", "bits"},
                    {"largest"},
                    {"smallest normal"},
                    {"smallest"},
                    {"epsilon"},
                    {"dynamic range", "dB"}});
  for (const std::string& name : formats::catalogue_names()) {
    const formats::FormatFacts f = formats::parse_format(name)->facts();
    table.add_row({name, fmt::format("{}", f.width), number(f.largest), number(f.smallest_normal), number(f.smallest),
                   number(f.epsilon), fmt::format("{:.1f}", f.dynamic_range_db)});
  }
  std::string text = table.text();
  text += "\nFormats with a shared scale (dfpP) are shown for scale 1; largest / smallest is within one block.\n\n";
  cli::Table families(
      {{"family", "", cli::Align::left}, {"options", "", cli::Align::left}, {"what it is", "", cli::Align::left}});
  for (const formats::FormatFamily& family : formats::format_families()) {
    families.add_row({std::string(family.pattern), family.options.empty() ? "-" : std::string(family.options),
                      std::string(family.summary)});
  }
  text += families.text() + "\n";
  cli::Table roundings(
      {{"rounding", "", cli::Align::left}, {"magnitude goes up iff (f: discarded fraction)", "", cli::Align::left}});
  for (const formats::RoundingEntry& row : formats::roundings()) {
    roundings.add_row({std::string(row.name), std::string(row.rule)});
  }
  text += roundings.text();
  return text + "\nA format with a rounding is written FORMAT@ROUNDING: dfp16:headroom=1@stochastic:bits=8\n";
}

}  // namespace

cli::ExitCode run_formats(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  const std::vector<std::string>& names = parsed.positionals();
  std::ranges::for_each(names, refuse_accumulator);
  if (parsed.has("json")) {
    cli::Json all = cli::Json::array();
    for (const std::string& name : names.empty() ? formats::catalogue_names() : names) {
      all.push_back(facts_json(name));
    }
    streams.out << cli::json_text(all);
  } else if (names.empty()) {
    streams.out << catalogue_text();
  } else {
    std::string text;
    for (const std::string& name : names) {
      text += (text.empty() ? "" : "\n") + explanation(name);
    }
    streams.out << text;
  }
  return cli::ExitCode::ok;
}

}  // namespace precsim::experiments
