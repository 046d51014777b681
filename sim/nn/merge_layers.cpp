// Residual add, shortcut, concatenation.
#include "sim/nn/merge_layers.hpp"

#include <fmt/format.h>

#include "formats/error.hpp"
#include "sim/nn/pixel_runs.hpp"

namespace precsim::nn {
namespace {

class Add final : public Layer {
 public:
  explicit Add(std::string name) : Layer({.name = std::move(name)}) {}
  std::string_view kind() const override { return "add"; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    if (inputs[0] != inputs[1]) {
      throw UserError(
          fmt::format("layer {}: cannot add {} and {}", name(), to_string(inputs[0]), to_string(inputs[1])));
    }
    return inputs[0];
  }
  Tensor forward(std::span<const StoredPtr> inputs, const StepContext&) override {
    Tensor y(inputs[0]->shape());
    for_pixel_runs(y.shape, [&](std::int64_t first, std::int64_t count) {
      const std::int64_t at = first * y.shape.c;
      add_run(inputs[0]->values().data() + at, inputs[1]->values().data() + at, y.values.data() + at,
              count * y.shape.c);
    });
    return y;
  }
  std::vector<Tensor> backward(Tensor gradient, const StepContext&) override {
    std::vector<Tensor> gradients{gradient};
    gradients.push_back(std::move(gradient));
    return gradients;
  }
};

class Shortcut final : public Layer {
 public:
  Shortcut(std::string name, std::int64_t channels, std::int64_t stride)
      : Layer({.name = std::move(name)}), channels_(channels), stride_(stride) {}
  std::string_view kind() const override { return "shortcut"; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& x = inputs[0];
    if (x.c > channels_) {
      throw UserError(fmt::format("layer {}: cannot pad {} to {} channels", name(), to_string(x), channels_));
    }
    return {x.n, (x.h + stride_ - 1) / stride_, (x.w + stride_ - 1) / stride_, channels_};
  }

  Tensor forward(std::span<const StoredPtr> inputs, const StepContext&) override {
    in_ = inputs[0]->shape();
    Tensor y(output_shape(std::span(&in_, 1)));
    for_pixel_runs(y.shape, [&](std::int64_t first, std::int64_t count) {
      for (std::int64_t p = first; p < first + count; ++p) {
        const float* x = inputs[0]->values().data() + source_pixel(y.shape, p) * in_.c;
        std::copy_n(x, in_.c, y.values.data() + p * channels_);
      }
    });
    return y;
  }
  std::vector<Tensor> backward(Tensor gradient, const StepContext&) override {
    std::vector<Tensor> gradients;
    gradients.emplace_back(in_);
    for_pixel_runs(gradient.shape, [&](std::int64_t first, std::int64_t count) {
      for (std::int64_t p = first; p < first + count; ++p) {
        float* dx = gradients[0].values.data() + source_pixel(gradient.shape, p) * in_.c;
        std::copy_n(gradient.values.data() + p * channels_, in_.c, dx);
      }
    });
    return gradients;
  }

 private:
  /// The pixel of the input that output pixel p shows.
  std::int64_t source_pixel(const Shape& out, std::int64_t p) const {
    const std::int64_t row = p / out.w;
    return (row / out.h * in_.h + row % out.h * stride_) * in_.w + p % out.w * stride_;
  }

  std::int64_t channels_, stride_;
  Shape in_;
};

class Concat final : public Layer {
 public:
  explicit Concat(std::string name) : Layer({.name = std::move(name)}) {}
  std::string_view kind() const override { return "concat"; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    Shape y = inputs[0];
    for (const Shape& x : inputs.subspan(1)) {
      if (x.n != y.n || x.h != y.h || x.w != y.w) {
        throw UserError(
            fmt::format("layer {}: cannot put {} and {} side by side", name(), to_string(inputs[0]), to_string(x)));
      }
      y.c += x.c;
    }
    return y;
  }
  Tensor forward(std::span<const StoredPtr> inputs, const StepContext&) override {
    inputs_.clear();
    for (const StoredPtr& input : inputs) {
      inputs_.push_back(input->shape());
    }
    Tensor y(output_shape(inputs_));
    std::int64_t at = 0;
    for (const StoredPtr& input : inputs) {
      const std::int64_t c = input->shape().c;
      for_pixel_runs(input->shape(), [&](std::int64_t first, std::int64_t count) {
        copy_channels_run(input->values().data() + first * c, y.values.data() + first * y.shape.c, count,
                          {c, 0, y.shape.c, at, c});
      });
      at += c;
    }
    return y;
  }
  std::vector<Tensor> backward(Tensor gradient, const StepContext&) override {
    std::vector<Tensor> gradients;
    std::int64_t at = 0;
    for (const Shape& input : inputs_) {
      Tensor& dx = gradients.emplace_back(input);
      for_pixel_runs(input, [&](std::int64_t first, std::int64_t count) {
        copy_channels_run(gradient.values.data() + first * gradient.shape.c, dx.values.data() + first * input.c, count,
                          {gradient.shape.c, at, input.c, 0, input.c});
      });
      at += input.c;
    }
    return gradients;
  }

 private:
  std::vector<Shape> inputs_;
};

}  // namespace

void add_run(const float* a, const float* b, float* y, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = a[i] + b[i];
  }
}

void copy_channels_run(const float* source, float* target, std::int64_t pixels, const ChannelWindow& window) {
  for (std::int64_t p = 0; p < pixels; ++p) {
    std::copy_n(source + p * window.source_channels + window.first, window.channels,
                target + p * window.target_channels + window.at);
  }
}

std::unique_ptr<Layer> add(std::string name) {
  return std::make_unique<Add>(std::move(name));
}
std::unique_ptr<Layer> shortcut(std::string name, std::int64_t channels, std::int64_t stride) {
  if (stride < 1) {
    throw UserError(fmt::format("layer {}: the stride must be at least 1 pixel, not {}", name, stride));
  }
  return std::make_unique<Shortcut>(std::move(name), channels, stride);
}
std::unique_ptr<Layer> concat(std::string name) {
  return std::make_unique<Concat>(std::move(name));
}

}  // namespace precsim::nn
