// The observer of a run: rows for the record, figures for the summary.
#pragma once

#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/record/record.hpp"
#include "sim/nn/observer.hpp"

namespace precsim::experiments {

/// Worst and mean SQNR of a role over all conversions reported (of roles that are no operands: all but those to FP32);
/// infinite ones (no noise) count only for the worst.
struct RoleSqnr {
  double worst = std::numeric_limits<double>::infinity();
  double sum = 0;
  std::int64_t finite = 0;
  std::int64_t conversions = 0;
  double mean() const { return finite == 0 ? worst : sum / static_cast<double>(finite); }
};

class RunRecorder final : public nn::Observer {
 public:
  struct Hooks {
    std::function<void(const nn::StepReport&)> on_step = {};
    std::function<void(std::int64_t step, std::int64_t done, std::int64_t images)> on_evaluation_batch = {};
    std::function<void(const nn::EvaluationReport&)> on_evaluation = {};
    std::function<void(const nn::Trainer&)> between_steps = {};
    std::function<bool()> stop_requested = {};
  };
  /// `record` may be null: then only the summary is kept.
  RunRecorder(record::Record* record, double flush_seconds, Hooks hooks);

  void on_tensor(const nn::TensorReport& report) override;
  void on_product(const nn::ProductReport& report) override;
  void on_step(const nn::StepReport& report) override;
  void on_evaluation_batch(std::int64_t step, std::int64_t done, std::int64_t images) override;
  void on_evaluation(const nn::EvaluationReport& report) override;
  void between_steps(const nn::Trainer& trainer) override;
  bool stop_requested() override;

  const std::array<RoleSqnr, nn::role_count>& sqnr() const { return sqnr_; }
  std::int64_t skipped_steps() const { return skipped_; }
  double last_loss() const { return last_loss_; }
  /// The best evaluation so far, of equal ones the first; step -1 if there was none.
  double best_accuracy() const { return best_accuracy_; }
  std::int64_t best_step() const { return best_step_; }

  /// The above, to be kept in a checkpoint; and the way back, which raises UserError naming `source` for a list that
  /// running_figures() does not give.
  record::AttributeList running_figures() const;
  void restore(const record::AttributeList& figures, std::string_view source);

 private:
  void flush_when_due();

  record::Record* record_;
  double flush_seconds_;
  Hooks hooks_;
  double last_flush_;
  std::array<RoleSqnr, nn::role_count> sqnr_;
  std::int64_t skipped_ = 0;
  double best_accuracy_ = 0;
  std::int64_t best_step_ = -1;
  double last_loss_ = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace precsim::experiments
