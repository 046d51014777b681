// precsim bench
#include <fmt/format.h>

#include <algorithm>

#include "experiments/bench/measure.hpp"
#include "experiments/cli/progress.hpp"
#include "experiments/cli/table.hpp"
#include "experiments/commands/bench_report.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/stop_signal.hpp"
#include "experiments/run/run_options.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "formats/words.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "bench",
    .summary = "Times kernels, conversions and simulation against what the instructions allow on this machine.",
    .options =
        {{.name = "only",
          .argument = "TEXT",
          .meaning = "the cases whose name contains this; repeatable",
          .repeatable = true},
         {.name = "full", .meaning = "every case; without it, those that take an idle core about two minutes in all"},
         {.name = "list", .meaning = "lists the cases, and stops"},
         {.name = "rounds", .argument = "N", .meaning = "turns of every contender (default: 7)"},
         {.name = "kernel", .argument = "NAME", .meaning = "a kernel that 'precsim info' lists (default: the fastest)"},
         {.name = "threads",
          .argument = "N",
          .meaning = "threads (default: 1); with more, one thread takes turns too, for the ratio"},
         {.name = "json", .meaning = "prints the result as JSON"},
         {.name = "quiet", .meaning = "no progress"}},
    .positional =
        cli::Positional{
            "GROUP",
            "gemm, conv, convert or simulate (default: all); 'precsim bench train --help' tells of training steps", 0,
            4},
    .example = "precsim bench gemm --only square/256"};

std::vector<bench::Case> all_cases() {
  std::vector<bench::Case> cases;
  for (const bench::Group& group : bench::groups()) {
    std::ranges::move(group.cases(), std::back_inserter(cases));
  }
  return cases;
}

void check_groups(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::ranges::find(bench::groups(), name, &bench::Group::name) == bench::groups().end()) {
      throw formats::unknown_name("group of benchmarks", name, name, bench::groups(), &bench::Group::name);
    }
  }
}

/// Cases asked for by name are taken whether or not they belong to the shorter selection.
std::vector<bench::Case> chosen_cases(const std::vector<bench::Case>& all, const cli::Arguments& arguments) {
  const std::vector<std::string>& wanted = arguments.positionals();
  const std::vector<std::string> only = arguments.values("only");
  check_groups(wanted);
  const auto in_group = [&](const bench::Case& one) {
    return wanted.empty() ||
           std::ranges::any_of(wanted, [&](const std::string& group) { return one.name.starts_with(group + "/"); });
  };
  std::vector<bool> taken(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    taken[i] = in_group(all[i]) && only.empty() && (arguments.has("full") || !all[i].full_only);
  }
  for (const std::string& text : only) {
    bool found = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (in_group(all[i]) && all[i].name.find(text) != std::string::npos) {
        taken[i] = found = true;
      }
    }
    if (!found) {
      throw UserError(fmt::format("--only: no case's name contains {}; 'precsim bench --list' prints the names",
                                  formats::quote(text)));
    }
  }
  std::vector<bench::Case> chosen;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (taken[i]) {
      chosen.push_back(all[i]);
    }
  }
  return chosen;
}

std::string list_text(const std::vector<bench::Case>& cases) {
  cli::Table table({{"case", "", cli::Align::left}, {"run", "", cli::Align::left}});
  for (const bench::Case& one : cases) {
    table.add_row({one.name, one.full_only ? "--full" : "always"});
  }
  return table.text();
}

}  // namespace

cli::ExitCode run_bench(std::span<const std::string> arguments, cli::Streams& streams) {
  if (!arguments.empty() && arguments.front() == "train") {
    return run_bench_train(arguments.subspan(1), streams);
  }
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  if (parsed.has("full") && parsed.has("only")) {
    throw UserError("--full and --only exclude each other; --only reaches every case");
  }
  const std::vector<bench::Case> all = all_cases();
  if (parsed.has("list")) {
    if (parsed.has("json")) {
      throw UserError("--list prints a table and has no JSON form");
    }
    streams.out << list_text(all);
    return cli::ExitCode::ok;
  }
  const std::vector<bench::Case> cases = chosen_cases(all, parsed);
  const kernels::TileKernel& kernel = chosen_kernel(parsed.value("kernel").value_or(""));
  BenchRequest request{kernel.name, {}};
  request.options.rounds = static_cast<int>(parsed.integer("rounds", request.options.rounds, 1, 1000));
  request.options.threads = set_threads(parsed.integer("threads", 1, 1, 1024));
  cli::ProgressOptions options;
  options.mode = cli::progress_mode("auto", parsed.has("quiet"), streams.err_terminal);
  options.width = streams.err_terminal.width;
  options.label = "bench";
  options.unit = "cases";
  cli::Progress progress(streams.err, options);
  follow_stop_signals();
  const bench::Measurements measurements = bench::measure(cases, {kernel}, request.options, [&](std::size_t i) {
    progress.update(i, cases.size(), cases[i].name);
    return !stop_requested();
  });
  progress.finish();
  streams.out << (parsed.has("json") ? bench_json(request, all, measurements) : bench_text(request, all, measurements));
  if (stop_requested()) {
    streams.err << "precsim: interrupted; the cases that were finished are printed\n";
    return cli::ExitCode::interrupted;
  }
  return bench_exit_code(measurements);
}

}  // namespace precsim::experiments
