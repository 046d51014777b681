// Local response normalization, forward and backward.
#include "sim/nn/lrn.hpp"

#include <fmt/format.h>

#include <cmath>

#include "formats/error.hpp"
#include "sim/nn/vectorized.hpp"

namespace precsim::nn {
namespace {

/// One pixel's channels with room for the zeros around them.
class Pixel {
 public:
  Pixel(const LrnOptions& options, std::int64_t channels)
      : options_(options),
        channels_(channels),
        half_(options.size / 2),
        scratch_(static_cast<std::size_t>(4 * channels + 2 * half_)),
        padded_(scratch_.data()),
        sums_(padded_ + channels + 2 * half_),
        bases_(sums_ + channels),
        factors_(bases_ + channels) {}
  Pixel(const Pixel&) = delete;
  Pixel& operator=(const Pixel&) = delete;

  /// Where the terms of sum() go, one per channel.
  PRECSIM_IN_VECTORIZED float* terms() { return padded_ + half_; }
  PRECSIM_IN_VECTORIZED const float* bases() const { return bases_; }
  PRECSIM_IN_VECTORIZED const float* factors() const { return factors_; }

  PRECSIM_IN_VECTORIZED const float* sum() {
    float* sums = sums_;
    for (std::int64_t c = 0; c < channels_; ++c) {
      sums[c] = 0;
    }
    for (std::int64_t shift = 0; shift < options_.size; ++shift) {
      const float* terms = padded_ + shift;
#pragma omp simd
      for (std::int64_t c = 0; c < channels_; ++c) {
        sums[c] += terms[c];
      }
    }
    return sums;
  }

  PRECSIM_IN_VECTORIZED void take(const float* x) {
    float* squares = terms();
    for (std::int64_t c = 0; c < channels_; ++c) {
      squares[c] = x[c] * x[c];
    }
    const float* sums = sum();
    float* bases = bases_;
    float* factors = factors_;
    const float alpha = options_.alpha / static_cast<float>(options_.size);
    const float k = options_.k;
#pragma omp simd
    for (std::int64_t c = 0; c < channels_; ++c) {
      bases[c] = k + alpha * sums[c];
      const float root = std::sqrt(bases[c]);
      factors[c] = 1.0f / (root * std::sqrt(root));
    }
  }

 private:
  LrnOptions options_;
  std::int64_t channels_, half_;
  std::vector<float> scratch_;
  float *padded_, *sums_, *bases_, *factors_;
};

class Lrn final : public Layer {
 public:
  Lrn(std::string name, const LrnOptions& options)
      : Layer({.name = std::move(name), .saves = true}), options_(options) {}
  std::string_view kind() const override { return "lrn"; }
  Shape output_shape(std::span<const Shape> inputs) const override { return inputs[0]; }

  bool takes_stored() const override { return true; }

  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext& context) override {
    const auto x = std::dynamic_pointer_cast<const Stored>(inputs[0]);
    PRECSIM_CHECK(x != nullptr, name());
    Tensor y(x->shape(), context.memory);
    for_runs(y.shape, [&](std::int64_t first, std::int64_t count) {
      RunScratch scratch(count * y.shape.c);
      lrn_run(options_, x->read(first, count, scratch.data()), count, y.shape.c, y.values.data() + first * y.shape.c);
    });
    input_ = context.training ? save(x, context) : nullptr;
    return std::make_shared<Stored>(std::move(y));
  }
  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override {
    Tensor dx(gradient->shape(), context.memory);
    for_runs(dx.shape, [&](std::int64_t first, std::int64_t count) {
      float* const run = dx.values.data() + first * dx.shape.c;
      RunScratch scratch(count * dx.shape.c);
      const float* const x = input_->read(first, count, scratch.data());
      lrn_gradient_run(options_, x, gradient->read(first, count, run), count, dx.shape.c, run);
    });
    input_.reset();
    return {std::make_shared<Stored>(std::move(dx))};
  }

 private:
  LrnOptions options_;
  StoredPtr input_;
};

}  // namespace

void lrn_run(const LrnOptions& options, const float* x, std::int64_t pixels, std::int64_t channels, float* y) {
  Pixel pixel(options, channels);
  vectorized([=, &pixel]() PRECSIM_IN_VECTORIZED {
    for (std::int64_t i = 0; i < pixels * channels; i += channels) {
      pixel.take(x + i);
      const float* factors = pixel.factors();
      for (std::int64_t c = 0; c < channels; ++c) {
        y[i + c] = x[i + c] * factors[c];
      }
    }
  });
}

void lrn_gradient_run(const LrnOptions& options, const float* x, const float* dy, std::int64_t pixels,
                      std::int64_t channels, float* dx) {
  Pixel pixel(options, channels);
  const float slope = 1.5f * (options.alpha / static_cast<float>(options.size));
  vectorized([=, &pixel]() PRECSIM_IN_VECTORIZED {
    for (std::int64_t i = 0; i < pixels * channels; i += channels) {
      pixel.take(x + i);
      const float* factors = pixel.factors();
      const float* bases = pixel.bases();
      float* terms = pixel.terms();
      for (std::int64_t c = 0; c < channels; ++c) {
        terms[c] = (dy[i + c] * (x[i + c] * factors[c])) / bases[c];
      }
      const float* sums = pixel.sum();
      for (std::int64_t c = 0; c < channels; ++c) {
        dx[i + c] = dy[i + c] * factors[c] - (slope * x[i + c]) * sums[c];
      }
    }
  });
}

std::unique_ptr<Layer> lrn(std::string name, const LrnOptions& options) {
  if (options.size < 1 || options.size % 2 == 0) {
    throw UserError(
        fmt::format("layer {}: the channels of a window must be an odd number, not {}", name, options.size));
  }
  return std::make_unique<Lrn>(std::move(name), options);
}

}  // namespace precsim::nn
