// precsim study
#include <H5public.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "experiments/cli/progress.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/stop_signal.hpp"
#include "experiments/commands/study_progress.hpp"
#include "experiments/commands/study_report.hpp"
#include "experiments/study/conduct.hpp"
#include "experiments/study/gather.hpp"
#include "experiments/study/manifest.hpp"
#include "experiments/study/study_file.hpp"
#include "formats/error.hpp"

namespace precsim::experiments {
namespace {

namespace fs = std::filesystem;
using study::State;

const cli::Command study_command{
    .name = "study",
    .summary = "Runs every point of a study with every seed and gathers the results; 'study merge' joins shards.",
    .options =
        {{.name = "out", .argument = "DIR", .meaning = "folder of the study (default: results/NAME of the file)"},
         {.name = "jobs", .argument = "N", .meaning = "runs at once (default: processor cores / --threads)"},
         {.name = "threads",
          .argument = "N",
          .meaning = "threads of each run (default: 1, with --jobs 1 all processor cores)"},
         {.name = "set", .argument = "KEY=VALUE", .meaning = "sets a key for all runs; repeatable", .repeatable = true},
         {.name = "seeds", .argument = "'N N ...'", .meaning = "seeds in place of the study's"},
         {.name = "shard", .argument = "i/n", .meaning = "only every n-th run, beginning with run i (1 to n)"},
         {.name = "dry-run", .meaning = "prints the runs and their states, and stops"},
         {.name = "quiet", .meaning = "prints only the result"},
         {.name = "json", .meaning = "prints the result as JSON"},
         {.name = "worker", .meaning = "computes the one run whose folder is given (the study starts these)"}},
    .positional = cli::Positional{"FILE.ini", "the study; see experiments/README.md", 1, 1},
    .example = "precsim study my_study.ini --out results/my_study --jobs 2"};

const cli::Command merge_command{.name = "study merge",
                                 .summary = "Joins folders of one study, of its shards for instance, and gathers them.",
                                 .options = {{.name = "json", .meaning = "prints the result as JSON"}},
                                 .positional = cli::Positional{"DIR", "where to, and the folders", 2, 100000},
                                 .example = "precsim study merge results/rounding shard1 shard2"};

struct Work {
  fs::path folder;
  study::Plan plan;
  study::Shard shard;
  std::size_t jobs = 1;
};

std::int64_t cores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

Work work_of(const cli::Arguments& parsed) {
  constexpr std::int64_t most_jobs = 1024;
  const fs::path file = parsed.positionals()[0];
  const std::int64_t asked = parsed.integer("jobs", 0, 1, most_jobs);
  study::Request request;
  request.threads = parsed.integer("threads", asked == 1 ? 0 : 1, 0, most_jobs);
  request.sets = parsed.values("set");
  if (parsed.has("seeds")) request.seeds = study::parse_seeds({"seeds", *parsed.value("seeds"), "--seeds"});
  Work work;
  if (parsed.value("out") == "") throw UserError("--out needs the name of a folder");
  work.folder = parsed.has("out") ? fs::path(*parsed.value("out")) : fs::path("results") / file.stem();
  work.plan = study::resolve(study::read_study(file), request);
  if (parsed.has("shard")) work.shard = study::parse_shard(*parsed.value("shard"));
  const std::int64_t each = request.threads == 0 ? cores() : request.threads;
  work.jobs = static_cast<std::size_t>(asked != 0 ? asked : std::max<std::int64_t>(1, cores() / each));
  return work;
}

/// Reads what every folder says and writes study.h5; one process at a time.
std::vector<study::Status> gather(const fs::path& folder, const study::Outline& outline, study::Gatherer& gatherer) {
  const study::Lock lock = study::Lock::wait(folder / "lock");
  std::vector<study::Status> states = study::checked_states(folder, outline);
  gatherer.write(states);
  return states;
}

std::string runs_text(std::size_t count) {
  return count == 1 ? "1 run" : fmt::format("{} runs", count);
}

void tell_changes(const Work& work, bool changed, std::ostream& err) {
  constexpr std::size_t most_named = 5;
  std::vector<std::string> names = study::left_over(work.folder, work.plan.outline);
  if (changed) {
    err << fmt::format(
        "precsim: {} was begun with another study file; what has ended stays, and study.ini there is now "
        "this one\n",
        work.folder.string());
  }
  if (names.empty()) return;
  const std::size_t count = names.size();
  names.resize(std::min(count, most_named));
  err << fmt::format(
      "precsim: {} that ended in {} {} no longer in the study ({}{}); kept there, and left out of study.h5\n",
      runs_text(count), work.folder.string(), count == 1 ? "is" : "are", fmt::join(names, "; "),
      count > most_named ? "; ..." : "");
}

/// Says what is wrong and what to do, and finds the exit code, for the runs that were asked for.
cli::ExitCode conclude(const Work& work, std::span<const std::size_t> runs, std::span<const study::Status> states,
                       bool stopped, std::ostream& err) {
  std::size_t failed = 0;
  std::size_t left = 0;
  for (const std::size_t run : runs) {
    const study::PlannedRun& planned = work.plan.outline.runs[run];
    if (states[run].state == State::failed) {
      ++failed;
      err << fmt::format("precsim: failed: {}, seed {}: {}\n", planned.point, planned.seed,
                         cli::one_line(states[run].message));
    } else if (!study::has_ended(states[run].state)) {
      ++left;
    }
  }
  if (stopped) {
    err << fmt::format("precsim: stopped with {} left; the same command goes on with what {} has\n", runs_text(left),
                       work.folder.string());
    return cli::ExitCode::interrupted;
  }
  if (failed > 0) {
    err << fmt::format("precsim: {} failed; the same command tries again, the others are kept\n", runs_text(failed));
  }
  return failed > 0 || left > 0 ? cli::ExitCode::mismatch : cli::ExitCode::ok;
}

cli::ExitCode run_worker(const fs::path& folder) {
  H5dont_atexit();  // closing the library after a damaged file prints a line of its own
  follow_signals();
  switch (study::work(folder, STDOUT_FILENO, stop_requested)) {
    case nn::Outcome::finished:
      return cli::ExitCode::ok;
    case nn::Outcome::diverged:
      return cli::ExitCode::diverged;
    case nn::Outcome::interrupted:
      break;
  }
  return cli::ExitCode::interrupted;
}

void print_result(const study::Outline& outline, std::span<const study::Status> states, const study::Gatherer& gatherer,
                  bool json, std::ostream& out) {
  out << (json ? cli::json_text(study_json(outline, states, &gatherer)) : result_table(outline, states, gatherer));
}

cli::ExitCode dry_run(const Work& work, bool json, std::ostream& out) {
  const std::vector<study::Status> states = study::checked_states(work.folder, work.plan.outline);
  out << (json ? cli::json_text(study_json(work.plan.outline, states, nullptr))
               : plan_table(work.plan.outline, states));
  return cli::ExitCode::ok;
}

/// Of these runs alone; what the others of the study took counts for them.
StudyWork work_of_runs(const study::Outline& outline, std::span<const std::size_t> runs,
                       std::span<const study::Status> found, const study::Gatherer& gatherer) {
  std::vector<std::string> points;
  for (const study::PlannedRun& run : outline.runs) points.push_back(run.point);
  StudyWork work(std::move(points));
  for (std::size_t run = 0; run < found.size(); ++run) {
    const study::RunContent* content = gatherer.content(run);
    if (study::has_ended(found[run].state)) {
      work.found_ended(run, content == nullptr ? 0 : content->seconds, found[run].state == State::finished);
    } else if (found[run].state != State::waiting) {
      work.found_begun(run);
    }
    if (!std::ranges::binary_search(runs, run)) work.leave_out(run);
  }
  return work;
}

cli::ExitCode run_whole(const Work& work, const cli::Arguments& parsed, cli::Streams& streams) {
  const study::Outline& outline = work.plan.outline;
  study::Gatherer gatherer(work.folder, outline);
  const std::vector<study::Status> found = study::checked_states(work.folder, outline);
  study::make_folder(work.folder);
  {
    const study::Lock lock = study::Lock::wait(work.folder / "lock");
    tell_changes(work, study::write_outline(work.folder, outline), streams.err);
  }
  const std::vector<std::size_t> runs = study::runs_of(outline, work.shard);
  const auto ended = static_cast<std::size_t>(
      std::ranges::count_if(runs, [&](std::size_t run) { return study::has_ended(found[run].state); }));
  if (ended > 0 && ended < runs.size()) gather(work.folder, outline, gatherer);
  StudyProgress progress(streams, cli::progress_mode("auto", parsed.has("quiet"), streams.err_terminal), outline,
                         work_of_runs(outline, runs, found, gatherer), runs.size(), ended,
                         [&] { gather(work.folder, outline, gatherer); });
  study::conduct(work.folder, work.plan, runs, work.jobs, progress);
  progress.finish();
  const std::vector<study::Status> states = gather(work.folder, outline, gatherer);
  print_result(outline, states, gatherer, parsed.has("json"), streams.out);
  return conclude(work, runs, states, stop_requested(), streams.err);
}

cli::ExitCode run_merge(std::span<const std::string> arguments, cli::Streams& streams) {
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(merge_command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(merge_command, arguments);
  H5dont_atexit();
  std::vector<fs::path> folders(parsed.positionals().begin(), parsed.positionals().end());
  Work work;
  work.folder = folders.front();
  work.plan.outline = study::merge(work.folder, std::span(folders).subspan(1));
  study::Gatherer gatherer(work.folder, work.plan.outline);
  const std::vector<study::Status> states = gather(work.folder, work.plan.outline, gatherer);
  print_result(work.plan.outline, states, gatherer, parsed.has("json"), streams.out);
  const auto missing = std::ranges::count_if(states, [](const study::Status& status) {
    return !study::has_ended(status.state) && status.state != State::failed;
  });
  if (missing > 0) {
    streams.err << fmt::format("precsim: {} in none of these folders has ended\n",
                               runs_text(static_cast<std::size_t>(missing)));
  }
  return conclude(work, study::runs_of(work.plan.outline, {}), states, false, streams.err);
}

}  // namespace

cli::ExitCode run_study(std::span<const std::string> arguments, cli::Streams& streams) {
  if (!arguments.empty() && arguments.front() == "merge") return run_merge(arguments.subspan(1), streams);
  if (cli::wants_help(arguments)) {
    streams.out << cli::help_text(study_command, "precsim");
    return cli::ExitCode::ok;
  }
  const cli::Arguments parsed = cli::parse_arguments(study_command, arguments);
  if (parsed.has("worker")) return run_worker(parsed.positionals()[0]);
  H5dont_atexit();
  const Work work = work_of(parsed);
  if (parsed.has("dry-run")) return dry_run(work, parsed.has("json"), streams.out);
  follow_signals();
  return run_whole(work, parsed, streams);
}

}  // namespace precsim::experiments
