// Learning-rate schedules and loss scaling.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/elementary.hpp"
#include "formats/error.hpp"
#include "formats/grammar.hpp"
#include "sim/nn/optimizer.hpp"

namespace precsim::nn {
namespace {

constexpr double pi = 3.141592653589793;

std::int64_t rounded(double x) {
  return static_cast<std::int64_t>(std::floor(std::min(x + 0.5, 0x1p62)));
}

}  // namespace

void check_schedule(const ScheduleOptions& schedule) {
  if (schedule.name != "constant" && schedule.name != "step" && schedule.name != "cosine") {
    throw formats::unknown_name("schedule", schedule.name, schedule.name, {"constant", "step", "cosine"});
  }
  if (!(schedule.warmup_epochs >= 0)) {
    throw UserError(fmt::format("schedule.warmup_epochs must be 0 or more, not {}", schedule.warmup_epochs));
  }
  if (schedule.name == "step" && schedule.step_epochs.empty()) {
    throw UserError("schedule.name = step needs schedule.step_epochs, a list of epochs such as 30,60,80");
  }
  if (schedule.name != "step" && !schedule.step_epochs.empty()) {
    throw UserError(
        fmt::format("schedule.step_epochs is given, but schedule.name is {}; it belongs to step", schedule.name));
  }
  double last = 0;
  for (const double epoch : schedule.step_epochs) {
    if (!(epoch > last)) {
      throw UserError(fmt::format("schedule.step_epochs must rise from above 0, not to {} after {}", epoch, last));
    }
    last = epoch;
  }
}

double learning_rate(const ScheduleOptions& schedule, double lr, std::int64_t step, std::int64_t steps_per_epoch,
                     std::int64_t steps) {
  const std::int64_t warmup = rounded(schedule.warmup_epochs * static_cast<double>(steps_per_epoch));
  if (step < warmup) {
    return lr * static_cast<double>(step + 1) / static_cast<double>(warmup);
  }
  if (schedule.name == "cosine") {
    const auto done = static_cast<double>(step - warmup);
    const auto rest = static_cast<double>(std::max<std::int64_t>(steps - warmup, 1));
    return schedule.final_lr + (lr - schedule.final_lr) * (1 + formats::cos(pi * (done / rest))) / 2;
  }
  double rate = lr;
  for (const double epoch : schedule.step_epochs) {
    rate = step >= rounded(epoch * static_cast<double>(steps_per_epoch)) ? rate * schedule.gamma : rate;
  }
  return rate;
}

LossScale::LossScale(const LossScaleOptions& options) : options_(options) {
  if (options.mode != "none" && options.mode != "static" && options.mode != "dynamic") {
    throw formats::unknown_name("loss scaling", options.mode, options.mode, {"none", "static", "dynamic"});
  }
  const bool sound = options.initial > 0 && options.initial <= 0x1p127 && options.growth >= 1 && options.backoff > 0 &&
                     options.backoff < 1 && options.interval >= 1 && options.min_scale > 0;
  if (!sound) {
    throw UserError(fmt::format(
        "loss_scale: initial {} must be above 0 and at most 2^127, growth {} at least 1, backoff {} between "
        "0 and 1, interval {} at least 1, min_scale {} above 0",
        options.initial, options.growth, options.backoff, options.interval, options.min_scale));
  }
  value_ = options.mode == "none" ? 1 : options.initial;
}

void LossScale::restore(const State& state) {
  const bool possible = state.value > 0 && state.value <= 0x1p127 && state.clean_steps >= 0 &&
                        (dynamic() ? state.clean_steps < options_.interval : state == LossScale(options_).state());
  if (!possible) {
    throw UserError(fmt::format(
        "the saved state has the loss scale {} after {} clean steps, which cannot be under loss_scale.mode = {}",
        state.value, state.clean_steps, options_.mode));
  }
  value_ = state.value;
  clean_ = state.clean_steps;
}

void LossScale::clean_step() {
  if (dynamic() && ++clean_ >= options_.interval) {
    value_ = std::min(value_ * options_.growth, std::max(value_, 0x1p100));
    clean_ = 0;
  }
}

bool LossScale::back_off() {
  clean_ = 0;
  if (value_ * options_.backoff < options_.min_scale) {
    return false;
  }
  value_ *= options_.backoff;
  return true;
}

}  // namespace precsim::nn
