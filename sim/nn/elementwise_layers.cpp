// ReLU, pooling, flatten.
#include "sim/nn/elementwise_layers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "formats/error.hpp"
#include "sim/kernels/elementwise.hpp"
#include "sim/kernels/threads.hpp"

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
    const float* const g = gradient_->read(first, count, out);
    const std::int64_t at = first * shape().c;
    if (output_->codes.empty()) {
      kernel_.mask_by_values(count * shape().c, output_->values().data() + at, g, out);
    } else {
      kernel_.mask_by_codes(count * shape().c, output_->codes.data() + at, g, out);
    }
    return out;
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

/// What max and average pooling share: windows and who reads what. size 0: one window over the whole image.
class Pool final : public Layer {
 public:
  Pool(std::string name, std::string_view kind, std::int64_t size, std::int64_t stride, bool maximum)
      : Layer({.name = std::move(name)}), kind_(kind), size_(size), stride_(stride), maximum_(maximum) {}
  std::string_view kind() const override { return kind_; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& x = inputs[0];
    if (size_ == 0) {
      return {x.n, 1, 1, x.c};
    }
    if (x.h < size_ || x.w < size_) {
      throw UserError(
          fmt::format("layer {}: a window of {}x{} does not fit into {}", name(), size_, size_, to_string(x)));
    }
    return {x.n, (x.h - size_) / stride_ + 1, (x.w - size_) / stride_ + 1, x.c};
  }

  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext& context) override {
    input_ = std::make_shared<Stored>(evaluate(*inputs[0], context.memory));
    const Shape in = input_->shape();
    Tensor y(output_shape(std::vector<Shape>{in}));
    winners_.assign(maximum_ ? y.values.size() : 0, 0);
#pragma omp parallel for schedule(static) if (kernels::worth_threads(in.size()))
    for (std::int64_t p = 0; p < y.shape.pixels(); ++p) {
      if (maximum_) {
        take_maximum(in, p, y.values.data() + p * in.c, winners_.data() + p * in.c);
      } else {
        take_average(in, p, y.values.data() + p * in.c);
      }
    }
    output_shape_ = y.shape;
    return std::make_shared<Stored>(std::move(y));
  }

  std::vector<SourcePtr> backward(SourcePtr of_output, const StepContext& context) override {
    const Tensor gradient = evaluate(*of_output, context.memory);
    Tensor result(input_->shape());
    Array<float>& dx = result.values;
    const Shape& out = output_shape_;
    const float share = reciprocal(input_->shape());
#pragma omp parallel for schedule(static) if (kernels::worth_threads(out.size()))
    for (std::int64_t n = 0; n < out.n; ++n) {
      for (std::int64_t p = n * out.h * out.w; p < (n + 1) * out.h * out.w; ++p) {
        const float* dy = gradient.values.data() + p * out.c;
        if (maximum_) {
          for (std::int64_t c = 0; c < out.c; ++c) {
            dx[static_cast<std::size_t>(winners_[static_cast<std::size_t>(p * out.c + c)])] += dy[c];
          }
        } else {
          for_window(input_->shape(), p, [&](std::int64_t first) {
            for (std::int64_t c = 0; c < out.c; ++c) {
              dx[static_cast<std::size_t>(first + c)] += dy[c] * share;
            }
          });
        }
      }
    }
    input_.reset();
    return {std::make_shared<Stored>(std::move(result))};
  }

 private:
  /// Calls f with the element (channel 0) of every pixel of the window of output pixel p, row by row.
  template <class F>
  void for_window(const Shape& in, std::int64_t p, F f) const {
    const Shape out = output_shape(std::span(&in, 1));
    const std::int64_t rows = size_ == 0 ? in.h : size_;
    const std::int64_t columns = size_ == 0 ? in.w : size_;
    const std::int64_t n = p / (out.h * out.w);
    const std::int64_t y0 = p / out.w % out.h * stride_;
    const std::int64_t x0 = p % out.w * stride_;
    for (std::int64_t y = y0; y < y0 + rows; ++y) {
      for (std::int64_t x = x0; x < x0 + columns; ++x) {
        f(((n * in.h + y) * in.w + x) * in.c);
      }
    }
  }

  float reciprocal(const Shape& in) const {
    return 1.0f / static_cast<float>(size_ == 0 ? in.h * in.w : size_ * size_);
  }

  void take_maximum(const Shape& in, std::int64_t p, float* y, std::int64_t* winners) const {
    const float* x = input_->values().data();
    std::fill_n(winners, in.c, std::int64_t{-1});
    for_window(in, p, [&](std::int64_t first) {
      for (std::int64_t c = 0; c < in.c; ++c) {
        if (winners[c] < 0 || x[first + c] > y[c]) {
          winners[c] = first + c;
          y[c] = x[first + c];
        }
      }
    });
  }

  void take_average(const Shape& in, std::int64_t p, float* y) const {
    const float* x = input_->values().data();
    const float share = reciprocal(in);
    for_window(in, p, [&](std::int64_t first) {
      for (std::int64_t c = 0; c < in.c; ++c) {
        y[c] += x[first + c];
      }
    });
    for (std::int64_t c = 0; c < in.c; ++c) {
      y[c] *= share;
    }
  }

  std::string_view kind_;
  std::int64_t size_, stride_;
  bool maximum_;
  Shape output_shape_;
  std::vector<std::int64_t> winners_;
  StoredPtr input_;
};

void check_window(std::string_view name, std::int64_t size, std::int64_t stride) {
  if (size < 1 || stride < 1) {
    throw UserError(
        fmt::format("layer {}: window and stride must be at least 1 pixel, not {} and {}", name, size, stride));
  }
}

}  // namespace

std::unique_ptr<Layer> relu(std::string name) {
  return std::make_unique<Relu>(std::move(name));
}
std::unique_ptr<Layer> flatten(std::string name) {
  return std::make_unique<Flatten>(std::move(name));
}
std::unique_ptr<Layer> max_pool(std::string name, std::int64_t size, std::int64_t stride) {
  check_window(name, size, stride);
  return std::make_unique<Pool>(std::move(name), "max_pool", size, stride, true);
}
std::unique_ptr<Layer> average_pool(std::string name, std::int64_t size, std::int64_t stride) {
  check_window(name, size, stride);
  return std::make_unique<Pool>(std::move(name), "average_pool", size, stride, false);
}
std::unique_ptr<Layer> global_average_pool(std::string name) {
  return std::make_unique<Pool>(std::move(name), "global_average_pool", 0, 1, false);
}

}  // namespace precsim::nn
