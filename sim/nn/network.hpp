// A network: a graph of layers in execution order, with the plan of each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/nn/exponent_controllers.hpp"
#include "sim/nn/layer.hpp"
#include "sim/nn/lrn.hpp"
#include "sim/nn/pool.hpp"
#include "sim/nn/precision_plan.hpp"
#include "sim/nn/product_layer.hpp"
#include "sim/nn/step_memory.hpp"

namespace precsim::nn {

enum class InitScheme : std::uint8_t {
  he,      ///< N(0, 2 / fan_in), He et al. 2015: Box-Muller over the words of elements 2j and 2j+1
  glorot,  ///< U(-a, a), a = sqrt(6 / (fan_in + fan_out)), Glorot and Bengio 2010: one word per element
};
InitScheme parse_init(std::string_view text);

/// Collects the layers of a model in execution order; each call adds one and returns its index. Inputs default to the
/// layer before; input() is the images. Raises UserError where shapes do not fit or names repeat.
class NetworkBuilder {
 public:
  NetworkBuilder(const Shape& image, std::int64_t classes);
  static constexpr int previous = -1;

  int conv2d(std::string name, const Conv2dOptions& options, int input = previous);
  int linear(std::string name, std::int64_t features, int input = previous);
  int batch_norm(std::string name, int input = previous);
  int relu(std::string name, int input = previous);
  int max_pool(std::string name, const PoolOptions& options, int input = previous);
  int average_pool(std::string name, const PoolOptions& options, int input = previous);
  int global_average_pool(std::string name, int input = previous);
  int flatten(std::string name, int input = previous);
  int add(std::string name, int left, int right);
  int shortcut(std::string name, std::int64_t channels, std::int64_t stride, int input = previous);
  int lrn(std::string name, const LrnOptions& options, int input = previous);
  int dropout(std::string name, double rate, int input = previous);
  int concat(std::string name, std::vector<int> inputs);
  /// Makes the logits of a layer one more output in training, whose loss counts `loss_weight` times. The last layer
  /// added is the main output. Layers that lead to auxiliary outputs alone take no part in evaluation.
  void auxiliary_output(int layer, double loss_weight);
  std::int64_t classes() const { return classes_; }
  const Shape& image() const { return shapes_[0]; }

 private:
  friend class Network;
  int append(std::unique_ptr<Layer> layer, std::vector<int> inputs);
  const Shape& shape_of(int node) const;

  struct Node {
    std::unique_ptr<Layer> layer;
    std::vector<int> inputs;  ///< node indices; 0 is the images, node i is layer i - 1
  };
  std::int64_t classes_;
  struct Auxiliary {
    std::size_t node;
    double loss_weight;
  };
  std::vector<Shape> shapes_;  ///< per node, for one image
  std::vector<Node> nodes_;
  std::vector<Auxiliary> auxiliaries_;
};

/// A parameter in its place.
struct NamedParameter {
  Layer* layer;
  Parameter* parameter;
  std::string name() const { return layer->name() + "." + parameter->name; }
};

class Network {
 public:
  /// Resolves and checks the plan; raises UserError where it cannot be honored, and where two tensors would share a
  /// tensor id.
  Network(NetworkBuilder builder, const PrecisionPlan& plan, bool has_momentum);
  Network(Network&&) = default;
  Network& operator=(Network&&) = delete;  // layers would give tensors back to a memory that is gone

  /// Draws every weight (stream init, tensor "layer/weights"), zero biases, unit gammas; no momentum, fresh buffers.
  void initialize(InitScheme scheme, std::uint32_t seed);

  struct Auxiliary {
    std::string_view layer;
    double loss_weight;
    Tensor logits;
  };
  /// Logits (n, 1, 1, classes). `auxiliaries` takes those of auxiliary outputs, in the order in which they were made;
  /// in training it must be given where there are any.
  Tensor forward(Tensor images, const StepContext& context, std::vector<Auxiliary>* auxiliaries = nullptr);
  /// Fills all gradients; follows a forward() in training. One gradient per auxiliary output.
  void backward(Tensor gradient, const StepContext& context, std::vector<Tensor> auxiliary_gradients = {});
  /// Of the tensors whose formats have some; a step of this network needs them in its context, which forward() and
  /// backward() see to.
  ExponentControllers& controllers() { return controllers_; }
  const ExponentControllers& controllers() const { return controllers_; }
  /// Of the tensors of its steps.
  const StepMemory& memory() const { return *memory_; }

  /// Shapes for one image of what goes in and what comes out.
  const Shape& image() const { return shapes_.front(); }
  const Shape& output() const { return shapes_.back(); }

  std::vector<NamedParameter> parameters() const;
  std::int64_t parameter_count() const;
  /// 16 hex digits over every bit of parameters, momentum, buffers and exponent controllers.
  std::string state_hash() const;

  struct LayerRow {
    std::string name, kind;
    Shape output;  ///< for one image
    std::int64_t parameters, macs;
    const Layer* layer;
    bool training_only;  ///< leads to auxiliary outputs alone
  };
  std::vector<LayerRow> rows() const;
  /// The layers whose work is products, with the shape of these for mini-batches of `images`.
  struct ProductRow {
    const ProductLayer* layer;
    kernels::ConvShape shape;
  };
  std::vector<ProductRow> products(std::int64_t images) const;
  std::vector<Layer*> layers() const;

 private:
  struct Storage {
    formats::Conversion conversion;
    const Quantizer* quantizer;
  };
  void configure(const PrecisionPlan& plan, bool has_momentum);
  void plan_storage();
  void check_masks() const;
  void check_tensor_ids() const;
  void check_readers() const;
  void mark_training_only();
  void plan_memory();
  SourcePtr store(std::size_t node, SourcePtr source, const StepContext& context) const;
  SourcePtr sum(std::vector<SourcePtr> gradients, const StepContext& context) const;

  std::unique_ptr<StepMemory> memory_ =
      std::make_unique<StepMemory>();  ///< outlives the layers, which keep tensors in it
  ExponentControllers controllers_;
  std::vector<Shape> shapes_;
  std::vector<NetworkBuilder::Node> nodes_;
  std::vector<NetworkBuilder::Auxiliary> auxiliaries_;
  // Per node:
  std::vector<bool> training_only_;  ///< leads to auxiliary outputs alone
  std::vector<std::optional<Storage>> storage_;
  std::vector<bool> in_memory_;           ///< not computed anew by its reader
  std::vector<std::size_t> last_reader_;  ///< the last layer that reads it
};

}  // namespace precsim::nn
