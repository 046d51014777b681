// The interface of a layer: forward, backward, parameters, state.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/nn/observer.hpp"
#include "sim/nn/precision_plan.hpp"
#include "sim/nn/source.hpp"

namespace precsim::nn {

enum class Init : std::uint8_t { zero, one, weight };

/// What the optimizer sees: master values, their gradient, and the buffers it keeps for them.
struct Parameter {
  std::string name;  ///< "weight", "bias", ...
  std::vector<std::int64_t> dimensions;
  Init init = Init::zero;
  std::int64_t fan_in = 0, fan_out = 0;  ///< of weights
  std::vector<float> values;
  std::vector<float> gradient;
  std::vector<float> momentum;
  bool weight = false;  ///< decays, and takes the optimizer roles of the plan; biases and batch norm do neither

  static Parameter make(std::string name, std::vector<std::int64_t> dimensions, Init init);
};

/// Named tensors beside the parameters that belong to a network's state (running statistics).
struct Buffer {
  std::string name;
  std::vector<float>* values;
  float initial;
};

/// One layer. forward() keeps what backward() needs; backward() is called at most once after each forward() in
/// training, takes the gradient of the output, fills the gradients of the parameters, and returns the gradients of
/// the inputs (null: none). Shapes are those of the whole mini-batch. What is returned may be computed when it is
/// read; it then holds on to what it reads.
class Layer {
 public:
  virtual ~Layer() = default;
  /// "conv2d", "relu", ...
  virtual std::string_view kind() const = 0;
  /// Output shape for these inputs; raises UserError naming the layer where they do not fit.
  virtual Shape output_shape(std::span<const Shape> inputs) const = 0;
  virtual SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext& context) = 0;
  virtual std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) = 0;
  /// True where forward() takes inputs in memory only: Stored.
  virtual bool takes_stored() const { return false; }
  /// True where the output is put into memory, and backward() reads it as it is stored.
  virtual bool keeps_output() const { return false; }
  /// In training, after each forward() of a layer that does.
  virtual void keep_output(const StoredPtr&) {}

  virtual std::vector<Parameter*> parameters() { return {}; }
  virtual std::vector<Buffer> buffers() { return {}; }
  /// Multiply-accumulates of one forward pass over inputs of this shape.
  virtual std::int64_t macs(std::span<const Shape>) const { return 0; }

  const std::string& name() const { return traits_.name; }
  const LayerTraits& traits() const { return traits_; }
  const LayerPlan& plan() const { return plan_; }
  /// Called once, after the network knows the layer's place in it.
  virtual void configure(const LayerTraits& traits, const LayerPlan& plan) {
    traits_ = traits;
    plan_ = plan;
  }

 protected:
  explicit Layer(LayerTraits traits) : traits_(std::move(traits)) {}

  /// What backward() will read of a forward tensor: role `saved` of the plan, or what is stored.
  StoredPtr save(const StoredPtr& stored, const StepContext& context) const;

 private:
  LayerTraits traits_;
  LayerPlan plan_;
};

}  // namespace precsim::nn
