// Explaining an output of a recorded run.
#include <fmt/format.h>

#include <optional>
#include <vector>

#include "experiments/cli/progress.hpp"
#include "experiments/commands/explain_index.hpp"
#include "experiments/commands/explain_kinds.hpp"
#include "experiments/commands/explain_listing.hpp"
#include "experiments/commands/stop_signal.hpp"
#include "experiments/explain/replay.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"

namespace precsim::experiments {
namespace {

using explain::RecordedRun;
using kernels::Pass;

Pass parse_pass(std::string_view text) {
  std::vector<std::string> names;
  for (const Pass pass : kernels::passes) {
    if (kernels::name(pass) == text) {
      return pass;
    }
    names.emplace_back(kernels::name(pass));
  }
  throw formats::unknown_name("pass", text, text, names);
}

/// The first output of the call with an overflow event.
std::int64_t first_overflow(const nn::CallReport& report) {
  if (!report.call.is_integer()) {
    throw UserError("--first-overflow: the operands are not both integers, so there is no lane to overflow");
  }
  std::vector<float> result(report.result.size());
  kernels::Telemetry telemetry;
  kernels::ProductCall call = report.call;
  call.statistics = nullptr;
  kernels::multiply(call, kernels::Engine::simulate, result, kernels::TelemetryLevel::events, telemetry);
  if (telemetry.first_output < 0) {
    throw UserError(fmt::format("no lane overflows in the {} of layer {} in step {}", kernels::name(report.call.pass),
                                report.layer, report.step));
  }
  return telemetry.first_output;
}

std::array<std::string, 2> operand_names(Pass pass) {
  return {pass == Pass::forward ? "activations" : "errors", pass == Pass::weight_gradient ? "activations" : "weights"};
}

ProductChoice parse_choice(const cli::Arguments& arguments, const RecordedRun& run) {
  ProductChoice choice;
  choice.layer = arguments.value("layer");
  if (const auto pass = arguments.value("pass")) {
    choice.pass = parse_pass(*pass);
  }
  if (choice.layer) {
    choice.pass ? run.layer(*choice.layer, *choice.pass) : run.layer(*choice.layer);
  }
  if (arguments.has("step")) {
    choice.step = arguments.integer("step", 0, 0, std::int64_t{1} << 40);
    run.check_step(*choice.step);
  }
  return choice;
}

cli::ExitCode explain_output(RecordedRun& run, const explain::ProductTarget& target, std::optional<std::int64_t> index,
                             const cli::Arguments& arguments, cli::Streams& streams) {
  std::optional<RecordedRun::Start> start;
  if (!arguments.has("from-beginning")) {
    start = run.nearest_checkpoint(target.step);
  }
  const std::int64_t first = start ? start->checkpoint.state.step : 0;
  cli::ProgressOptions options;
  options.mode = cli::progress_mode("auto", arguments.has("quiet"), streams.err_terminal);
  options.width = streams.err_terminal.width;
  options.label = "explain";
  options.unit = "steps";
  cli::Progress progress(streams.err, options);
  const auto on_step = [&](std::int64_t done) {
    progress.update(static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(target.step + 1 - first));
  };
  std::optional<ToldStory> told;
  const auto see = [&](const nn::CallReport& report) {
    explain::Story story = explain::tell(report.call, report.telemetry, index ? *index : first_overflow(report));
    const float computed = report.result[static_cast<std::size_t>(story.index)];
    told.emplace(ToldStory{std::move(story),
                           operand_names(target.pass),
                           {report.left, report.right},
                           RunPlace{target.layer, target.step,
                                    start ? fmt::format("from step {}, {}", first, start->file.filename().string())
                                          : "from the beginning of the run"},
                           fmt::format("engine {}", run.config().text("run.engine")),
                           computed});
  };
  const bool reached =
      explain::replay(run, target, start ? &start->checkpoint.state : nullptr, see, {on_step, stop_requested});
  progress.finish();
  if (!reached) {
    streams.err << "precsim: interrupted before the product was reached\n";
    return cli::ExitCode::interrupted;
  }
  return print_story(*told, arguments, streams);
}

}  // namespace

cli::ExitCode explain_run(const std::string& file, const cli::Arguments& arguments, cli::Streams& streams) {
  if (arguments.has("index") && arguments.has("first-overflow")) {
    throw UserError("--index and --first-overflow both choose an output; give one of them");
  }
  RecordedRun run(file, arguments.values("set"));
  const ProductChoice choice = parse_choice(arguments, run);
  if (!choice.layer || !choice.pass || !choice.step || !(arguments.has("index") || arguments.has("first-overflow"))) {
    for (const std::string_view option : {"index", "first-overflow", "full", "from-beginning"}) {
      if (arguments.has(option)) {
        throw UserError(
            fmt::format("--{} needs --layer, --pass and --step{}", option,
                        option == "full" || option == "from-beginning" ? ", and --index or --first-overflow" : ""));
      }
    }
    streams.out << (arguments.has("json") ? listing_json(run, choice) : listing_text(run, choice));
    return cli::ExitCode::ok;
  }
  std::optional<std::int64_t> index;
  if (const auto text = arguments.value("index")) {
    index = parse_index("index", *text, run.layer(*choice.layer).shape, *choice.pass);
  }
  follow_stop_signals();
  try {
    return explain_output(run, {*choice.layer, *choice.pass, *choice.step}, index, arguments, streams);
  } catch (const nn::BitsDiffer& difference) {
    streams.err << fmt::format("precsim: engines differ: {}\n", difference.what());
    return cli::ExitCode::mismatch;
  }
}

}  // namespace precsim::experiments
