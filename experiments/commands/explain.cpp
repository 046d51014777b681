// precsim explain
#include <H5public.h>
#include <fmt/format.h>

#include <ostream>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/explain_kinds.hpp"
#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "explain",
    .summary = "Tells step by step how one output of one product came about: of a recorded run, or of two vectors.",
    .options =
        {{.name = "layer", .argument = "L", .meaning = "the layer; without this or the next options: what there is"},
         {.name = "pass", .argument = "P", .meaning = "forward, input_gradient or weight_gradient"},
         {.name = "step", .argument = "S", .meaning = "the training step, from 0"},
         {.name = "index",
          .argument = "I,J,...",
          .meaning = "the output: n,oh,ow,oc; n,h,w,ic; or oc,kh,kw,ic (linear: the first and last); or its number"},
         {.name = "first-overflow", .meaning = "the first output with an overflow event, instead of --index"},
         {.name = "from-beginning", .meaning = "computes the run from its first step, not from a checkpoint"},
         {.name = "set",
          .argument = "KEY=VALUE",
          .meaning = "data.path, data.workers, run.engine, run.kernel or run.threads; repeatable",
          .repeatable = true},
         {.name = "a", .argument = "NUMBERS", .meaning = "a vector instead of a run: \"1 2.5 -3\", or @FILE"},
         {.name = "b", .argument = "NUMBERS", .meaning = "the other one"},
         {.name = "format-a", .argument = "FORMAT", .meaning = "what a is converted to (default: dfp16)"},
         {.name = "format-b", .argument = "FORMAT", .meaning = "what b is converted to (default: dfp16)"},
         {.name = "rounding", .argument = "R", .meaning = "of these conversions (default: nearest_even)"},
         {.name = "codes", .meaning = "the numbers are integer codes of the formats"},
         {.name = "exponent-a", .argument = "E", .meaning = "with --codes: a is code * 2^E (default: 0)"},
         {.name = "exponent-b", .argument = "E", .meaning = "likewise"},
         {.name = "accumulator",
          .argument = "ACC",
          .meaning = "of the vectors: int32:chain=8,overflow=saturate,atom=pair; or a float format (default: int32 "
                     "where both formats are integers, else fp32)"},
         {.name = "seed", .argument = "N", .meaning = "of stochastic rounding of the vectors (default: 1)"},
         {.name = "full", .meaning = "every step, not the first, the last and those around overflow events"},
         {.name = "quiet", .meaning = "no progress"},
         {.name = "json", .meaning = "prints JSON"}},
    .positional = cli::Positional{"RUN.h5", "the record of a run", 0, 1},
    .example = "precsim explain --a \"30000 -7 5\" --b \"30000 2 1\" --codes --accumulator int32:atom=single"};

constexpr std::string_view of_runs[] = {"layer",          "pass",           "step", "index",
                                        "first-overflow", "from-beginning", "set",  "quiet"};
constexpr std::string_view of_vectors[] = {"a",     "b",          "format-a",   "format-b",    "rounding",
                                           "codes", "exponent-a", "exponent-b", "accumulator", "seed"};

}  // namespace

void refuse_options(const cli::Arguments& arguments, std::span<const std::string_view> options, std::string_view why) {
  for (const std::string_view option : options) {
    if (arguments.has(option)) {
      throw UserError(fmt::format("--{} has no effect {}", option, why));
    }
  }
}

cli::ExitCode print_story(const ToldStory& told, const cli::Arguments& arguments, cli::Streams& streams) {
  const bool full = arguments.has("full");
  streams.out << (arguments.has("json") ? cli::json_text(story_json(told, full)) : story_text(told, full));
  return story_exit_code(told, streams);
}

cli::ExitCode story_exit_code(const ToldStory& told, cli::Streams& streams) {
  if (told.same_bits()) {
    return cli::ExitCode::ok;
  }
  streams.err << fmt::format("precsim: the steps give {} and {} gives {}: one of them is wrong\n", told.story.result,
                             told.engine, told.computed);
  return cli::ExitCode::mismatch;
}

cli::ExitCode run_explain(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  if (parsed.positionals().empty()) {
    refuse_options(parsed, of_runs, "on vectors; it belongs to a run, RUN.h5");
    return explain_vectors(parsed, streams);
  }
  refuse_options(parsed, of_vectors, "on a run; it belongs to vectors, --a and --b");
  H5dont_atexit();  // closing the library after a damaged file prints a line of its own
  return explain_run(parsed.positionals().front(), parsed, streams);
}

}  // namespace precsim::experiments
