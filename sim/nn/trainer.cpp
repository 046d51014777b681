// The training loop.
#include "sim/nn/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "formats/error.hpp"
#include "sim/kernels/floating_point_control.hpp"
#include "sim/nn/loss.hpp"

namespace precsim::nn {
namespace {

struct Batch {
  Tensor images;
  std::vector<std::int32_t> labels;
};

Batch next_batch(data::BatchReader& reader, const data::ImageShape& shape, std::int64_t size, StepProfile* profile) {
  const Timed timed(profile, Work::data);
  Batch batch;
  batch.images = Tensor({size, shape.height, shape.width, shape.channels});
  batch.labels.resize(static_cast<std::size_t>(size));
  reader.next(batch.images.values, batch.labels);
  return batch;
}

void check_sizes(const TrainingOptions& options) {
  struct Size {
    std::string_view key;
    std::int64_t value, least;
  };
  for (const Size& size :
       {Size{"train.epochs", options.epochs, 1}, Size{"train.batch", options.batch, 1},
        Size{"train.eval_batch", options.eval_batch, 1}, Size{"train.max_steps", options.max_steps, 0},
        Size{"data.workers", options.data_workers, 0}, Size{"record.stats_every", options.stats_every, 0}}) {
    if (size.value < size.least) {
      throw UserError(fmt::format("{} must be at least {}, not {}", size.key, size.least, size.value));
    }
  }
}

void check_fit(const Network& network, const data::Dataset& dataset) {
  const data::ImageShape image = dataset.shape();
  const Shape given{1, image.height, image.width, image.channels};
  const Shape logits{1, 1, 1, dataset.classes()};
  if (network.image() != given || network.output() != logits) {
    throw UserError(fmt::format("the model takes {} to {}, but the data has images {} and {} classes",
                                to_string(network.image()), to_string(network.output()), to_string(given),
                                dataset.classes()));
  }
}

}  // namespace

Trainer::Trainer(const TrainingOptions& options, Network& network, const data::Splits& splits)
    : options_(options),
      network_(network),
      splits_(splits),
      optimizer_(make_optimizer(options.optimizer)),
      loss_scale_(options.loss_scale) {
  check_sizes(options);
  check_fit(network, *splits.train);
  check_fit(network, *splits.test);
  check_schedule(options.schedule);
  steps_per_epoch_ = splits.train->size() / options.batch;
  if (steps_per_epoch_ == 0) {
    throw UserError(
        fmt::format("train.batch is {}, but there are only {} training images", options.batch, splits.train->size()));
  }
  constexpr std::int64_t most_steps = std::int64_t{1} << 32;
  if (options.epochs > most_steps / steps_per_epoch_) {
    throw UserError(fmt::format("train.epochs = {} of {} steps each are more than 2^32 steps, the most there can be",
                                options.epochs, steps_per_epoch_));
  }
  total_steps_ = steps_per_epoch_ * options.epochs;
  if (options.max_steps > 0) {
    total_steps_ = std::min(total_steps_, options.max_steps);
  }
}

std::vector<std::int64_t> Trainer::epoch_order(std::int64_t epoch) const {
  std::vector<std::int64_t> order(static_cast<std::size_t>(splits_.train->size()));
  std::iota(order.begin(), order.end(), 0);
  const formats::RandomBits bits{options_.seed, formats::Stream::data_order, static_cast<std::uint32_t>(epoch), 0, 0};
  for (std::size_t i = order.size(); i-- > 1;) {
    const std::uint64_t j = (std::uint64_t{bits.word(i)} * (i + 1)) >> 32;
    std::swap(order[i], order[j]);
  }
  return order;
}

data::BatchReader::Plan Trainer::training_plan() const {
  return [this, step = steps_done_, order = std::vector<std::int64_t>()]() mutable {
    std::optional<data::BatchRequest> request;
    if (step == total_steps_) {
      return request;
    }
    const std::int64_t epoch = step / steps_per_epoch_;
    if (order.empty() || step % steps_per_epoch_ == 0) {
      order = epoch_order(epoch);
    }
    const auto first = order.begin() + step % steps_per_epoch_ * options_.batch;
    request = {{first, first + options_.batch}, static_cast<std::uint32_t>(epoch)};
    ++step;
    return request;
  };
}

data::BatchReader::Plan Trainer::evaluation_plan() const {
  return [this, first = std::int64_t{0}]() mutable {
    std::optional<data::BatchRequest> request;
    const std::int64_t count = std::min(options_.eval_batch, splits_.test->size() - first);
    if (count > 0) {
      request.emplace();
      request->indices.resize(static_cast<std::size_t>(count));
      std::iota(request->indices.begin(), request->indices.end(), first);
      first += count;
    }
    return request;
  };
}

StepContext Trainer::context(std::int64_t step, Observer& observer) {
  StepContext context;
  context.step = step;
  context.seed = options_.seed;
  context.observer = &observer;
  context.totals = &totals_;
  context.engine = options_.engine;
  context.kernel = options_.kernel;
  context.profile = options_.profile;
  context.recording =
      step == 0 || step + 1 == total_steps_ || (options_.stats_every > 0 && step % options_.stats_every == 0);
  return context;
}

void Trainer::skip(const NonFinite& cause, StepReport& report) {
  if (!cause.skippable() || !loss_scale_.dynamic()) {
    throw cause;
  }
  report.skipped = true;
  if (!loss_scale_.back_off()) {
    throw NonFinite("(all)", fmt::format("gradients, at the smallest loss scale allowed ({})", loss_scale_.value()),
                    report.step, false);
  }
}

void Trainer::train_step(std::int64_t step, data::BatchReader& reader, Observer& observer) {
  const std::int64_t epoch = step / steps_per_epoch_;
  Batch batch = next_batch(reader, splits_.train->shape(), options_.batch, options_.profile);
  const StepContext now = context(step, observer);
  const double lr = learning_rate(options_.schedule, static_cast<double>(options_.optimizer.lr), step, steps_per_epoch_,
                                  steps_per_epoch_ * options_.epochs);
  const double scale = loss_scale_.value();
  StepReport report{step, epoch, lr, 0, 0, scale, false};
  std::vector<Network::Auxiliary> auxiliaries;
  const Tensor logits = network_.forward(std::move(batch.images), now, &auxiliaries);
  check_all_finite(logits.values, network_.layers().back()->name(), "logits", now, false);
  LossResult loss = softmax_cross_entropy(logits, batch.labels, scale);
  std::vector<Tensor> auxiliary_gradients;
  for (const Network::Auxiliary& auxiliary : auxiliaries) {
    check_all_finite(auxiliary.logits.values, auxiliary.layer, "logits", now, false);
    LossResult own = softmax_cross_entropy(auxiliary.logits, batch.labels, scale * auxiliary.loss_weight);
    loss.loss += auxiliary.loss_weight * own.loss;
    auxiliary_gradients.push_back(std::move(own.gradient));
  }
  report.loss = loss.loss;
  report.accuracy = static_cast<double>(loss.correct) / static_cast<double>(options_.batch);
  if (!std::isfinite(loss.loss)) {
    throw NonFinite(network_.layers().back()->name(), "loss", step, false);
  }
  try {
    network_.backward(std::move(loss.gradient), now, std::move(auxiliary_gradients));
    const Timed timed(options_.profile, Work::optimizer);
    optimizer_->step(network_, static_cast<float>(lr), static_cast<float>(scale), now);
    loss_scale_.clean_step();
  } catch (const NonFinite& cause) {
    skip(cause, report);
  }
  observer.on_step(report);
}

bool Trainer::evaluation_due() const {
  const bool at_end = steps_done_ > 0 && (steps_done_ % steps_per_epoch_ == 0 || steps_done_ == total_steps_);
  return options_.evaluate && at_end && (evaluation_.images == 0 || evaluation_.step != steps_done_ - 1);
}

bool Trainer::evaluate(Observer& observer) {
  const std::int64_t step = steps_done_ - 1;
  const StepContext::Totals totals_before = totals_;
  StepContext now = context(step, observer);
  now.training = false;
  now.recording = false;
  EvaluationReport report{step, step / steps_per_epoch_, splits_.test->size(), 0, 0, 0};
  double loss = 0;
  data::BatchReader reader(*splits_.test, static_cast<int>(options_.data_workers), evaluation_plan());
  for (std::int64_t first = 0; first < report.images; first += options_.eval_batch) {
    if (observer.stop_requested()) {
      totals_ = totals_before;
      return false;
    }
    const std::int64_t size = std::min(options_.eval_batch, report.images - first);
    Batch batch = next_batch(reader, splits_.test->shape(), size, nullptr);
    const Tensor logits = network_.forward(std::move(batch.images), now);
    check_all_finite(logits.values, network_.layers().back()->name(), "logits in evaluation", now, false);
    const LossResult result = softmax_cross_entropy(logits, batch.labels, 1);
    report.correct += result.correct;
    report.correct5 += result.correct5;
    loss += result.loss * static_cast<double>(size);
    observer.on_evaluation_batch(step, first + size, report.images);
  }
  report.accuracy = static_cast<double>(report.correct) / static_cast<double>(report.images);
  report.accuracy5 = static_cast<double>(report.correct5) / static_cast<double>(report.images);
  report.classes = splits_.test->classes();
  report.loss = loss / static_cast<double>(report.images);
  evaluation_ = report;
  observer.on_evaluation(report);
  return true;
}

void Trainer::restore(const TrainingState& state) {
  if (state.step < 0 || state.step > total_steps_) {
    throw UserError(fmt::format("the saved state has {} steps, but the run has {}", state.step, total_steps_));
  }
  loss_scale_.restore(state.loss_scale);
  check_controllers(network_, state.controllers, state.step);
  restore_tensors(network_, state.tensors);
  network_.controllers().restore(state.controllers);
  totals_ = state.totals;
  evaluation_ = state.evaluation;
  evaluation_.classes = splits_.test->classes();
  steps_done_ = state.step;
}

void Trainer::begin(Observer& observer, const TrainingState* from) {
  network_.initialize(options_.init, options_.seed);
  loss_scale_ = LossScale(options_.loss_scale);
  totals_ = {};
  evaluation_ = {};
  steps_done_ = 0;
  if (from != nullptr) {
    restore(*from);
    return;
  }
  StepContext before = context(0, observer);
  before.recording = false;
  optimizer_->begin(network_, before);
}

TrainingState Trainer::state() const {
  return {steps_done_, loss_scale_.state(),     totals_,
          evaluation_, state_tensors(network_), network_.controllers().state()};
}

TrainingResult Trainer::run(Observer& observer, const TrainingState* from) {
  kernels::check_floating_point_control();
  TrainingResult result;
  try {
    begin(observer, from);
    data::BatchReader reader(*splits_.train, static_cast<int>(options_.data_workers), training_plan());
    bool stopped = evaluation_due() && !evaluate(observer);
    while (!stopped) {
      observer.between_steps(*this);
      if (steps_done_ == total_steps_) {
        break;
      }
      stopped = observer.stop_requested();
      if (!stopped) {
        train_step(steps_done_, reader, observer);
        ++steps_done_;
        stopped = evaluation_due() && !evaluate(observer);
      }
    }
    result.outcome = stopped ? Outcome::interrupted : Outcome::finished;
  } catch (const NonFinite& cause) {
    result.outcome = Outcome::diverged;
    result.message = cause.what();
  }
  result.steps = steps_done_;
  result.evaluation = evaluation_;
  result.totals = totals_;
  return result;
}

}  // namespace precsim::nn
