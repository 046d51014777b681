// Opening recorded runs.
#include "experiments/explain/recorded_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "experiments/config/ini.hpp"
#include "experiments/record/run_file.hpp"
#include "experiments/record/run_schema.hpp"
#include "experiments/record/table_rows.hpp"
#include "experiments/run/run_identity.hpp"
#include "experiments/run/run_options.hpp"
#include "experiments/run/run_result.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"

namespace precsim::explain {
namespace {

namespace fs = std::filesystem;
using kernels::Pass;
using nn::Network;

constexpr std::array<std::string_view, 5> free_keys = {"data.path", "data.workers", "run.engine", "run.kernel",
                                                       "run.threads"};

/// data.path out of "data=PATH out=PATH".
std::string recorded_data_path(const record::RecordHeader& header) {
  const record::AttributeValue* value = record::find_value(header.provenance, "paths");
  const auto* paths = value == nullptr ? nullptr : std::get_if<std::string>(value);
  constexpr std::string_view begin = "data=";
  const std::size_t end = paths == nullptr ? std::string::npos : paths->rfind(" out=");
  return end == std::string::npos || !paths->starts_with(begin) ? "" : paths->substr(begin.size(), end - begin.size());
}

config::Config configuration(const fs::path& file, const record::RecordHeader& header,
                             const std::vector<std::string>& sets) {
  config::Config config(experiments::check_value);
  const std::string source = file.string();
  config.read_ini(record::value_of<std::string>(header.run, "configuration", source),
                  fmt::format("the configuration of {}", source));
  experiments::canonicalize(config);
  config.set({"run.engine", "native", "default"});
  if (const std::string path = recorded_data_path(header); !path.empty()) {
    config.set({"data.path", path, "the record"});
  }
  std::vector<config::Assignment> assignments;
  for (const std::string& set : sets) {
    assignments.push_back(config::parse_assignment(set, "--set"));
    if (std::ranges::find(free_keys, assignments.back().key) == free_keys.end()) {
      throw UserError(fmt::format("--set {}: what was recorded cannot be set here; what can be is {}", set,
                                  fmt::join(free_keys, ", ")));
    }
  }
  config.set_all(assignments);
  return config;
}

data::Splits open_data(const config::Config& config) {
  try {
    return data::open_dataset(experiments::dataset_options(config));
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}; --set data.path=FOLDER tells where the data of the run is now", error.what()));
  }
}

constexpr std::string_view detour = "--from-beginning computes the run without checkpoints";

checkpoint::Checkpoint read_checkpoint(const fs::path& path) {
  try {
    return checkpoint::read(path);
  } catch (const UserError& error) {
    throw UserError(fmt::format("{}; {}", error.what(), detour));
  }
}

nn::TrainingOptions replay_options(const config::Config& config) {
  nn::TrainingOptions options = experiments::training_options(config);
  options.evaluate = false;
  options.stats_every = 0;
  return options;
}

}  // namespace

RecordedRun::RecordedRun(const fs::path& file, const std::vector<std::string>& sets)
    : file_(file), header_(record::read_header(file)) {
  const std::string source = file.string();
  if (const std::string versions = experiments::version_difference(header_.run, source); !versions.empty()) {
    throw UserError(fmt::format("{} cannot be explained: {}", source, versions));
  }
  config_ = configuration(file, header_, sets);
  experiments::set_threads(config_.integer("run.threads"));
  splits_ = open_data(config_);
  identity_ = experiments::run_identity(config_, splits_);
  if (const std::string why = experiments::identity_difference(header_.run, identity_, source); !why.empty()) {
    throw UserError(
        fmt::format("{} cannot be explained: {}; --set data.path=FOLDER tells where its data is", source, why));
  }
  network_ = std::make_unique<Network>(experiments::build_network(config_, splits_));
  trainer_ = std::make_unique<nn::Trainer>(replay_options(config_), *network_, splits_);
  layers_ = network_->products(config_.integer("train.batch"));
  read_tables();
}

void RecordedRun::read_tables() {
  const std::span<const record::TableSchema> all = record::run_tables();
  const std::array tables = {all[record::Table::training], all[record::Table::products], all[record::Table::telemetry]};
  const std::vector<std::string> rows = record::read_rows(file_, tables);
  const record::TableRows training(tables[0], rows[0]);
  const record::TableRows products(tables[1], rows[1]);
  const record::TableRows telemetry(tables[2], rows[2]);
  steps_done_ = static_cast<std::int64_t>(training.size());
  const record::AttributeValue* outcome = record::find_value(header_.run, "outcome");
  diverged_ =
      outcome != nullptr && *outcome == record::AttributeValue(std::string(experiments::name(nn::Outcome::diverged)));
  std::size_t t = 0;  // both tables are in the order of the calls
  for (std::size_t i = 0; i < products.size(); ++i) {
    ProductRecord& row = products_.emplace_back();
    row.step = products.integer(i, "step");
    row.layer = products.text(i, "layer");
    row.pass = products.text(i, "pass");
    row.semantics = products.text(i, "semantics");
    row.operands = products.text(i, "operands");
    row.chain_length = static_cast<std::int64_t>(products.count(i, "chain_length"));
    row.proved = products.integer(i, "proved") != 0;
    row.measured = t < telemetry.size() && telemetry.integer(t, "step") == row.step &&
                   telemetry.text(t, "layer") == row.layer && telemetry.text(t, "pass") == row.pass;
    if (row.measured) {
      row.overflow_events = telemetry.count(t, "overflow_events");
      row.overflow_outputs = telemetry.count(t, "overflow_outputs");
      row.first_output = telemetry.integer(t, "first_output");
      row.first_k = telemetry.integer(t, "first_k");
      ++t;
    }
  }
}

const ProductRecord* RecordedRun::product(std::string_view layer_name, Pass pass, std::int64_t step) const {
  const auto found = std::ranges::find_if(products_, [&](const ProductRecord& row) {
    return row.step == step && row.layer == layer_name && row.pass == kernels::name(pass);
  });
  return found == products_.end() ? nullptr : &*found;
}

const Network::ProductRow& RecordedRun::layer(std::string_view layer_name) const {
  std::vector<std::string> names;
  for (const Network::ProductRow& row : layers_) {
    if (row.layer->name() == layer_name) {
      return row;
    }
    names.push_back(row.layer->name());
  }
  throw formats::unknown_name("layer with products", layer_name, layer_name, names);
}

const Network::ProductRow& RecordedRun::layer(std::string_view layer_name, Pass pass) const {
  const Network::ProductRow& row = layer(layer_name);
  if (pass == Pass::input_gradient && !row.layer->traits().input_gradient) {
    throw UserError(
        fmt::format("layer {} has no input gradient, since nothing before it learns; its passes are forward and "
                    "weight_gradient",
                    layer_name));
  }
  return row;
}

void RecordedRun::check_step(std::int64_t step) const {
  const std::int64_t steps = diverged_ ? std::min(steps_done_ + 1, total_steps()) : total_steps();
  if (step < 0 || step >= steps) {
    throw UserError(fmt::format("{} has no step {}; its steps are 0 to {}{}", file_.string(), step, steps - 1,
                                diverged_ ? ", in which it diverged" : ""));
  }
}

std::optional<RecordedRun::Start> RecordedRun::nearest_checkpoint(std::int64_t step) const {
  std::optional<Start> nearest;
  for (const fs::path& path : {checkpoint::path_for(file_), checkpoint::best_path_for(file_)}) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(path, error))) {
      continue;
    }
    checkpoint::Checkpoint found = read_checkpoint(path);
    if (const std::string why = experiments::identity_difference(found.run, identity_, path.string()); !why.empty()) {
      throw UserError(
          fmt::format("the checkpoint {} is not of the run of {}: {}; {}", path.string(), file_.string(), why, detour));
    }
    const bool nearer = !nearest || found.state.step > nearest->checkpoint.state.step;
    if (found.state.step <= step && nearer) {
      nearest = Start{path, std::move(found)};
    }
  }
  return nearest;
}

}  // namespace precsim::explain
