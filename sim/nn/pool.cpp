// Pooling layers.
#include "sim/nn/pool.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "formats/error.hpp"
#include "sim/kernels/elementwise.hpp"
#include "sim/nn/pool_grid.hpp"

namespace precsim::nn {
namespace {

/// f(first, count) for runs of rows, those of all images counted one after another.
template <class F>
void for_row_runs(const Shape& shape, F f) {
  for_runs({shape.n, shape.h, 1, shape.w * shape.c}, f);
}

/// Divides rows of sums or gradients of windows by the places of each window in the image and its border.
void divide_by_places(const PoolShape& s, const kernels::ElementwiseKernel& kernel, std::int64_t first,
                      std::int64_t count, float* numbers) {
  const std::int64_t width = s.in.w + 2 * s.pad;
  const std::int64_t whole = (width - s.columns) / s.stride + 1;
  for (std::int64_t row = first; row < first + count; ++row, numbers += s.out.w * s.out.c) {
    const std::int64_t rows = std::min(s.rows, s.in.h + 2 * s.pad - row % s.out.h * s.stride);
    const auto divide = [&](std::int64_t w, std::int64_t windows, std::int64_t columns) {
      kernel.scale({windows, s.out.c}, 1.0f / static_cast<float>(rows * columns), numbers + w * s.out.c);
    };
    divide(0, whole, s.columns);
    for (std::int64_t w = whole; w < s.out.w; ++w) {
      divide(w, 1, width - w * s.stride);
    }
  }
}

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
    const PoolGrid grid = windows_of_outputs(shape_);
    const kernels::ElementwiseKernel& kernel = kernels::elementwise_kernel(context.kernel);
    const float* const numbers = x->values().data();
    for_row_runs(y.shape, [&](std::int64_t first, std::int64_t count) {
      grid.for_rows(first, count, [&](const kernels::WindowRun& run, std::int64_t from, std::int64_t to) {
        if (maximum_) {
          kernel.window_maximum(run, numbers + from, y.values.data() + to, winners_.data() + to);
        } else {
          kernel.window_sum(run, numbers + from, y.values.data() + to);
        }
      });
      if (!maximum_) {
        divide_by_places(shape_, kernel, first, count, y.values.data() + first * y.shape.w * y.shape.c);
      }
    });
    if (!context.training) {
      winners_ = {};
    }
    return std::make_shared<Stored>(std::move(y));
  }

  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override {
    const kernels::ElementwiseKernel& kernel = kernels::elementwise_kernel(context.kernel);
    const StoredPtr dy = maximum_ ? values_in_memory(gradient, context.memory) : divided(*gradient, context);
    const float* const numbers = dy->values().data();
    const PoolGrid grid = windows_of_inputs(shape_);
    Tensor dx(shape_.in, context.memory);
    for_row_runs(dx.shape, [&](std::int64_t first, std::int64_t count) {
      grid.for_rows(first, count, [&](const kernels::WindowRun& run, std::int64_t from, std::int64_t to) {
        if (maximum_) {
          kernel.winner_sum(run, numbers + from, winners_.data() + from, dx.values.data() + to);
        } else {
          kernel.window_sum(run, numbers + from, dx.values.data() + to);
        }
      });
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

  StoredPtr divided(const Source& gradient, const StepContext& context) const {
    Tensor shares = evaluate(gradient, context.memory);
    for_row_runs(shares.shape, [&](std::int64_t first, std::int64_t count) {
      divide_by_places(shape_, kernels::elementwise_kernel(context.kernel), first, count,
                       shares.values.data() + first * shares.shape.w * shares.shape.c);
    });
    return std::make_shared<Stored>(std::move(shares));
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
