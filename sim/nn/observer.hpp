// What a training run tells its caller while it runs; the library itself prints and stores nothing.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "formats/catalogue.hpp"
#include "sim/kernels/engine.hpp"
#include "sim/nn/roles.hpp"

namespace precsim::nn {

class StepProfile;
class Trainer;

class ExponentControllers;

/// The state of an exponent controller after one conversion; the last three count since the run began.
struct ControlReport {
  std::int64_t exponent;       ///< of this conversion
  std::int64_t next_exponent;  ///< of the next one
  formats::CodeCounts codes;   ///< of this conversion
  std::int64_t conversions = 0;
  std::int64_t overflows = 0;  ///< conversions with a code at the limit
  std::int64_t moves = 0;      ///< conversions under another exponent than the one before
};

/// One conversion of one tensor: what came in, what it became.
struct TensorReport {
  std::int64_t step;
  std::string_view layer;
  Role role;
  std::string_view use;  ///< the pass it was converted for, or "all"
  const formats::Conversion& conversion;
  std::span<const float> source;
  std::span<const float> converted;
  std::span<const std::int16_t> exponents;  ///< one per block; empty for formats without a shared scale
  std::uint64_t saturated;
  const ControlReport* control = nullptr;  ///< of formats that have controllers
};

/// One product call.
struct ProductReport {
  std::int64_t step;
  std::string_view layer;
  Pass pass;
  std::string semantics;      ///< name of the accumulator
  std::string_view operands;  ///< "integer", "scaled" (MX), "float", or "mixed": of two kinds, taken as FP32
  const kernels::Telemetry& telemetry;
};

/// One product call of a training step as it was made, with its result before the role `outputs` converts it. What it
/// looks into lives until the return.
struct CallReport {
  std::int64_t step;
  std::string_view layer;
  const kernels::ProductCall& call;
  const formats::Conversion& left;  ///< how the operands were converted; `mixed` ones are FP32 numbers in the call
  const formats::Conversion& right;
  std::span<const float> result;
  const kernels::Telemetry& telemetry;
};

struct StepReport {
  std::int64_t step, epoch;
  double learning_rate, loss, accuracy, loss_scale;
  bool skipped;
};

struct EvaluationReport {
  std::int64_t step, epoch, images, correct;
  double accuracy, loss;
  std::int64_t correct5 = 0;  ///< label among the five largest logits
  double accuracy5 = 0;
  std::int64_t classes = 0;
};

/// Called from the training thread only.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_tensor(const TensorReport&) {}
  virtual void on_product(const ProductReport&) {}
  /// After every product of every training step.
  virtual void on_call(const CallReport&) {}
  virtual void on_step(const StepReport&) {}
  /// After every batch of an evaluation: so many of its images are done.
  virtual void on_evaluation_batch(std::int64_t /*step*/, std::int64_t /*done*/, std::int64_t /*images*/) {}
  virtual void on_evaluation(const EvaluationReport&) {}
  /// Before the first step of a run() and after every step with the evaluation that belongs to it; trainer.state() is
  /// whole here, and only here and at the end of a run that did not diverge.
  virtual void between_steps(const Trainer&) {}
  /// Asked between steps and between the batches of an evaluation; true ends the run after what is recorded. An
  /// evaluation that is cut short leaves no trace, and is made when the run goes on.
  virtual bool stop_requested() { return false; }
};

/// A tensor held a NaN or an infinity where a run may not have one (numerics 8).
class NonFinite : public std::runtime_error {
 public:
  NonFinite(std::string layer, std::string what, std::int64_t step, bool skippable);
  /// True for errors and weight gradients, which dynamic loss scaling may answer by skipping the step.
  bool skippable() const { return skippable_; }

 private:
  bool skippable_;
};

/// Under Engine::check, two ways to one result gave different bits: names step, layer, pass, output or statistic and both values.
class BitsDiffer : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What layers need to know about the step they are in.
struct StepContext {
  std::int64_t step = 0;
  std::uint32_t seed = 0;
  bool training = true;
  bool recording = false;  ///< report tensors and full telemetry
  Observer* observer = nullptr;

  /// Counted over all product calls of the run, training and evaluation.
  struct Totals {
    std::uint64_t integer_macs = 0;
    std::uint64_t all_macs = 0;
    std::uint64_t overflow_events = 0;
    bool overflow_known = true;     ///< false once a native product was not proved
    std::uint64_t saved_bytes = 0;  ///< of role `saved`, over all training steps, as encoded
  };
  Totals* totals = nullptr;

  /// Of the network that the step belongs to; moved by the conversions of training.
  ExponentControllers* controllers = nullptr;

  StepProfile* profile = nullptr;                                       ///< null: times are not taken
  kernels::Engine engine = kernels::Engine::simulate;                   ///< of the products
  const kernels::TileKernel* kernel = nullptr;                          ///< null: the fastest
  std::pmr::memory_resource* memory = std::pmr::new_delete_resource();  ///< of tensors that live within the step

  /// The draws of one conversion: tensor "layer/role"; use numbers its distinct conversions, and evaluation has
  /// conversions of its own (use + 128).
  formats::RandomBits bits(std::string_view layer, std::string_view role, std::uint32_t use) const;
};

}  // namespace precsim::nn
