// Pinned runs and their signature.
#include "experiments/run/signature.hpp"

#include "experiments/run/run_options.hpp"
#include "experiments/run/training_run.hpp"
#include "formats/hash.hpp"

namespace precsim::experiments {
namespace {

constexpr std::string_view shared =
    "data.name=glyphs data.train_size=96 data.test_size=24 train.epochs=2 train.batch=16 train.eval_batch=24 "
    "optimizer.lr=0.02 schedule.warmup_epochs=0 run.seed=7 record.stats_every=0";

constexpr PinnedRun runs[] = {
    {"fp32", "plan.name=fp32"},
    {"bf16", "plan.name=bf16 model.name=cnn_bn optimizer.nesterov=true"},
    {"fp16_skips", "plan.name=fp16 loss_scale.initial=33554432 loss_scale.interval=3"},
    {"dfp16", "plan.name=dfp16"},
    {"dfp16_batch_norm", "plan.name=dfp16 model.name=cnn_bn schedule.name=step schedule.step_epochs=1"},
    {"dfp16_paper", "plan.name=dfp16_paper init.name=glorot schedule.name=constant"},
    {"dfp16_stochastic", "plan.name=dfp16 plan.rounding=stochastic"},
    {"dfp16_inf_wrap",
     "plan.name=dfp16 plan.weights=dfp16 plan.activations=dfp16 plan.errors=dfp16 plan.accumulator=int32:chain=inf"},
    {"dfp16_saturate",
     "plan.name=dfp16 plan.weights=dfp16:top=bump plan.activations=dfp16 plan.errors=dfp16 "
     "plan.accumulator=int32:chain=64,overflow=saturate,atom=single"},
    {"dfp16_block",
     "plan.name=dfp16 model.name=cnn_bn plan.weights=dfp16:headroom=1,block=32 "
     "plan.activations=dfp16:headroom=1,block=32@stochastic plan.errors=dfp16:headroom=1,block=6"},
    {"dfp12_biased", "plan.name=dfp12 plan.rounding=biased schedule.warmup_epochs=1"},
    {"dfp8_channel",
     "plan.name=dfp8 model.name=cnn_bn plan.weights=dfp8:channel plan.errors.weight_gradient=dfp8:channel"},
    {"dfp4_stochastic", "plan.name=dfp4 plan.rounding=stochastic:bits=8"},
    {"all_roles",
     "plan.name=dfp8 model.name=cnn_bn plan.outputs=fp16 plan.saved=fp8_e4m3fn plan.weight_gradients=bf16 "
     "plan.updates=fp16@stochastic plan.momentum=dfp16 plan.master=fix4.20@nearest_away"},
    {"float_accumulators",
     "plan.name=fp16 model.name=mlp loss_scale.mode=static loss_scale.initial=128 train.epochs=1 "
     "plan.float_accumulator.forward=fp16 plan.float_accumulator.input_gradient=bf16@stochastic:bits=8 "
     "plan.float_accumulator.weight_gradient=fp32:product=bf16@to_odd"},
};

/// Fails loudly on a run that ends early: its weights would still hash.
RunSignature finished(const PinnedRun& run, const RunResult& result) {
  PRECSIM_CHECK(result.training.outcome == nn::Outcome::finished,
                std::string(run.name) + ": " + result.training.message);
  return {std::string(run.name), result.state_hash, result.training.steps, result.skipped_steps,
          result.training.totals.overflow_events};
}

}  // namespace

std::span<const PinnedRun> pinned_runs() {
  return runs;
}

RunSignature run_pinned(const PinnedRun& run, std::int64_t threads, std::string_view kernel, kernels::Engine engine) {
  config::Sources sources;
  const auto add = [](std::string_view settings, std::vector<std::string>& sets) {
    while (!settings.empty()) {
      const std::size_t blank = std::min(settings.find(' '), settings.size());
      sets.emplace_back(settings.substr(0, blank));
      settings = settings.substr(std::min(blank + 1, settings.size()));
    }
  };
  config::Sources common;
  add(shared, common.sets);
  config::Config config = config::resolve(common, check_value);
  add(run.settings, sources.sets);
  for (const std::string& setting : sources.sets) {
    const std::size_t equals = setting.find('=');
    config.set({setting.substr(0, equals), setting.substr(equals + 1), "pinned run"});
  }
  config.set({"run.threads", std::to_string(threads), "pinned run"});
  config.set({"run.kernel", std::string(kernel), "pinned run"});
  config.set({"run.engine", std::string(kernels::name(engine)), "pinned run"});
  return finished(run, run_training(config, [](std::int64_t) { return RunRecorder::Hooks{}; }));
}

std::string signature(std::span<const RunSignature> all) {
  formats::Hash64 hash;
  for (const RunSignature& run : all) {
    hash.text(run.name);
    hash.text(run.state_hash);
  }
  return hash.hex();
}

}  // namespace precsim::experiments
