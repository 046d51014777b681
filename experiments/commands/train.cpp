// precsim train
#include <H5public.h>
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "experiments/cli/progress.hpp"
#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/stop_signal.hpp"
#include "experiments/run/run_options.hpp"
#include "experiments/run/training_run.hpp"
#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "train",
    .summary = "Trains a network under a precision plan.",
    .options = {{.name = "config", .argument = "FILE", .meaning = "INI file of keys (see --print-config)"},
                {.name = "set", .argument = "KEY=VALUE", .meaning = "sets a key; repeatable", .repeatable = true},
                {.name = "seed", .argument = "N", .meaning = "run.seed", .key = "run.seed"},
                {.name = "threads", .argument = "N", .meaning = "run.threads", .key = "run.threads"},
                {.name = "engine",
                 .argument = "NAME",
                 .meaning = "run.engine: simulate, native or check",
                 .key = "run.engine"},
                {.name = "kernel", .argument = "NAME", .meaning = "run.kernel", .key = "run.kernel"},
                {.name = "out", .argument = "RUN.h5", .meaning = "run.out, the record to write", .key = "run.out"},
                {.name = "overwrite", .meaning = "replaces an existing record", .key = "run.overwrite"},
                {.name = "checkpoint-every",
                 .argument = "N",
                 .meaning = "checkpoint.every, steps between checkpoints beside the record",
                 .key = "checkpoint.every"},
                {.name = "resume",
                 .meaning = "goes on from the checkpoint, if there is one; may always be given",
                 .key = "run.resume"},
                {.name = "quiet", .meaning = "prints only the result", .key = "output.quiet"},
                {.name = "json", .meaning = "prints the result as JSON", .key = "output.json"},
                {.name = "print-config", .meaning = "prints every key with meaning and value, and stops"}},
    .example = "precsim train --set plan.name=dfp16 --set train.epochs=2 --seed 1 --out run.h5"};

std::string loss_text(const nn::StepReport& report) {
  return fmt::format("epoch {}  loss {:.4f}{}", report.epoch + 1, report.loss, report.skipped ? "  skipped" : "");
}

RunRecorder::Hooks progress_hooks(cli::Progress& progress, std::int64_t steps) {
  RunRecorder::Hooks hooks;
  hooks.on_step = [&progress, steps](const nn::StepReport& report) {
    progress.update(static_cast<std::uint64_t>(report.step + 1), static_cast<std::uint64_t>(steps), loss_text(report));
  };
  hooks.on_evaluation_batch = [&progress, steps](std::int64_t step, std::int64_t done, std::int64_t images) {
    progress.update(static_cast<std::uint64_t>(step + 1), static_cast<std::uint64_t>(steps),
                    fmt::format("evaluating {} of {} images", done, images));
  };
  hooks.on_evaluation = [&progress](const nn::EvaluationReport& report) {
    const std::string top5 =
        report.classes > few_classes ? fmt::format(" (top five {:.2f} %)", 100 * report.accuracy5) : "";
    progress.print(fmt::format("epoch {}  test accuracy {:.2f} %{}  test loss {:.4f}", report.epoch + 1,
                               100 * report.accuracy, top5, report.loss));
  };
  hooks.stop_requested = stop_requested;
  return hooks;
}

/// Shares in percent; losses with an exponent where nobody would count the digits.
std::string figure_text(const Figure& figure) {
  if (figure.unit == "1") {
    return cli::cell(100 * figure.value, 2);
  }
  if (figure.unit == "nat") {
    return figure.value >= 1e6 ? fmt::format("{:.4e}", figure.value) : cli::cell(figure.value, 4);
  }
  return cli::cell(figure.value, figure.unit == "dB" ? 1 : 0);
}

std::string result_table(const RunResult& result) {
  cli::Table table({{"figure", "", cli::Align::left}, {"value"}, {"unit", "", cli::Align::left}});
  for (const Figure& figure : result.figures) {
    table.add_row({figure.name, figure_text(figure), figure.unit == "1" ? "%" : figure.unit});
  }
  table.add_row({"seconds", cli::cell(result.seconds, 1), "s"});
  return table.text();
}

std::string result_json(const RunResult& result) {
  cli::Json json{{"outcome", name(result.training.outcome)}, {"message", result.training.message}};
  for (const Figure& figure : result.figures) {
    json[figure.name] = figure.value;
  }
  json["seconds"] = result.seconds;
  json["configuration_hash"] = result.configuration_hash;
  json["state_hash"] = result.state_hash;
  return cli::json_text(json);
}

/// Names images that were not used, a screenful of them.
void tell_replaced(const std::vector<std::string>& images, std::ostream& err) {
  constexpr std::size_t most = 20;
  if (images.empty()) {
    return;
  }
  err << fmt::format("precsim: {} cannot be decoded; the next good one was read in the place of each\n",
                     images.size() == 1 ? "an image" : fmt::format("{} images", images.size()));
  for (std::size_t i = 0; i < std::min(most, images.size()); ++i) {
    err << fmt::format("  {}\n", images[i]);
  }
  if (images.size() > most) {
    err << fmt::format("  and {} more\n", images.size() - most);
  }
}

cli::ExitCode report(const RunResult& result, const config::Config& config, cli::Streams& streams) {
  streams.out << (config.boolean("output.json") ? result_json(result) : result_table(result));
  tell_replaced(result.replaced_images, streams.err);
  const bool saved = config.boolean("run.resume") || config.value("checkpoint.every") != "0" ||
                     config.value("checkpoint.seconds") != "0";
  const std::string kept =
      config.text("run.out").empty() ? "" : fmt::format("; the record is whole: {}", config.text("run.out"));
  switch (result.training.outcome) {
    case nn::Outcome::finished:
      return cli::ExitCode::ok;
    case nn::Outcome::interrupted:
      streams.err << fmt::format("precsim: interrupted after {} steps{}{}\n", result.training.steps, kept,
                                 saved ? "; --resume goes on with it" : "");
      return cli::ExitCode::interrupted;
    case nn::Outcome::diverged:
      streams.err << fmt::format("precsim: diverged: {}{}\n", result.training.message, kept);
      return cli::ExitCode::diverged;
  }
  return cli::ExitCode::ok;
}

}  // namespace

cli::ExitCode run_train(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  if (parsed.value("out") == "") {
    throw UserError("--out needs the name of a file; without --out no record is kept");
  }
  config::Config config = config::resolve(cli::config_sources(command, parsed), check_value);
  canonicalize(config);
  if (parsed.has("print-config")) {
    streams.out << config::print_config(config);
    return cli::ExitCode::ok;
  }
  H5dont_atexit();  // closing the library after a damaged file prints a line of its own
  follow_signals();
  cli::ProgressOptions options;
  options.mode =
      cli::progress_mode(config.text("output.progress"), config.boolean("output.quiet"), streams.err_terminal);
  options.width = streams.err_terminal.width;
  options.label = "train";
  options.unit = "steps";
  cli::Progress progress(streams.err, options);
  const auto note = [&](const std::string& sentence) {
    if (!config.boolean("output.quiet")) {
      streams.err << fmt::format("precsim: {}\n", sentence) << std::flush;
    }
  };
  try {
    const RunResult result = run_training(
        config, [&](std::int64_t steps) { return progress_hooks(progress, steps); }, note);
    progress.finish();
    return report(result, config, streams);
  } catch (const nn::BitsDiffer& difference) {
    progress.finish();
    streams.err << fmt::format("precsim: engines differ: {}\n", difference.what());
    return cli::ExitCode::mismatch;
  }
}

}  // namespace precsim::experiments
