// Batch normalization, forward and backward.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/error.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/nn/elementwise_layers.hpp"
#include "sim/nn/product_layer.hpp"

namespace precsim::nn {
namespace {

constexpr double epsilon = 1e-5;
constexpr float running_rate = 0.1f;

class BatchNorm final : public Layer {
 public:
  BatchNorm(std::string name, std::int64_t channels)
      : Layer({.name = std::move(name), .saves = true}),
        channels_(channels),
        gamma_(Parameter::make("gamma", {channels}, Init::one)),
        beta_(Parameter::make("beta", {channels}, Init::zero)),
        running_mean_(static_cast<std::size_t>(channels), 0.0f),
        running_variance_(static_cast<std::size_t>(channels), 1.0f) {}

  std::string_view kind() const override { return "batch_norm"; }
  std::vector<Parameter*> parameters() override { return {&gamma_, &beta_}; }
  std::vector<Buffer> buffers() override {
    return {{"running_mean", &running_mean_, 0.0f}, {"running_variance", &running_variance_, 1.0f}};
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    if (inputs[0].c != channels_) {
      throw UserError(fmt::format("layer {}: expects {} channels, not {}", name(), channels_, to_string(inputs[0])));
    }
    return inputs[0];
  }

  Tensor forward(std::span<const StoredPtr> inputs, const StepContext& context) override {
    const Stored& x = *inputs[0];
    if (context.training) {
      take_batch_statistics(x);
    } else {
      take_running_statistics();
    }
    Tensor y(x.shape());
#pragma omp parallel for schedule(static) if (kernels::worth_threads(x.shape().size()))
    for (std::int64_t p = 0; p < x.shape().pixels(); ++p) {
      for (std::int64_t c = 0; c < channels_; ++c) {
        const auto i = static_cast<std::size_t>(p * channels_ + c);
        const auto ch = static_cast<std::size_t>(c);
        y.values[i] = x.values()[i] * scale_[ch] + shift_[ch];
      }
    }
    if (context.training) {
      input_ = save(inputs[0], context);
    }
    return y;
  }

  std::vector<Tensor> backward(Tensor gradient, const StepContext&) override {
    const std::vector<float>& x = input_->values();
    const std::int64_t pixels = gradient.shape.pixels();
    const auto at = [&](std::int64_t p, std::int64_t c) { return static_cast<std::size_t>(p * channels_ + c); };
    const auto xhat = [&](std::size_t i, std::int64_t c) {
      const auto ch = static_cast<std::size_t>(c);
      return (x[i] - mean_[ch]) * inv_std_[ch];
    };
    const std::vector<double> dbeta =
        channel_sums(pixels, channels_, [&](std::int64_t p, std::int64_t c) { return gradient.values[at(p, c)]; });
    const std::vector<double> dgamma = channel_sums(pixels, channels_, [&](std::int64_t p, std::int64_t c) {
      return gradient.values[at(p, c)] * xhat(at(p, c), c);
    });
    std::vector<float> mean_dy(dbeta.size());
    std::vector<float> mean_dy_xhat(dbeta.size());
    for (std::size_t c = 0; c < dbeta.size(); ++c) {
      beta_.gradient[c] = static_cast<float>(dbeta[c]);
      gamma_.gradient[c] = static_cast<float>(dgamma[c]);
      mean_dy[c] = static_cast<float>(dbeta[c] / static_cast<double>(pixels));
      mean_dy_xhat[c] = static_cast<float>(dgamma[c] / static_cast<double>(pixels));
    }
#pragma omp parallel for schedule(static) if (kernels::worth_threads(gradient.shape.size()))
    for (std::int64_t p = 0; p < pixels; ++p) {
      for (std::int64_t c = 0; c < channels_; ++c) {
        const auto ch = static_cast<std::size_t>(c);
        float& g = gradient.values[at(p, c)];
        g = scale_[ch] * ((g - mean_dy[ch]) - xhat(at(p, c), c) * mean_dy_xhat[ch]);
      }
    }
    std::vector<Tensor> gradients;
    gradients.push_back(std::move(gradient));
    input_.reset();
    return gradients;
  }

 private:
  void take_batch_statistics(const Stored& x) {
    const std::int64_t pixels = x.shape().pixels();
    const auto value = [&](std::int64_t p, std::int64_t c) {
      return x.values()[static_cast<std::size_t>(p * channels_ + c)];
    };
    const std::vector<double> sums = channel_sums(pixels, channels_, value);
    const std::vector<double> squares =
        channel_sums(pixels, channels_, [&](std::int64_t p, std::int64_t c) { return value(p, c) * value(p, c); });
    const auto count = static_cast<double>(pixels);
    resize();
    for (std::size_t c = 0; c < sums.size(); ++c) {
      const double mean = sums[c] / count;
      const double variance = std::max(0.0, squares[c] / count - mean * mean);
      set(c, static_cast<float>(mean), variance);
      const double unbiased = pixels > 1 ? variance * (count / (count - 1)) : variance;
      running_mean_[c] = running_mean_[c] + (static_cast<float>(mean) - running_mean_[c]) * running_rate;
      running_variance_[c] =
          running_variance_[c] + (static_cast<float>(unbiased) - running_variance_[c]) * running_rate;
    }
  }

  void take_running_statistics() {
    resize();
    for (std::size_t c = 0; c < mean_.size(); ++c) {
      set(c, running_mean_[c], static_cast<double>(running_variance_[c]));
    }
  }

  void resize() {
    for (std::vector<float>* v : {&mean_, &inv_std_, &scale_, &shift_}) {
      v->resize(static_cast<std::size_t>(channels_));
    }
  }

  void set(std::size_t c, float mean, double variance) {
    mean_[c] = mean;
    inv_std_[c] = static_cast<float>(1 / std::sqrt(variance + epsilon));
    scale_[c] = gamma_.values[c] * inv_std_[c];
    shift_[c] = beta_.values[c] - mean * scale_[c];
  }

  std::int64_t channels_;
  Parameter gamma_, beta_;
  std::vector<float> running_mean_, running_variance_;
  std::vector<float> mean_, inv_std_, scale_, shift_;
  StoredPtr input_;
};

}  // namespace

std::unique_ptr<Layer> batch_norm(std::string name, std::int64_t channels) {
  return std::make_unique<BatchNorm>(std::move(name), channels);
}

}  // namespace precsim::nn
