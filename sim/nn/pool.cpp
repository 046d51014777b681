// Pooling layers.
#include "sim/nn/pool.hpp"

#include <fmt/format.h>

#include "formats/error.hpp"

namespace precsim::nn {
namespace {

/// Windows and who reads what. size 0: one window over the whole image.
class Pool final : public Layer {
 public:
  Pool(std::string name, std::string_view kind, const PoolOptions& options, bool maximum)
      : Layer({.name = std::move(name)}), kind_(kind), options_(options), maximum_(maximum) {}
  std::string_view kind() const override { return kind_; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& x = inputs[0];
    if (options_.size == 0) {
      return {x.n, 1, 1, x.c};
    }
    return {x.n, windows(x, x.h), windows(x, x.w), x.c};
  }

  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext& context) override {
    const StoredPtr x = values_in_memory(inputs[0], context.memory);
    const Shape& in = x->shape();
    Tensor y(output_shape(std::span(&in, 1)), context.memory);
    const bool whole = options_.size == 0;
    shape_ = {in, y.shape, whole ? in.h : options_.size, whole ? in.w : options_.size, options_.stride, options_.pad};
    winners_ = Array<std::uint8_t>(maximum_ ? y.shape.size() : 0, context.memory);
    for_runs(y.shape, [&](std::int64_t first, std::int64_t count) {
      float* run = y.values.data() + first * in.c;
      if (maximum_) {
        max_pool_run(shape_, x->values().data(), first, count, run, winners_.data() + first * in.c);
      } else {
        average_pool_run(shape_, x->values().data(), first, count, run);
      }
    });
    if (!context.training) {
      winners_ = {};
    }
    return std::make_shared<Stored>(std::move(y));
  }

  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override {
    const StoredPtr dy = values_in_memory(gradient, context.memory);
    Tensor dx(shape_.in, context.memory);
    for_runs(shape_.in, [&](std::int64_t first, std::int64_t count) {
      float* run = dx.values.data() + first * shape_.in.c;
      if (maximum_) {
        max_pool_gradient_run(shape_, dy->values().data(), winners_.data(), first, count, run);
      } else {
        average_pool_gradient_run(shape_, dy->values().data(), first, count, run);
      }
    });
    winners_ = {};
    return {std::make_shared<Stored>(std::move(dx))};
  }

 private:
  std::int64_t windows(const Shape& x, std::int64_t length) const {
    const std::int64_t rest = length + 2 * options_.pad - options_.size;
    if (rest < 0) {
      throw UserError(fmt::format("layer {}: a window of {}x{} does not fit into {}", name(), options_.size,
                                  options_.size, to_string(x)));
    }
    if (!options_.ceil) {
      return rest / options_.stride + 1;
    }
    const std::int64_t last = (rest + options_.stride - 1) / options_.stride;
    return last * options_.stride < length + options_.pad ? last + 1 : last;
  }

  std::string_view kind_;
  PoolOptions options_;
  bool maximum_;
  PoolShape shape_{};
  Array<std::uint8_t> winners_;
};

void check_window(std::string_view name, const PoolOptions& options) {
  if (options.size < 1 || options.stride < 1) {
    throw UserError(fmt::format("layer {}: window and stride must be at least 1 pixel, not {} and {}", name,
                                options.size, options.stride));
  }
  if (options.pad < 0 || options.pad >= options.size) {
    throw UserError(fmt::format("layer {}: the border must be from 0 to {} pixels, less than the window, not {}", name,
                                options.size - 1, options.pad));
  }
}

}  // namespace

std::unique_ptr<Layer> max_pool(std::string name, const PoolOptions& options) {
  check_window(name, options);
  if (options.size > 16) {
    throw UserError(fmt::format("layer {}: a maximum is taken over at most 16x16 pixels, not {}x{}", name, options.size,
                                options.size));
  }
  return std::make_unique<Pool>(std::move(name), "max_pool", options, true);
}
std::unique_ptr<Layer> average_pool(std::string name, const PoolOptions& options) {
  check_window(name, options);
  return std::make_unique<Pool>(std::move(name), "average_pool", options, false);
}
std::unique_ptr<Layer> global_average_pool(std::string name) {
  return std::make_unique<Pool>(std::move(name), "global_average_pool", PoolOptions{.size = 0}, false);
}

}  // namespace precsim::nn
