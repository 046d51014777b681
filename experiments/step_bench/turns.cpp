// Turns, and medians of what they measured.
#include "experiments/step_bench/turns.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "experiments/bench/measure.hpp"
#include "experiments/step_bench/worker_process.hpp"

namespace precsim::step_bench {
namespace {

constexpr double turn_seconds = 0.5;
constexpr std::int64_t most_steps = 1000;

template <class Of>
double median_of(std::span<const Sample> samples, Of of) {
  std::vector<double> values;
  std::ranges::transform(samples, std::back_inserter(values), of);
  return bench::median(values);
}

double sum(const std::array<double, nn::works>& work) {
  return std::accumulate(work.begin(), work.end(), 0.0);
}

/// What these products would take at the ceilings' rates; NaN where one that is needed is not known.
double ideal_seconds(const nn::StepProfile::Macs& macs, const Sample& sample) {
  return (macs.integer > 0 ? macs.integer / sample.integer_rate : 0) +
         (macs.floating > 0 ? macs.floating / sample.floating_rate : 0);
}

void add_split(std::span<const Sample> samples, Result& result) {
  for (std::size_t i = 0; i < nn::works; ++i) {
    result.work[i] = median_of(samples, [i](const Sample& sample) { return sample.work[i] / sum(sample.work); });
  }
  const double shares = sum(result.work);
  for (double& part : result.work) {
    part *= result.seconds / shares;
  }
}

void add_fractions(std::span<const Sample> samples, Result& result) {
  const auto seconds = [&](const Sample& sample, kernels::Pass pass) {
    return step_seconds(result.contender, sample) * static_cast<double>(sample.steps) *
           sample.work[static_cast<std::size_t>(nn::work_of(pass))] / sum(sample.work);
  };
  for (const kernels::Pass pass : kernels::passes) {
    const auto i = static_cast<std::size_t>(pass);
    result.of_ceiling[i] = median_of(
        samples, [&](const Sample& sample) { return ideal_seconds(sample.macs[i], sample) / seconds(sample, pass); });
  }
  result.products_of_ceiling = median_of(samples, [&](const Sample& sample) {
    double ideal = 0;
    double taken = 0;
    for (const kernels::Pass pass : kernels::passes) {
      ideal += ideal_seconds(sample.macs[static_cast<std::size_t>(pass)], sample);
      taken += seconds(sample, pass);
    }
    return ideal / taken;
  });
}

}  // namespace

double step_seconds(const Contender& contender, const Sample& sample) {
  return (contender.threads == 1 ? sample.processor_seconds : sample.wall_seconds) / static_cast<double>(sample.steps);
}

Result summarize(const Contender& contender, const Greeting& greeting, std::span<const Sample> samples,
                 std::span<const double> first_seconds) {
  Result result{.contender = contender, .greeting = greeting};
  std::vector<double> seconds;
  for (const Sample& sample : samples) {
    seconds.push_back(step_seconds(contender, sample));
    result.steps += sample.steps;
    result.skipped += sample.skipped;
    result.peak_bytes = std::max(sample.peak_bytes, result.peak_bytes);
  }
  result.seconds = bench::median(seconds);
  result.spread = (bench::quantile(seconds, 0.75) - bench::quantile(seconds, 0.25)) / result.seconds;
  result.ratio = bench::median(bench::ratios({first_seconds.begin(), first_seconds.end()}, seconds));
  result.page_faults =
      median_of(samples, [](const Sample& sample) { return sample.page_faults / static_cast<double>(sample.steps); });
  result.integer_rate = median_of(samples, [](const Sample& sample) { return sample.integer_rate; });
  result.floating_rate = median_of(samples, [](const Sample& sample) { return sample.floating_rate; });
  add_split(samples, result);
  add_fractions(samples, result);
  return result;
}

std::vector<Result> measure(std::span<const Contender> contenders, const TurnOptions& options,
                            const std::function<bool(std::size_t turn, std::size_t turns)>& on_turn) {
  std::vector<std::unique_ptr<WorkerProcess>> workers;
  std::vector<Greeting> greetings;
  std::vector<std::vector<Sample>> samples(contenders.size());
  std::vector<std::int64_t> steps;
  for (const Contender& contender : contenders) {
    workers.push_back(std::make_unique<WorkerProcess>(contender));
    greetings.push_back(workers.back()->greeting());
    const double fitting = turn_seconds / std::max(greetings.back().step_seconds, 1e-9);
    steps.push_back(options.steps > 0 ? options.steps : std::clamp<std::int64_t>(std::llround(fitting), 1, most_steps));
  }
  const std::size_t turns = contenders.size() * static_cast<std::size_t>(options.rounds);
  for (std::size_t turn = 0; turn < turns && on_turn(turn, turns); ++turn) {
    const std::size_t i = turn % contenders.size();
    samples[i].push_back(workers[i]->go(steps[i]));
  }
  const std::size_t rounds = samples.back().size();
  std::vector<double> first_seconds;
  for (std::size_t round = 0; round < rounds; ++round) {
    first_seconds.push_back(step_seconds(contenders[0], samples[0][round]));
  }
  std::vector<Result> results;
  for (std::size_t i = 0; i < contenders.size() && rounds > 0; ++i) {
    samples[i].resize(rounds);
    results.push_back(summarize(contenders[i], greetings[i], samples[i], first_seconds));
  }
  return results;
}

}  // namespace precsim::step_bench
