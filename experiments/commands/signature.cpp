// precsim signature
#include "experiments/run/signature.hpp"

#include <fmt/format.h>

#include "experiments/cli/progress.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/run/run_options.hpp"

namespace precsim::experiments {
namespace {

const cli::Command command{
    .name = "signature",
    .summary = "Hashes every weight bit of short pinned runs; the same for every machine, compiler and thread count.",
    .options = {{.name = "threads", .argument = "N", .meaning = "threads (default: all)"},
                {.name = "engine", .argument = "NAME", .meaning = "simulate, native or check (default: simulate)"},
                {.name = "kernel", .argument = "NAME", .meaning = "kernel of the products (default: the fastest)"},
                {.name = "quiet", .meaning = "prints only the runs and the signature"}},
    .example = "precsim signature --threads 1"};

}  // namespace

cli::ExitCode run_signature(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(command, arguments);
  const std::int64_t threads = parsed.integer("threads", 0, 0, 1024);
  const std::string kernel = parsed.value("kernel").value_or("");
  chosen_kernel(kernel);
  const kernels::Engine engine = kernels::parse_engine(parsed.value("engine").value_or("simulate"));
  cli::ProgressOptions options;
  options.mode = cli::progress_mode("auto", parsed.has("quiet"), streams.err_terminal);
  options.width = streams.err_terminal.width;
  options.label = "signature";
  options.unit = "runs";
  cli::Progress progress(streams.err, options);
  std::vector<RunSignature> runs;
  for (const PinnedRun& run : pinned_runs()) {
    progress.update(runs.size(), pinned_runs().size(), run.name);
    runs.push_back(run_pinned(run, threads, kernel, engine));
  }
  progress.finish();
  for (const RunSignature& run : runs) {
    streams.out << fmt::format("{:<20}{}  {} steps, {} skipped, {} overflow events\n", run.name, run.state_hash,
                               run.steps, run.skipped_steps, run.overflow_events);
  }
  streams.out << "Signature: " << signature(runs) << '\n';
  return cli::ExitCode::ok;
}

}  // namespace precsim::experiments
