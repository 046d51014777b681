// Mapping configuration keys to training options.
#include "experiments/run/run_options.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <latch>
#include <system_error>
#include <thread>
#include <vector>

#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "sim/models/models.hpp"
#include "sim/nn/named_plans.hpp"

namespace precsim::experiments {
namespace {

struct Effect {
  std::string_view key;
  std::string_view on;        ///< the key that decides
  std::string_view needs[2];  ///< its values under which `key` has an effect
};

constexpr Effect effects[] = {
    {"data.seed", "data.name", {"glyphs", "synthetic"}},
    {"data.image_size", "data.name", {"imagefolder", "synthetic"}},
    {"data.classes", "data.name", {"synthetic", ""}},
    {"data.corrupt", "data.name", {"imagefolder", ""}},
    {"data.checksum", "data.name", {"imagefolder", ""}},
    {"schedule.gamma", "schedule.name", {"step", ""}},
    {"schedule.final_lr", "schedule.name", {"cosine", ""}},
    {"loss_scale.initial", "loss_scale.mode", {"static", "dynamic"}},
    {"loss_scale.growth", "loss_scale.mode", {"dynamic", ""}},
    {"loss_scale.backoff", "loss_scale.mode", {"dynamic", ""}},
    {"loss_scale.interval", "loss_scale.mode", {"dynamic", ""}},
    {"loss_scale.min_scale", "loss_scale.mode", {"dynamic", ""}},
};

/// loss_scale.mode with `plan` resolved.
std::string loss_scale_mode(const config::Config& config) {
  const std::string& mode = config.text("loss_scale.mode");
  return mode == "plan" ? std::string(nn::find_plan(config.text("plan.name")).loss_scale) : mode;
}

/// OpenMP ends the process when a thread cannot be started, so all are started here first and live at the same time.
void check_threads(int count) {
  std::latch all_tried(1);
  std::vector<std::jthread> threads;
  bool refused = false;
  try {
    for (int i = 1; i < count; ++i) {
      threads.emplace_back([&all_tried] { all_tried.wait(); });
    }
  } catch (const std::system_error&) {
    refused = true;
  }
  all_tried.count_down();
  if (refused) {
    throw UserError(fmt::format("run.threads = {} is more than the system starts here, which is {}; give fewer", count,
                                threads.size() + 1));
  }
}

void check_name(std::string_view key, std::string_view value) {
  const auto in_table = [&](std::string_view kind, const auto& table, auto member) {
    if (std::none_of(table.begin(), table.end(), [&](const auto& row) { return row.*member == value; })) {
      throw formats::unknown_name(kind, value, value, table, member);
    }
  };
  if (key == "model.name") {
    in_table("model", models::models(), &models::ModelEntry::name);
  } else if (key == "data.name") {
    in_table("data set", data::datasets(), &data::DatasetEntry::name);
  } else if (key == "optimizer.name") {
    in_table("optimizer", nn::optimizers(), &nn::OptimizerEntry::name);
  } else if (key == "run.engine") {
    kernels::parse_engine(value);
  } else if (key == "run.kernel" && !value.empty()) {
    kernels::find_tile_kernel(value);
  } else if (key == "plan.name") {
    nn::PrecisionPlan plan(value);
  } else if (key.substr(0, 5) == "plan.") {
    nn::PrecisionPlan("fp32").set(key.substr(5), value);
  }
}

/// The keys of checkpoints, which lie beside the record.
void check_output(const config::Config& config) {
  if (config.text("run.out").empty()) {
    if (config.boolean("run.resume")) {
      throw UserError("--resume needs --out (run.out), the record to go on with; the checkpoint lies beside it");
    }
    for (const std::string_view key : {"checkpoint.every", "checkpoint.seconds"}) {
      if (config.value(key) != "0") {
        throw UserError(
            fmt::format("{} = {} needs --out (run.out): checkpoints lie beside the record", key, config.value(key)));
      }
    }
  }
  if (config.boolean("run.resume") && config.boolean("run.overwrite")) {
    throw UserError("--resume goes on with a record and --overwrite replaces it; give one of the two");
  }
}

}  // namespace

void check_value(std::string_view key, std::string_view value) {
  try {
    check_name(key, value);
  } catch (const UserError& error) {
    const std::string_view sentence = error.what();
    const bool names_key = sentence.find(key) != std::string_view::npos;
    throw UserError(names_key ? std::string(sentence) : fmt::format("{}: {}", key, sentence));
  }
}

void canonicalize(config::Config& config) {
  std::vector<config::Assignment> settings = config.plan();
  std::sort(settings.begin(), settings.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  for (config::Assignment& setting : settings) {
    setting.value = nn::canonical_value(std::string_view(setting.key).substr(5), setting.value);
    config.set(setting);
  }
  config.set({"plan.name", nn::canonical_plan_name(config.text("plan.name")), config.place("plan.name")});
}

nn::TrainingOptions training_options(const config::Config& config) {
  nn::TrainingOptions options;
  options.seed = static_cast<std::uint32_t>(config.integer("run.seed"));
  options.epochs = config.integer("train.epochs");
  options.batch = config.integer("train.batch");
  options.eval_batch = config.integer("train.eval_batch");
  options.max_steps = config.integer("train.max_steps");
  options.stats_every = config.integer("record.stats_every");
  options.data_workers = config.integer("data.workers");
  options.init = nn::parse_init(config.text("init.name"));
  options.optimizer = {config.text("optimizer.name"), static_cast<float>(config.real("optimizer.lr")),
                       static_cast<float>(config.real("optimizer.momentum")), config.boolean("optimizer.nesterov"),
                       static_cast<float>(config.real("optimizer.weight_decay"))};
  options.schedule.name = config.text("schedule.name");
  options.schedule.warmup_epochs = config.real("schedule.warmup_epochs");
  for (const std::int64_t epoch : config.integers("schedule.step_epochs")) {
    options.schedule.step_epochs.push_back(static_cast<double>(epoch));
  }
  options.schedule.gamma = config.real("schedule.gamma");
  options.schedule.final_lr = config.real("schedule.final_lr");
  options.loss_scale = {
      loss_scale_mode(config),           config.real("loss_scale.initial"),     config.real("loss_scale.growth"),
      config.real("loss_scale.backoff"), config.integer("loss_scale.interval"), config.real("loss_scale.min_scale")};
  options.engine = kernels::parse_engine(config.text("run.engine"));
  options.kernel = &chosen_kernel(config.text("run.kernel"));
  return options;
}

const kernels::TileKernel& chosen_kernel(std::string_view run_kernel) {
  if (!run_kernel.empty()) {
    return kernels::find_tile_kernel(run_kernel);
  }
  const char* const variable = std::getenv("PRECSIM_KERNEL");
  if (variable == nullptr || *variable == '\0') {
    return kernels::best_tile_kernel();
  }
  try {
    return kernels::find_tile_kernel(variable);
  } catch (const UserError& error) {
    throw UserError(fmt::format("PRECSIM_KERNEL in the environment: {}", error.what()));
  }
}

nn::PrecisionPlan precision_plan(const config::Config& config) {
  nn::PrecisionPlan plan(config.text("plan.name"));
  for (const config::Assignment& setting : config.plan()) {
    plan.set(std::string_view(setting.key).substr(5), setting.value);
  }
  return plan;
}

nn::Network build_network(const config::Config& config, const data::Splits& splits) {
  const data::ImageShape image = splits.train->shape();
  return nn::Network(models::build_model(config.text("model.name"), {1, image.height, image.width, image.channels},
                                         splits.train->classes()),
                     precision_plan(config), config.real("optimizer.momentum") != 0);
}

data::DatasetOptions dataset_options(const config::Config& config) {
  data::DatasetOptions options;
  options.name = config.text("data.name");
  options.path = config.text("data.path");
  options.train_size = config.integer("data.train_size");
  options.test_size = config.integer("data.test_size");
  options.seed = static_cast<std::uint32_t>(config.integer("data.seed"));
  if (config.text("data.augment") != "auto") {
    options.augment = config.text("data.augment") == "true";
  }
  options.image_size = static_cast<int>(config.integer("data.image_size"));
  options.class_count = static_cast<int>(config.integer("data.classes"));
  options.replace_corrupt = config.text("data.corrupt") == "skip";
  options.checksum_content = config.text("data.checksum") == "content";
  options.run_seed = static_cast<std::uint32_t>(config.integer("run.seed"));
  return options;
}

void check_effect(const config::Config& config) {
  const config::Config defaults;
  for (const Effect& effect : effects) {
    const std::string now = effect.on == "loss_scale.mode" ? loss_scale_mode(config) : config.value(effect.on);
    if (config.value(effect.key) != defaults.value(effect.key) && now != effect.needs[0] && now != effect.needs[1]) {
      throw UserError(fmt::format("{}: {} = {} has no effect, since {} is {}; it belongs to {}{}",
                                  config.place(effect.key), effect.key, config.value(effect.key), effect.on, now,
                                  effect.needs[0],
                                  effect.needs[1].empty() ? "" : fmt::format(" and {}", effect.needs[1])));
    }
  }
  check_output(config);
  const auto epochs = static_cast<double>(config.integer("train.epochs"));
  if (config.real("schedule.warmup_epochs") > epochs) {
    throw UserError(fmt::format("schedule.warmup_epochs = {} is longer than the run, train.epochs = {}",
                                config.value("schedule.warmup_epochs"), config.value("train.epochs")));
  }
  for (const std::int64_t epoch : config.integers("schedule.step_epochs")) {
    if (static_cast<double>(epoch) >= epochs) {
      throw UserError(fmt::format("schedule.step_epochs: epoch {} is not reached, since train.epochs is {}", epoch,
                                  config.value("train.epochs")));
    }
  }
  if (config.boolean("optimizer.nesterov") && config.real("optimizer.momentum") == 0) {
    throw UserError("optimizer.nesterov = true has no effect, since optimizer.momentum is 0");
  }
}

int set_threads(std::int64_t threads) {
  const int count = threads == 0 ? omp_get_num_procs() : static_cast<int>(threads);
  check_threads(count);
  omp_set_dynamic(0);
  omp_set_num_threads(count);
  return count;
}

}  // namespace precsim::experiments
