// Optimizers, learning-rate schedules and loss scaling.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/nn/network.hpp"

namespace precsim::nn {

struct OptimizerOptions {
  std::string name = "sgd";
  float lr = 0.05f;
  float momentum = 0.9f;
  bool nesterov = false;
  float weight_decay = 0.0005f;
};

/// One update of every parameter of a network. `scale` is the loss scale that gradients still carry.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// Raises NonFinite for a gradient (skippable; nothing is changed then) or a weight that is NaN or infinite.
  virtual void step(Network& network, float lr, float scale, const StepContext& context) = 0;
  /// Quantizes the initial master weights, where the plan gives that role a format.
  virtual void begin(Network& network, const StepContext& context) = 0;
};

/// One row per optimizer; `state` names the buffers it keeps per weight, which are roles of a plan.
struct OptimizerEntry {
  std::string_view name;
  std::string_view state;
  std::string_view rule;
  std::unique_ptr<Optimizer> (*make)(const OptimizerOptions&);
};
std::span<const OptimizerEntry> optimizers();
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options);

struct ScheduleOptions {
  std::string name = "cosine";      ///< constant, step or cosine
  double warmup_epochs = 0;         ///< linear from lr / steps to lr
  std::vector<double> step_epochs;  ///< `step`: lr is multiplied by gamma at each
  double gamma = 0.1;
  double final_lr = 0;  ///< `cosine`: reached after the last step
};

/// Learning rate of a step in [0, steps), computed in double, rounded to float by the caller:
/// warm-up lr * (step + 1) / w for step < w = round(warmup_epochs * steps_per_epoch); then, of the rest,
/// cosine final + (lr - final) * (1 + cos(pi * done / rest)) / 2, or lr * gamma^(boundaries passed), or lr.
double learning_rate(const ScheduleOptions& schedule, double lr, std::int64_t step, std::int64_t steps_per_epoch,
                     std::int64_t steps);
void check_schedule(const ScheduleOptions& schedule);

struct LossScaleOptions {
  std::string mode = "none";  ///< none, static or dynamic
  double initial = 65536;
  double growth = 2;
  double backoff = 0.5;
  std::int64_t interval = 2000;  ///< clean steps before the scale grows
  double min_scale = 1;
};

/// The loss scale (Micikevicius et al. 2018; dynamic as PyTorch's GradScaler).
class LossScale {
 public:
  /// Raises UserError for an unknown mode, and for numbers that make no sense.
  explicit LossScale(const LossScaleOptions& options);
  double value() const { return value_; }

  struct State {
    double value = 1;
    std::int64_t clean_steps = 0;  ///< since the scale last changed
    friend bool operator==(const State&, const State&) = default;
  };
  State state() const { return {value_, clean_}; }
  /// Raises UserError for a state that no run under these options has.
  void restore(const State& state);

  bool dynamic() const { return options_.mode == "dynamic"; }
  /// After a step that was not skipped; the scale grows no further than 2^100.
  void clean_step();
  /// After a skipped step; false once the scale would fall below min_scale.
  bool back_off();

 private:
  LossScaleOptions options_;
  double value_ = 1;
  std::int64_t clean_ = 0;
};

}  // namespace precsim::nn
