// Running one configuration.
#include "experiments/run/training_run.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <limits>
#include <memory>

#include "experiments/record/run_schema.hpp"
#include "experiments/run/run_options.hpp"
#include "formats/version.hpp"
#include "precsim_version.hpp"
#include "sim/models/models.hpp"

namespace precsim::experiments {
namespace {

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

record::RecordHeader header(const config::Config& config, const data::Splits& splits, int threads) {
  record::RecordHeader header;
  header.run = {{"program", std::string("precsim")},
                {"schema_version", record::schema_version},
                {"numerics_version", std::int64_t{formats::numerics_version}},
                {"configuration", config.to_ini()},
                {"configuration_hash", config.hash().hex()},
                {"data_checksum_train", splits.train->checksum()},
                {"data_checksum_test", splits.test->checksum()},
                {"model", config.text("model.name")},
                {"seed", config.integer("run.seed")}};
  header.provenance = {{"version", std::string(version)},
                       {"compiler", std::string(compiler)},
                       {"host", host_name()},
                       {"start_time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
                       {"threads", std::int64_t{threads}},
                       {"engine", std::string("simulate")},
                       {"kernel", std::string(chosen_kernel(config.text("run.kernel")).name)},
                       {"paths", fmt::format("data={} out={}", config.text("data.path"), config.text("run.out"))}};
  return header;
}

nn::Network build_network(const config::Config& config, const data::Splits& splits) {
  const data::ImageShape image = splits.train->shape();
  return nn::Network(models::build_model(config.text("model.name"), {1, image.height, image.width, image.channels},
                                         splits.train->classes()),
                     precision_plan(config), config.real("optimizer.momentum") != 0);
}

void write_summary(record::Record& record, const RunResult& result) {
  for (const Figure& figure : figures(result)) {
    record.append(record::Table::summary, {std::string_view(figure.name), figure.value, std::string_view(figure.unit)});
  }
  static constexpr std::string_view outcomes[] = {"finished", "interrupted", "diverged"};
  record.set_attribute("outcome", std::string(outcomes[static_cast<std::size_t>(result.training.outcome)]));
  record.set_attribute("outcome_message", result.training.message);
  record.set_attribute("state_hash", result.state_hash);
  record.set_provenance("seconds", result.seconds);
  record.close();
}

}  // namespace

std::vector<Figure> figures(const RunResult& result) {
  const nn::TrainingResult& t = result.training;
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  const double share = t.totals.all_macs == 0
                           ? unknown
                           : static_cast<double>(t.totals.integer_macs) / static_cast<double>(t.totals.all_macs);
  const bool evaluated = t.evaluation.images != 0;
  std::vector<Figure> figures{
      {"test_accuracy", evaluated ? t.evaluation.accuracy : unknown, "1"},
      {"test_loss", evaluated ? t.evaluation.loss : unknown, "nat"},
      {"training_loss", result.last_loss, "nat"},
      {"steps", static_cast<double>(t.steps), "step"},
      {"skipped_steps", static_cast<double>(result.skipped_steps), "step"},
      {"integer_mac_share", share, "1"},
      {"overflow_events", static_cast<double>(t.totals.overflow_events), "event"},
      {"saved_bytes_per_step",
       t.steps == 0 ? 0 : static_cast<double>(t.totals.saved_bytes) / static_cast<double>(t.steps), "B"}};
  for (const nn::RoleEntry& role : nn::roles()) {
    const RoleSqnr& sqnr = result.sqnr[static_cast<std::size_t>(role.role)];
    if (sqnr.conversions != 0) {
      figures.push_back({fmt::format("worst_sqnr_{}", role.name), sqnr.worst, "dB"});
      figures.push_back({fmt::format("mean_sqnr_{}", role.name), sqnr.mean(), "dB"});
    }
  }
  return figures;
}

RunResult run_training(const config::Config& config,
                       const std::function<RunRecorder::Hooks(std::int64_t steps)>& hooks) {
  check_effect(config);
  const int threads = set_threads(config.integer("run.threads"));
  const auto start = std::chrono::steady_clock::now();
  const data::Splits splits = data::open_dataset(dataset_options(config));
  nn::Network network = build_network(config, splits);
  nn::Trainer trainer(training_options(config), network, splits);
  std::unique_ptr<record::Record> record;
  if (!config.text("run.out").empty()) {
    record = std::make_unique<record::Record>(config.text("run.out"), header(config, splits, threads),
                                              record::run_tables(), config.boolean("run.overwrite"));
  }
  RunRecorder recorder(record.get(), config.real("record.flush_seconds"), hooks(trainer.total_steps()));
  RunResult result;
  result.training = trainer.run(recorder);
  result.sqnr = recorder.sqnr();
  result.skipped_steps = recorder.skipped_steps();
  result.last_loss = recorder.last_loss();
  result.configuration_hash = config.hash().hex();
  result.state_hash = network.state_hash();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (record) {
    write_summary(*record, result);
  }
  return result;
}

}  // namespace precsim::experiments
