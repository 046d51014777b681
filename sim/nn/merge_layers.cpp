// Residual add, shortcut, concatenation.
#include "sim/nn/merge_layers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "formats/error.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::nn {
namespace {

class Sum final : public Source {
 public:
  Sum(SourcePtr a, SourcePtr b, const kernels::ElementwiseKernel& kernel)
      : a_(std::move(a)), b_(std::move(b)), kernel_(kernel) {}
  const Shape& shape() const override { return a_->shape(); }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override {
    RunScratch scratch(count * shape().c);
    const float* const b = b_->read(first, count, scratch.data());
    kernel_.add(count * shape().c, a_->read(first, count, out), b, out);
    return out;
  }

 private:
  SourcePtr a_, b_;
  const kernels::ElementwiseKernel& kernel_;
};

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
  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext& context) override {
    return std::make_shared<Sum>(inputs[0], inputs[1], kernels::elementwise_kernel(context.kernel));
  }
  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext&) override { return {gradient, gradient}; }
};

/// Every stride-th pixel of every stride-th row, zeros behind its channels.
class Subsampled final : public Source {
 public:
  Subsampled(SourcePtr x, const Shape& shape, std::int64_t stride) : x_(std::move(x)), shape_(shape), stride_(stride) {}
  const Shape& shape() const override { return shape_; }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override {
    const Shape& in = x_->shape();
    RunScratch scratch(in.w * in.c);
    std::fill_n(out, count * shape_.c, 0.0f);
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t row = (first + done) / shape_.w;
      const std::int64_t column = (first + done) % shape_.w;
      const std::int64_t pixels = std::min(shape_.w - column, count - done);
      const std::int64_t from = (row / shape_.h * in.h + row % shape_.h * stride_) * in.w + column * stride_;
      const float* const x = x_->read(from, (pixels - 1) * stride_ + 1, scratch.data());
      for (std::int64_t p = 0; p < pixels; ++p) {
        std::copy_n(x + p * stride_ * in.c, in.c, out + (done + p) * shape_.c);
      }
      done += pixels;
    }
    return out;
  }

 private:
  SourcePtr x_;
  Shape shape_;
  std::int64_t stride_;
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

  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext&) override {
    in_ = inputs[0]->shape();
    return std::make_shared<Subsampled>(inputs[0], output_shape(std::span(&in_, 1)), stride_);
  }
  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override {
    const Shape out = gradient->shape();
    Tensor dx(in_, context.memory);
    dx.values.fill(0);
#pragma omp parallel for schedule(static) if (kernels::worth_threads(out.size()))
    for (std::int64_t row = 0; row < out.n * out.h; ++row) {
      RunScratch scratch(out.w * out.c);
      const float* const dy = gradient->read(row * out.w, out.w, scratch.data());
      float* const to = dx.values.data() + (row / out.h * in_.h + row % out.h * stride_) * in_.w * in_.c;
      for (std::int64_t p = 0; p < out.w; ++p) {
        std::copy_n(dy + p * out.c, in_.c, to + p * stride_ * in_.c);
      }
    }
    return {std::make_shared<Stored>(std::move(dx))};
  }

 private:
  std::int64_t channels_, stride_;
  Shape in_;
};

class Joined final : public Source {
 public:
  Joined(std::span<const SourcePtr> parts, const Shape& shape) : parts_(parts.begin(), parts.end()), shape_(shape) {}
  const Shape& shape() const override { return shape_; }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override {
    float* to = out;
    for (const SourcePtr& part : parts_) {
      const std::int64_t channels = part->shape().c;
      RunScratch scratch(count * channels);
      const float* const x = part->read(first, count, scratch.data());
      for (std::int64_t p = 0; p < count; ++p) {
        std::copy_n(x + p * channels, channels, to + p * shape_.c);
      }
      to += channels;
    }
    return out;
  }
  std::optional<Range> range() const override {
    std::optional<Range> all = parts_[0]->range();
    for (const SourcePtr& part : parts_) {
      const std::optional<Range> own = part->range();
      all =
          all && own ? std::optional(Range{std::min(all->min, own->min), std::max(all->max, own->max)}) : std::nullopt;
    }
    return all;
  }

 private:
  std::vector<SourcePtr> parts_;
  Shape shape_;
};

/// `channels` channels of a tensor in memory, from `first` on.
class Slice final : public Source {
 public:
  Slice(StoredPtr whole, std::int64_t first, std::int64_t channels) : whole_(std::move(whole)), first_(first) {
    shape_ = whole_->shape();
    shape_.c = channels;
  }
  const Shape& shape() const override { return shape_; }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override {
    const std::int64_t distance = whole_->shape().c;
    const float* const from = whole_->values().data() + first * distance + first_;
    for (std::int64_t p = 0; p < count; ++p) {
      std::copy_n(from + p * distance, shape_.c, out + p * shape_.c);
    }
    return out;
  }

 private:
  StoredPtr whole_;
  std::int64_t first_;
  Shape shape_;
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
  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext&) override {
    inputs_.clear();
    for (const SourcePtr& input : inputs) {
      inputs_.push_back(input->shape());
    }
    return std::make_shared<Joined>(inputs, output_shape(inputs_));
  }
  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override {
    // Every branch reads its part several times.
    const StoredPtr whole = values_in_memory(gradient, context.memory);
    std::vector<SourcePtr> gradients;
    std::int64_t at = 0;
    for (const Shape& input : inputs_) {
      gradients.push_back(std::make_shared<Slice>(whole, at, input.c));
      at += input.c;
    }
    return gradients;
  }

 private:
  std::vector<Shape> inputs_;
};

}  // namespace

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
