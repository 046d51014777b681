// Running one configuration.
#include "experiments/run/training_run.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iterator>
#include <optional>
#include <utility>

#include "experiments/run/checkpointer.hpp"
#include "experiments/run/run_identity.hpp"
#include "experiments/run/run_options.hpp"
#include "experiments/run/run_output.hpp"
#include "precsim_version.hpp"

namespace precsim::experiments {
namespace {

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

record::RecordHeader header(const config::Config& config, const data::Splits& splits, int threads) {
  record::RecordHeader header;
  header.run = run_identity(config, splits);
  header.provenance = {{"version", std::string(version)},
                       {"compiler", std::string(compiler)},
                       {"host", host_name()},
                       {"start_time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
                       {"sessions", std::int64_t{1}},
                       {"threads", std::int64_t{threads}},
                       {"engine", config.text("run.engine")},
                       {"kernel", std::string(chosen_kernel(config.text("run.kernel")).name)},
                       {"paths", fmt::format("data={} out={}", config.text("data.path"), config.text("run.out"))}};
  return header;
}

/// What the user is told of the beginning of a run that was asked to go on.
std::string resumption(const RunOutput& output, const RunResult& ended, std::int64_t steps) {
  const std::string file = output.record->file().string();
  if (output.ended) {
    return fmt::format("{} holds this run, which {} after {} steps; nothing was changed", file,
                       name(ended.training.outcome), ended.training.steps);
  }
  if (!output.from) {
    return fmt::format("{} has nothing to go on from; the run starts from the beginning", file);
  }
  return fmt::format("going on with {} after step {} of {}", file, output.from->state.step, steps);
}

}  // namespace

RunResult run_training(const config::Config& config, const std::function<RunRecorder::Hooks(std::int64_t steps)>& hooks,
                       const std::function<void(const std::string&)>& note) {
  check_effect(config);
  const int threads = set_threads(config.integer("run.threads"));
  const auto start = std::chrono::steady_clock::now();
  const data::Splits splits = data::open_dataset(dataset_options(config));
  nn::Network network = build_network(config, splits);
  nn::Trainer trainer(training_options(config), network, splits);
  RunOutput output;
  RunResult result;
  if (!config.text("run.out").empty()) {
    output = open_output(config, header(config, splits, threads));
    result = output.ended ? recorded_result(*output.record) : RunResult{};
    if (config.boolean("run.resume") && note) {
      note(resumption(output, result, trainer.total_steps()));
    }
    if (output.ended) {
      return result;
    }
  }
  const auto seconds = [&] {
    const double earlier =
        output.from ? record::value_of<double>(output.from->provenance, "seconds", config.text("run.out")) : 0;
    return earlier + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::optional<Checkpointer> checkpointer;
  RunRecorder::Hooks followers = hooks(trainer.total_steps());
  followers.between_steps = [&](const nn::Trainer& now) {
    if (checkpointer) {
      checkpointer->between_steps(now, seconds());
    }
  };
  RunRecorder recorder(output.record.get(), config.real("record.flush_seconds"), std::move(followers));
  if (output.from) {
    recorder.restore(output.from->figures, config.text("run.out"));
  }
  const Checkpointer::Interval interval{config.integer("checkpoint.every"), config.real("checkpoint.seconds")};
  if (config.boolean("run.resume") || interval.steps != 0 || interval.seconds != 0) {
    checkpointer.emplace(*output.record, recorder, interval,
                         output.from ? std::optional(output.from->state.step) : std::nullopt);
  }
  result.training = trainer.run(recorder, output.from ? &output.from->state : nullptr);
  if (checkpointer && result.training.outcome != nn::Outcome::diverged) {
    checkpointer->save(trainer, seconds());
  }
  for (const data::Dataset* split : {splits.train.get(), splits.test.get()}) {
    std::ranges::copy(split->replaced(), std::back_inserter(result.replaced_images));
  }
  result.figures = figures(result.training, recorder);
  result.skipped_steps = recorder.skipped_steps();
  result.configuration_hash = config.hash().hex();
  result.state_hash = network.state_hash();
  result.seconds = seconds();
  if (output.record) {
    write_result(*output.record, result);
  }
  return result;
}

}  // namespace precsim::experiments
