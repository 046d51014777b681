// The training loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/data/batch_reader.hpp"
#include "sim/data/dataset.hpp"
#include "sim/kernels/engine.hpp"
#include "sim/nn/network.hpp"
#include "sim/nn/observer.hpp"
#include "sim/nn/optimizer.hpp"
#include "sim/nn/step_profile.hpp"
#include "sim/nn/training_state.hpp"

namespace precsim::nn {

struct TrainingOptions {
  std::uint32_t seed = 1;
  std::int64_t epochs = 4;
  std::int64_t batch = 64;
  std::int64_t eval_batch = 250;
  std::int64_t max_steps = 0;      ///< 0: no limit
  std::int64_t stats_every = 100;  ///< steps between reports of tensors and full telemetry; 0: first and last only
  InitScheme init = InitScheme::he;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  LossScaleOptions loss_scale;
  kernels::Engine engine = kernels::Engine::simulate;  ///< of the products; bits do not depend on it
  const kernels::TileKernel* kernel = nullptr;         ///< null: the fastest; nor on it
  std::int64_t data_workers = 0;                       ///< threads that read ahead (see data::BatchReader); nor on them
  bool evaluate = true;                                ///< false: no evaluations; nor on them
  StepProfile* profile = nullptr;                      ///< of the steps; counts while the caller lets it run
};

enum class Outcome : std::uint8_t { finished, interrupted, diverged };

struct TrainingResult {
  Outcome outcome = Outcome::finished;
  std::string message;  ///< why it diverged
  std::int64_t steps = 0;
  EvaluationReport evaluation{};  ///< the last one
  StepContext::Totals totals;
};

/// Trains one network on one data set. A pure function of its arguments: bits do not depend on threads.
/// Each epoch visits a permutation of the training images (Fisher-Yates from the last element down, element i swapped
/// with floor(word_i * (i + 1) / 2^32), stream data order, step = epoch) in batches of `batch`; what is left over of an
/// epoch is not used. Evaluation after every epoch and at the end, over the whole test split in order.
class Trainer {
 public:
  /// Raises UserError for sizes that do not fit the data.
  Trainer(const TrainingOptions& options, Network& network, const data::Splits& splits);

  /// Trains from the initial weights, or goes on `from` the state of an earlier run of the same options, network and
  /// data: everything reported and computed from there on is the same, bit for bit, as without the interruption. Raises
  /// UserError for a state that such a run cannot have.
  TrainingResult run(Observer& observer, const TrainingState* from = nullptr);

  /// What run() goes on from; see Observer::between_steps for when it is whole.
  TrainingState state() const;
  std::int64_t steps_done() const { return steps_done_; }

  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  std::int64_t total_steps() const { return total_steps_; }

 private:
  void begin(Observer& observer, const TrainingState* from);
  void restore(const TrainingState& state);
  /// The batches from the next step to the last; those of an evaluation.
  data::BatchReader::Plan training_plan() const;
  data::BatchReader::Plan evaluation_plan() const;
  void train_step(std::int64_t step, data::BatchReader& reader, Observer& observer);
  void skip(const NonFinite& cause, StepReport& report);
  /// Whether the evaluation that belongs to the last step is still to be made: also of a run that was stopped in it.
  bool evaluation_due() const;
  /// False when the observer wants to stop; then nothing has changed.
  bool evaluate(Observer& observer);
  StepContext context(std::int64_t step, Observer& observer);
  std::vector<std::int64_t> epoch_order(std::int64_t epoch) const;

  TrainingOptions options_;
  Network& network_;
  data::Splits splits_;
  std::unique_ptr<Optimizer> optimizer_;
  LossScale loss_scale_;
  StepContext::Totals totals_;
  EvaluationReport evaluation_{};
  std::int64_t steps_done_ = 0;
  std::int64_t steps_per_epoch_ = 0;
  std::int64_t total_steps_ = 0;
};

}  // namespace precsim::nn
