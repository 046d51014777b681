// Batch normalization, forward and backward.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "formats/error.hpp"
#include "sim/kernels/elementwise.hpp"
#include "sim/nn/elementwise_layers.hpp"
#include "sim/nn/pixel_sums.hpp"

namespace precsim::nn {
namespace {

constexpr double epsilon = 1e-5;
constexpr float running_rate = 0.1f;

/// x * scale[c] + shift[c].
class Normalized final : public Source {
 public:
  Normalized(StoredPtr x, std::vector<float> scale, std::vector<float> shift, const kernels::ElementwiseKernel& kernel)
      : x_(std::move(x)), scale_(std::move(scale)), shift_(std::move(shift)), kernel_(kernel) {}
  const Shape& shape() const override { return x_->shape(); }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override {
    kernel_.affine({count, shape().c}, x_->read(first, count, out), scale_.data(), shift_.data(), out);
    return out;
  }
  /// Both operations are monotone as they round, so that extremes come from extremes.
  std::optional<Range> range() const override {
    if (!x_->range()) {
      return std::nullopt;
    }
    Range all{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
    bool finite = true;
    for (std::size_t c = 0; c < scale_.size(); ++c) {
      const float a = x_->statistics->min[c] * scale_[c] + shift_[c];
      const float b = x_->statistics->max[c] * scale_[c] + shift_[c];
      finite = finite && std::isfinite(a) && std::isfinite(b);
      all = {std::min({all.min, a, b}), std::max({all.max, a, b})};
    }
    return finite ? std::optional(all) : std::nullopt;
  }

 private:
  StoredPtr x_;
  std::vector<float> scale_, shift_;
  const kernels::ElementwiseKernel& kernel_;
};

/// The constants of one backward pass, by channel.
struct GradientTerms {
  std::vector<float> mean, inv_std, scale, mean_gradient, mean_product;
  std::vector<float> largest;  ///< magnitude of the gradient
  kernels::BatchNormTerms view() const {
    return {mean.data(), inv_std.data(), scale.data(), mean_gradient.data(), mean_product.data()};
  }
};

/// scale[c] * ((g - mean_gradient[c]) - xhat * mean_product[c]).
class NormalizedGradient final : public Source {
 public:
  NormalizedGradient(SourcePtr g, StoredPtr x, GradientTerms terms, const kernels::ElementwiseKernel& kernel)
      : g_(std::move(g)), x_(std::move(x)), terms_(std::move(terms)), kernel_(kernel) {}
  const Shape& shape() const override { return x_->shape(); }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override {
    RunScratch scratch(x_->codes.empty() ? 0 : count * shape().c);
    const float* const x = x_->read(first, count, scratch.data());
    kernel_.batch_norm_gradient({count, shape().c}, terms_.view(), x, g_->read_masked(first, count, out), out);
    return out;
  }
  /// The means are small beside the largest gradient, so that this alone nearly tells the largest result.
  std::optional<AbsmaxBounds> absmax_bounds() const override {
    if (!x_->range()) {
      return std::nullopt;
    }
    constexpr double slack = 1e-5;  // much more than the roundings of four operations
    constexpr double far_from_subnormal = 1e-30;
    constexpr double far_from_overflow = 1e30;
    double least = 0;
    double most = 0;
    for (std::size_t c = 0; c < terms_.scale.size(); ++c) {
      const auto xhat = [&](float x) { return std::abs((x - terms_.mean[c]) * terms_.inv_std[c]); };
      const double scale = static_cast<double>(std::abs(terms_.scale[c]));
      const double largest = static_cast<double>(terms_.largest[c]);
      const double rest = std::abs(static_cast<double>(terms_.mean_gradient[c])) +
                          static_cast<double>(std::max(xhat(x_->statistics->min[c]), xhat(x_->statistics->max[c]))) *
                              std::abs(static_cast<double>(terms_.mean_product[c]));
      const double all = scale * (largest + rest);
      if (!(all < far_from_overflow) || !(largest + rest < far_from_overflow)) {  // NaN neither
        return std::nullopt;
      }
      most = std::max(most, all * (1 + slack));
      least = std::max(least, scale * (largest - rest) - all * slack);
    }
    if (least < far_from_subnormal) {
      return std::nullopt;
    }
    return AbsmaxBounds{static_cast<float>(least), static_cast<float>(most)};
  }

 private:
  SourcePtr g_;
  StoredPtr x_;
  GradientTerms terms_;
  const kernels::ElementwiseKernel& kernel_;
};

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

  bool takes_stored() const override { return true; }

  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext& context) override {
    auto x = std::dynamic_pointer_cast<const Stored>(inputs[0]);
    PRECSIM_CHECK(x != nullptr, name());
    if (context.training) {
      take_batch_statistics(*x, context);
    } else {
      take_running_statistics();
    }
    if (context.training) {
      input_ = save(x, context);
    }
    return std::make_shared<Normalized>(std::move(x), scale_, shift_, kernels::elementwise_kernel(context.kernel));
  }

  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override {
    const kernels::ElementwiseKernel& kernel = kernels::elementwise_kernel(context.kernel);
    GradientTerms terms{mean_, inv_std_, scale_, {}, {}, {}};
    auto [sums, products, largest] = gradient_sums(*gradient, terms.view(), kernel);
    terms.largest = std::move(largest);
    const auto pixels = static_cast<double>(gradient->shape().pixels());
    for (std::size_t c = 0; c < sums.size(); ++c) {
      beta_.gradient[c] = static_cast<float>(sums[c]);
      gamma_.gradient[c] = static_cast<float>(products[c]);
      terms.mean_gradient.push_back(static_cast<float>(sums[c] / pixels));
      terms.mean_product.push_back(static_cast<float>(products[c] / pixels));
    }
    return {std::make_shared<NormalizedGradient>(std::move(gradient), std::move(input_), std::move(terms), kernel)};
  }

 private:
  struct GradientSums {
    std::vector<double> sums, products;
    std::vector<float> largest;
  };
  /// Of g and of g * xhat, and the largest |g|.
  GradientSums gradient_sums(const Source& gradient, const kernels::BatchNormTerms& terms,
                             const kernels::ElementwiseKernel& kernel) const {
    BlockSums<3> sums(gradient.shape());
    sums.add([&](std::int64_t first, std::int64_t count, float* room, const std::array<float*, 3>& to) {
      RunScratch scratch(input_->codes.empty() ? 0 : count * channels_);
      const float* const x = input_->read(first, count, scratch.data());
      kernel.gradient_sums({count, channels_}, terms, x, gradient.read_masked(first, count, room), to[0], to[1], to[2]);
    });
    return {sums.joined(0), sums.joined(1), sums.largest(2)};
  }

  void take_batch_statistics(const Stored& x, const StepContext& context) {
    const std::int64_t pixels = x.shape().pixels();
    const kernels::native::ChannelStatistics own =
        x.statistics == nullptr ? channel_statistics(x, context.kernel) : kernels::native::ChannelStatistics{};
    const kernels::native::ChannelStatistics& all = x.statistics == nullptr ? own : *x.statistics;
    const auto count = static_cast<double>(pixels);
    resize();
    for (std::size_t c = 0; c < all.sums.size(); ++c) {
      const double mean = all.sums[c] / count;
      const double variance = std::max(0.0, all.squares[c] / count - mean * mean);
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
