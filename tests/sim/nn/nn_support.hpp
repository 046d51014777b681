// What the tests of training share: a data set in memory, an observer that keeps everything, small networks, runs.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/nn/network.hpp"
#include "sim/nn/trainer.hpp"
#include "tests/support/sample.hpp"

namespace precsim::nn {

/// Image i is noise with one brighter row that tells its class, i mod classes.
class Pictures final : public data::Dataset {
 public:
  Pictures(std::int64_t size, data::ImageShape shape, int classes) : size_(size), shape_(shape), classes_(classes) {}
  data::ImageShape shape() const override { return shape_; }
  int classes() const override { return classes_; }
  std::int64_t size() const override { return size_; }
  std::string checksum() const override { return "0000000000000000"; }
  void read(std::span<const std::int64_t> indices, std::uint32_t epoch, std::span<float> images,
            std::span<std::int32_t> labels) const override {
    batches_.push_back({epoch, {indices.begin(), indices.end()}});
    const std::int64_t row = std::int64_t{shape_.width} * shape_.channels;
    for (std::size_t j = 0; j < indices.size(); ++j) {
      labels[j] = static_cast<std::int32_t>(indices[j] % classes_);
      support::Sample sample(static_cast<std::uint64_t>(indices[j]) + 1);
      for (std::int64_t i = 0; i < shape_.pixels(); ++i) {
        const float noise = static_cast<float>(sample.word()) * 0x1p-32f - 0.5f;
        images[j * static_cast<std::size_t>(shape_.pixels()) + static_cast<std::size_t>(i)] =
            noise + (i / row == labels[j] % shape_.height ? 1.0f : 0.0f);
      }
    }
  }

  struct Batch {
    std::uint32_t epoch;
    std::vector<std::int64_t> indices;
  };
  const std::vector<Batch>& batches() const { return batches_; }

 private:
  std::int64_t size_;
  data::ImageShape shape_;
  int classes_;
  mutable std::vector<Batch> batches_;
};

inline data::Splits pictures(std::int64_t train = 32, data::ImageShape shape = {8, 8, 2}, int classes = 5) {
  return {std::make_shared<Pictures>(train, shape, classes), std::make_shared<Pictures>(10, shape, classes)};
}

/// The first images of the drawn digits.
inline data::Splits glyphs(std::int64_t train, std::int64_t test) {
  data::DatasetOptions options;
  options.train_size = train;
  options.test_size = test;
  return data::open_dataset(options);
}

/// Copies of everything that is reported.
class Recorder final : public Observer {
 public:
  struct TensorRow {
    std::int64_t step;
    std::string layer, use, conversion;
    Role role;
    std::vector<float> source, converted;
    std::vector<std::int16_t> exponents;
  };
  struct ProductRow {
    std::int64_t step;
    std::string layer, semantics, operands;
    Pass pass;
    kernels::Telemetry telemetry;
  };

  void on_tensor(const TensorReport& r) override {
    tensors.push_back({r.step,
                       std::string(r.layer),
                       std::string(r.use),
                       r.conversion.name(),
                       r.role,
                       {r.source.begin(), r.source.end()},
                       {r.converted.begin(), r.converted.end()},
                       {r.exponents.begin(), r.exponents.end()}});
  }
  void on_product(const ProductReport& r) override {
    products.push_back({r.step, std::string(r.layer), r.semantics, std::string(r.operands), r.pass, r.telemetry});
  }
  void on_step(const StepReport& r) override { steps.push_back(r); }
  void on_evaluation(const EvaluationReport& r) override { evaluations.push_back(r); }
  void on_evaluation_batch(std::int64_t, std::int64_t done, std::int64_t) override { evaluated.push_back(done); }
  bool stop_requested() override {
    return (stop_after >= 0 && std::ssize(steps) >= stop_after) ||
           (stop_after_batches >= 0 && std::ssize(evaluated) >= stop_after_batches);
  }

  /// The reports of one tensor in one step, in order.
  std::vector<const TensorRow*> of(std::string_view layer, Role role, std::int64_t step = 0) const {
    std::vector<const TensorRow*> rows;
    for (const TensorRow& row : tensors) {
      if (row.layer == layer && row.role == role && row.step == step) {
        rows.push_back(&row);
      }
    }
    return rows;
  }

  std::vector<TensorRow> tensors;
  std::vector<ProductRow> products;
  std::vector<StepReport> steps;
  std::vector<EvaluationReport> evaluations;
  std::vector<std::int64_t> evaluated;
  std::int64_t stop_after = -1;          ///< steps
  std::int64_t stop_after_batches = -1;  ///< of evaluation
};

inline std::vector<float> vector_of(std::span<const float> values) {
  return {values.begin(), values.end()};
}
inline SourcePtr source_of(Tensor tensor) {
  return std::make_shared<Stored>(std::move(tensor));
}

inline std::vector<std::uint32_t> bits_of(std::span<const float> values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) {
    bits.push_back(std::bit_cast<std::uint32_t>(value));
  }
  return bits;
}

using Settings = std::vector<std::pair<std::string, std::string>>;
inline PrecisionPlan plan_with(const Settings& settings, std::string_view base = "fp32") {
  PrecisionPlan plan(base);
  for (const auto& [key, value] : settings) {
    plan.set(key, value);
  }
  return plan;
}

/// Two convolutions and a classifier on pictures(); every kind of consumer of a stored tensor.
inline NetworkBuilder small_model() {
  NetworkBuilder net({1, 8, 8, 2}, 5);
  net.conv2d("conv1", {.channels = 4, .kernel = 3, .pad = 1});
  net.relu("relu1");
  net.max_pool("pool1", {.size = 2, .stride = 2});
  net.conv2d("conv2", {.channels = 6, .kernel = 3});
  net.flatten("flatten");
  net.relu("relu2");
  net.linear("fc", net.classes());
  return net;
}
inline NetworkBuilder normalized_model() {
  NetworkBuilder net({1, 8, 8, 2}, 5);
  net.conv2d("conv1", {.channels = 4, .kernel = 3, .pad = 1, .bias = false});
  net.batch_norm("bn1");
  net.relu("relu1");
  net.conv2d("conv2", {.channels = 6, .kernel = 3, .stride = 2, .bias = false});
  net.batch_norm("bn2");
  net.relu("relu2");
  net.global_average_pool("pool");
  net.linear("fc", net.classes());
  return net;
}

inline TrainingOptions few_steps(std::int64_t steps = 1) {
  TrainingOptions options;
  options.batch = 8;
  options.eval_batch = 4;
  options.max_steps = steps;
  options.stats_every = 1;
  return options;
}

/// A finished run: what it reported and what the network then held.
struct Trained {
  TrainingResult result;
  Recorder recorder;
  std::string hash;
  std::map<std::string, std::vector<float>> values, gradients, momenta;
};
inline void keep_state(const Network& network, Trained& run) {
  run.hash = network.state_hash();
  for (const NamedParameter& p : network.parameters()) {
    run.values[p.name()] = p.parameter->values;
    run.gradients[p.name()] = p.parameter->gradient;
    run.momenta[p.name()] = p.parameter->momentum;
  }
}
inline Trained train(NetworkBuilder model, const PrecisionPlan& plan, const TrainingOptions& options,
                     const data::Splits& splits = pictures(), std::int64_t stop_after = -1) {
  Trained run;
  run.recorder.stop_after = stop_after;
  Network network(std::move(model), plan, options.optimizer.momentum != 0);
  run.result = Trainer(options, network, splits).run(run.recorder);
  keep_state(network, run);
  return run;
}

}  // namespace precsim::nn
