// Fuzzes learning-rate schedules and loss scales. The input is numbers: eight bytes each, as they come.
#include <cmath>

#include "sim/nn/optimizer.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {
namespace {

std::string one_of(Input& input, std::initializer_list<const char*> names) {
  return *(names.begin() + input.byte() % names.size());
}

void learning_rates(Input& input) {
  nn::ScheduleOptions options;
  options.name = one_of(input, {"constant", "step", "cosine", "other"});
  options.warmup_epochs = input.real();
  options.gamma = input.real();
  options.final_lr = input.real();
  for (int left = input.byte() % 4; left > 0; --left) options.step_epochs.push_back(input.real());
  if (!accepts([&] { nn::check_schedule(options); })) return;
  const auto steps_per_epoch = static_cast<std::int64_t>(1 + input.integer(4));
  const auto steps = steps_per_epoch * static_cast<std::int64_t>(1 + input.integer(2));
  for (const std::int64_t step : {std::int64_t{0}, std::int64_t{1}, steps / 2, steps - 1}) {
    const double rate = nn::learning_rate(options, 0.05, step, steps_per_epoch, steps);
    const bool plain = std::isfinite(options.gamma) && std::abs(options.gamma) <= 1 && std::abs(options.final_lr) <= 1;
    promise(!plain || std::isfinite(rate), options.name + ": a finite rate");
  }
}

void loss_scales(Input& input) {
  const nn::LossScaleOptions options{
      one_of(input, {"none", "static", "dynamic", "other"}), input.real(), input.real(), input.real(),
      static_cast<std::int64_t>(input.integer(8)),           input.real()};
  std::optional<nn::LossScale> scale;
  if (!accepts([&] { scale.emplace(options); })) return;
  for (int step = 0; step < 100; ++step) {
    if ((input.byte() & 1) == 0) {
      scale->clean_step();
    } else if (!scale->back_off()) {
      break;
    }
    promise(std::isfinite(scale->value()) && scale->value() > 0, "a loss scale is above zero and finite");
  }
}

}  // namespace

/// Numbers that pass the checks make finite rates and scales, and no step count overflows.
void schedule(std::string_view input) {
  Input numbers(input);
  learning_rates(numbers);
  loss_scales(numbers);
}

}  // namespace precsim::fuzz
