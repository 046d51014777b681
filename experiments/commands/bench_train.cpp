// precsim bench train
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "experiments/cli/progress.hpp"
#include "experiments/commands/bench_train_report.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/stop_signal.hpp"
#include "experiments/run/run_options.hpp"
#include "experiments/step_bench/worker_process.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "formats/words.hpp"

namespace precsim::experiments {
namespace {

constexpr std::int64_t most_contenders = 64;

const cli::Command command{
    .name = "bench train",
    .summary =
        "Times training steps on synthetic images, split by kind of work; every combination of plan, engine and "
        "number of threads trains in a process of its own, and they take turns.",
    .options =
        {{.name = "model", .argument = "NAME", .meaning = "a network that 'precsim models' lists"},
         {.name = "batch", .argument = "N", .meaning = "images of a step (default: 64)"},
         {.name = "plan",
          .argument = "PLAN",
          .meaning = "a precision plan, and settings of it: \"dfp16 rounding=stochastic\" (default: fp32 and "
                     "dfp16_paper); repeatable",
          .repeatable = true},
         {.name = "engine",
          .argument = "NAME",
          .meaning = "native, simulate or check (default: native); repeatable",
          .repeatable = true},
         {.name = "threads", .argument = "N", .meaning = "threads (default: 1); repeatable", .repeatable = true},
         {.name = "rounds", .argument = "N", .meaning = "turns of every contender (default: 7)"},
         {.name = "steps", .argument = "N", .meaning = "steps of a turn (default: about half a second of them)"},
         {.name = "telemetry", .meaning = "simulated steps report all tensors, and products in full"},
         {.name = "kernel", .argument = "NAME", .meaning = "a kernel that 'precsim info' lists (default: the fastest)"},
         {.name = "json", .meaning = "prints the result as JSON"},
         {.name = "quiet", .meaning = "no progress"},
         {.name = "worker",
          .meaning =
              "one contender, for programs that take turns with it: after a greeting, answers 'go N' on standard "
              "input with a line of JSON about N steps"}},
    .example = "precsim bench train --model lenet5 --batch 64 --plan fp32 --plan dfp16_paper"};

std::vector<std::string> values_or(const cli::Arguments& arguments, std::string_view option,
                                   std::vector<std::string> otherwise) {
  std::vector<std::string> given = arguments.values(option);
  return given.empty() ? std::move(otherwise) : given;
}

std::int64_t thread_count(const std::string& text) {
  std::int64_t threads = 0;
  if (!formats::parse_integer(text, 1, 1024, threads)) {
    throw UserError(fmt::format("--threads must be an integer from 1 to 1024, not {}", formats::quote(text)));
  }
  return threads;
}

std::vector<step_bench::Contender> contenders(const cli::Arguments& arguments) {
  step_bench::Contender common;
  if (!arguments.has("model")) {
    throw UserError("bench train needs --model, a network that 'precsim models' lists");
  }
  common.model = *arguments.value("model");
  common.batch = arguments.integer("batch", common.batch, 1, 65536);
  common.kernel = arguments.value("kernel").value_or("");
  std::vector<step_bench::Contender> all;
  for (const std::string& threads : values_or(arguments, "threads", {"1"})) {
    for (const std::string& engine : values_or(arguments, "engine", {"native"})) {
      for (const std::string& plan : values_or(arguments, "plan", {"fp32", "dfp16_paper"})) {
        step_bench::Contender contender = common;
        contender.threads = thread_count(threads);
        contender.engine = engine;
        contender.plan = plan;
        contender.telemetry = arguments.has("telemetry") && engine == "simulate";
        all.push_back(contender);
      }
    }
  }
  if (all.size() > most_contenders) {
    throw UserError(
        fmt::format("{} combinations of --plan, --engine and --threads are more than {}", all.size(), most_contenders));
  }
  return all;
}

/// What only a measurement in turns takes.
void check_worker(const cli::Arguments& arguments, std::size_t count) {
  if (count != 1) {
    throw UserError(fmt::format("--worker trains one contender, but --plan, --engine and --threads make {}", count));
  }
  for (const std::string_view option : {"rounds", "steps", "json", "quiet"}) {
    if (arguments.has(option)) {
      throw UserError(fmt::format("--{} has no effect with --worker, whose client decides", option));
    }
  }
}

cli::ExitCode measure(const cli::Arguments& arguments, const std::vector<step_bench::Contender>& all,
                      cli::Streams& streams) {
  step_bench::TurnOptions turns;
  turns.rounds = static_cast<int>(arguments.integer("rounds", turns.rounds, 1, 1000));
  turns.steps = arguments.integer("steps", turns.steps, 1, 1000000);
  cli::ProgressOptions options;
  options.mode = cli::progress_mode("auto", arguments.has("quiet"), streams.err_terminal);
  options.width = streams.err_terminal.width;
  options.label = "bench";
  options.unit = "turns";
  cli::Progress progress(streams.err, options);
  follow_stop_signals();
  const std::vector<step_bench::Result> results =
      step_bench::measure(all, turns, [&](std::size_t turn, std::size_t of) {
        progress.update(turn, of, all[turn % all.size()].plan);
        return !stop_requested();
      });
  progress.finish();
  if (!results.empty()) {
    const StepBenchRequest request{chosen_kernel(all[0].kernel).name, turns.rounds};
    streams.out << (arguments.has("json") ? step_bench_json(request, results) : step_bench_text(request, results));
  }
  if (stop_requested()) {
    streams.err << "precsim: interrupted; the rounds that were finished are printed\n";
    return cli::ExitCode::interrupted;
  }
  return cli::ExitCode::ok;
}

}  // namespace

cli::ExitCode run_bench_train(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  const std::vector<step_bench::Contender> all = contenders(parsed);
  if (parsed.has("telemetry") && std::ranges::none_of(all, &step_bench::Contender::telemetry)) {
    throw UserError("--telemetry is of simulation; it needs --engine simulate");
  }
  std::signal(SIGPIPE, SIG_IGN);
  if (parsed.has("worker")) {
    check_worker(parsed, all.size());
    step_bench::serve_lines(all[0], step_bench::LineChannel(STDIN_FILENO, STDOUT_FILENO));
    return cli::ExitCode::ok;
  }
  for (const step_bench::Contender& contender : all) {
    step_bench::check(contender);
  }
  return measure(parsed, all, streams);
}

}  // namespace precsim::experiments
