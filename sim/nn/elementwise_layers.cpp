// ReLU, flatten.
#include "sim/nn/elementwise_layers.hpp"

#include <algorithm>

#include "sim/kernels/elementwise.hpp"

namespace precsim::nn {
namespace {

class Rectified final : public Source {
 public:
  Rectified(SourcePtr x, const kernels::ElementwiseKernel& kernel) : x_(std::move(x)), kernel_(kernel) {}
  const Shape& shape() const override { return x_->shape(); }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override {
    kernel_.rectify(count * shape().c, x_->read(first, count, out), out);
    return out;
  }
  std::optional<Range> range() const override {
    const std::optional<Range> x = x_->range();
    return x ? std::optional(Range{std::max(x->min, 0.0f), std::max(x->max, 0.0f)}) : x;
  }

 private:
  SourcePtr x_;
  const kernels::ElementwiseKernel& kernel_;
};

/// The gradient where the output, as it is stored, is positive; else +0.
class Masked final : public Source {
 public:
  Masked(SourcePtr gradient, StoredPtr output, const kernels::ElementwiseKernel& kernel)
      : gradient_(std::move(gradient)), output_(std::move(output)), kernel_(kernel) {}
  const Shape& shape() const override { return gradient_->shape(); }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override {
    kernel_.mask(count * shape().c, read_masked(first, count, out), out);
    return out;
  }
  kernels::MaskedNumbers read_masked(std::int64_t first, std::int64_t count, float* out) const override {
    const float* const g = gradient_->read(first, count, out);
    const std::int64_t at = first * shape().c;
    return output_->codes.empty() ? kernels::MaskedNumbers{.numbers = g, .values = output_->values().data() + at}
                                  : kernels::MaskedNumbers{.numbers = g, .codes = output_->codes.data() + at};
  }

 private:
  SourcePtr gradient_;
  StoredPtr output_;
  const kernels::ElementwiseKernel& kernel_;
};

class Relu final : public Layer {
 public:
  explicit Relu(std::string name) : Layer({.name = std::move(name)}) {}
  std::string_view kind() const override { return "relu"; }
  Shape output_shape(std::span<const Shape> inputs) const override { return inputs[0]; }
  bool keeps_output() const override { return true; }

  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext& context) override {
    return std::make_shared<Rectified>(inputs[0], kernels::elementwise_kernel(context.kernel));
  }
  void keep_output(const StoredPtr& output) override { output_ = output; }
  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override {
    return {
        std::make_shared<Masked>(std::move(gradient), std::move(output_), kernels::elementwise_kernel(context.kernel))};
  }

 private:
  StoredPtr output_;
};

/// The same numbers in larger pixels.
class Reshaped final : public Source {
 public:
  Reshaped(SourcePtr x, const Shape& shape) : x_(std::move(x)), shape_(shape) {}
  const Shape& shape() const override { return shape_; }
  std::optional<Range> range() const override { return x_->range(); }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override {
    const std::int64_t c = x_->shape().c;
    return x_->read(first * shape_.c / c, count * shape_.c / c, out);
  }

 private:
  SourcePtr x_;
  Shape shape_;
};

class Flatten final : public Layer {
 public:
  explicit Flatten(std::string name) : Layer({.name = std::move(name)}) {}
  std::string_view kind() const override { return "flatten"; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    return {inputs[0].n, 1, 1, inputs[0].h * inputs[0].w * inputs[0].c};
  }
  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext&) override {
    input_shape_ = inputs[0]->shape();
    return std::make_shared<Reshaped>(inputs[0], output_shape(std::span(&input_shape_, 1)));
  }
  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override {
    Tensor whole = evaluate(*gradient, context.memory);
    whole.shape = input_shape_;
    return {std::make_shared<Stored>(std::move(whole))};
  }

 private:
  Shape input_shape_;
};

}  // namespace

std::unique_ptr<Layer> relu(std::string name) {
  return std::make_unique<Relu>(std::move(name));
}
std::unique_ptr<Layer> flatten(std::string name) {
  return std::make_unique<Flatten>(std::move(name));
}

}  // namespace precsim::nn
