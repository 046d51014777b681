// Convolution and linear layers: the layers whose work is products.
#pragma once

#include <optional>
#include <string>

#include "sim/kernels/native/epilogue.hpp"
#include "sim/kernels/threads.hpp"
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
  Tensor forward(std::span<const StoredPtr> inputs, const StepContext& context) override;
  std::vector<Tensor> backward(Tensor gradient, const StepContext& context) override;
  std::vector<Parameter*> parameters() override;
  std::int64_t macs(std::span<const Shape> inputs) const override;
  void configure(const LayerTraits& traits, const LayerPlan& plan) override;

  /// How the network stores this layer's input; empty where it is converted for each use.
  const std::optional<formats::Conversion>& input_storage() const { return once_[activations]; }
  const Quantizer& input_quantizer() const { return quantizers_[activations]; }

 private:
  enum Operand { weights, activations, errors };
  ProductLayer(std::string name, std::int64_t in_channels, const Conv2dOptions& options, bool linear);
  kernels::ConvShape shape_for(const Shape& input) const;
  /// Result of one pass, with telemetry reported and counted.
  std::vector<float> multiply(Pass pass, Operand left, const Stored& left_stored, Operand right,
                              const Stored& right_stored, const StepContext& context);

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

/// Sums over pixels per channel, in the order of every such sum (numerics 6) and of ChannelStatistics.
/// term(pixel, channel) is the FP32 summand.
template <class Term>
std::vector<double> channel_sums(std::int64_t pixels, std::int64_t channels, Term term) {
  std::vector<double> sums(static_cast<std::size_t>(channels));
#pragma omp parallel for schedule(static) if (kernels::worth_threads(pixels * channels))
  for (std::int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (std::int64_t first = 0; first < pixels; first += kernels::native::pixels_per_block) {
      const std::int64_t last =
          first + kernels::native::pixels_per_block < pixels ? first + kernels::native::pixels_per_block : pixels;
      float partial = 0;
      for (std::int64_t p = first; p < last; ++p) {
        partial += term(p, c);
      }
      sum += static_cast<double>(partial);
    }
    sums[static_cast<std::size_t>(c)] = sum;
  }
  return sums;
}

}  // namespace precsim::nn
