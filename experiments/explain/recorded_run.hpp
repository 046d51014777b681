// A recorded run, opened to be computed again: its configuration, its data, its network, and what it says of products.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/checkpoint/checkpoint.hpp"
#include "experiments/config/config.hpp"
#include "experiments/record/header.hpp"
#include "sim/nn/trainer.hpp"

namespace precsim::explain {

/// What the record has of one product call: a row of /products, and of /telemetry if there is one.
struct ProductRecord {
  std::int64_t step = 0;
  std::string layer, pass, semantics, operands;
  std::int64_t chain_length = 0;
  bool proved = false;
  bool measured = false;  ///< simulated; else nothing below is known
  std::uint64_t overflow_events = 0, overflow_outputs = 0;
  std::int64_t first_output = -1, first_k = -1;
};

class RecordedRun {
 public:
  /// `sets`: "KEY=VALUE" of the keys that a computation again may choose: data.path, data.workers, run.engine,
  /// run.kernel and run.threads. The engine is native unless given, the path of the data the recorded one. The record
  /// is only read; rows that are still in a journal are not seen. Raises UserError for files that are no record of this
  /// program's versions, and where the data is not there or not that of the run.
  RecordedRun(const std::filesystem::path& file, const std::vector<std::string>& sets);

  const std::filesystem::path& file() const { return file_; }
  const config::Config& config() const { return config_; }
  const std::vector<ProductRecord>& products() const { return products_; }
  /// The row of this product at this step, or null.
  const ProductRecord* product(std::string_view layer, kernels::Pass pass, std::int64_t step) const;

  /// The layers that have products, with their shapes for the run's batches. Raises UserError naming them for another
  /// layer, and where nothing needs the layer's input gradient.
  const std::vector<nn::Network::ProductRow>& layers() const { return layers_; }
  const nn::Network::ProductRow& layer(std::string_view name) const;
  const nn::Network::ProductRow& layer(std::string_view name, kernels::Pass pass) const;

  /// Of all that the configuration plans; those of the record; and whether they ended in a divergence, in step
  /// steps_done().
  std::int64_t total_steps() const { return trainer_->total_steps(); }
  std::int64_t steps_done() const { return steps_done_; }
  bool diverged() const { return diverged_; }
  /// Raises UserError with the steps there are.
  void check_step(std::int64_t step) const;

  /// The latest of the checkpoints beside the record that is not after `step`; none: the beginning. UserError for one
  /// that is damaged or of another run.
  struct Start {
    std::filesystem::path file;
    checkpoint::Checkpoint checkpoint;
  };
  std::optional<Start> nearest_checkpoint(std::int64_t step) const;

  nn::Trainer& trainer() { return *trainer_; }

 private:
  void read_tables();

  std::filesystem::path file_;
  record::RecordHeader header_;
  config::Config config_;
  data::Splits splits_;
  std::unique_ptr<nn::Network> network_;
  std::unique_ptr<nn::Trainer> trainer_;
  record::AttributeList identity_;
  std::vector<nn::Network::ProductRow> layers_;
  std::vector<ProductRecord> products_;
  std::int64_t steps_done_ = 0;
  bool diverged_ = false;
};

}  // namespace precsim::explain
