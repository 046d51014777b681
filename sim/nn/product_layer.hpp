// Convolution and linear layers: the layers whose work is products.
#pragma once

#include <optional>
#include <string>

#include "sim/nn/layer.hpp"
#include "sim/nn/quantizer.hpp"

namespace precsim::nn {

struct Conv2dOptions {
  std::int64_t channels = 1;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t pad = 0;
  std::int64_t groups = 1;
  bool bias = true;
};

/// y = x * w + b. Input (n, h, w, ic), weight (oc, kh, kw, ic / groups), output (n, oh, ow, oc). The products of all
/// three passes follow the plan; the bias is one FP32 add after the last spill, and its gradient the sum of the
/// stored errors over pixels in the order of channel_sums(). Then the role `outputs` is applied.
class ProductLayer final : public Layer {
 public:
  static std::unique_ptr<Layer> conv2d(std::string name, std::int64_t in_channels, const Conv2dOptions& options);
  /// A linear layer over vectors (h = w = 1).
  static std::unique_ptr<Layer> linear(std::string name, std::int64_t in_features, std::int64_t out_features,
                                       bool bias = true);

  std::string_view kind() const override { return linear_ ? "linear" : "conv2d"; }
  Shape output_shape(std::span<const Shape> inputs) const override;
  bool takes_stored() const override { return true; }
  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext& context) override;
  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override;
  std::vector<Parameter*> parameters() override;
  std::int64_t macs(std::span<const Shape> inputs) const override;
  void configure(const LayerTraits& traits, const LayerPlan& plan) override;

  /// Of its three products, for an input of this shape. Raises UserError where that does not fit.
  kernels::ConvShape shape_for(const Shape& input) const;

  /// How the network stores this layer's input; empty where it is converted for each use.
  const std::optional<formats::Conversion>& input_storage() const { return once_[activations]; }
  const Quantizer& input_quantizer() const { return quantizers_[activations]; }

 private:
  enum Operand { weights, activations, errors };
  ProductLayer(std::string name, std::int64_t in_channels, const Conv2dOptions& options, bool linear);
  /// Fills the result of one pass, with telemetry reported and counted.
  void multiply(Pass pass, Operand left, const Stored& left_stored, Operand right, const Stored& right_stored,
                std::span<float> result, kernels::native::ChannelStatistics* statistics, const StepContext& context);

  Conv2dOptions options_;
  std::int64_t in_channels_;
  bool linear_;
  Parameter weight_, bias_;
  Quantizer quantizers_[3];
  std::optional<formats::Conversion> once_[3];  ///< the one conversion that serves every use, where there is one
  bool saved_once_ = true;                      ///< the weight gradient reads the input as stored
  kernels::ConvShape shape_;
  StoredPtr input_;
  Stored stored_weight_;
};

}  // namespace precsim::nn
