// Local response normalization, forward and backward.
#include "sim/nn/lrn.hpp"

#include <fmt/format.h>

#include "formats/error.hpp"
#include "sim/kernels/elementwise.hpp"

namespace precsim::nn {
namespace {

class Lrn final : public Layer {
 public:
  Lrn(std::string name, const LrnOptions& options)
      : Layer({.name = std::move(name), .saves = true}), rule_{options.size, options.alpha, options.k} {}
  std::string_view kind() const override { return "lrn"; }
  Shape output_shape(std::span<const Shape> inputs) const override { return inputs[0]; }

  bool takes_stored() const override { return true; }

  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext& context) override {
    const auto x = std::dynamic_pointer_cast<const Stored>(inputs[0]);
    PRECSIM_CHECK(x != nullptr, name());
    Tensor y(x->shape(), context.memory);
    const std::int64_t channels = y.shape.c;
    const kernels::ElementwiseKernel& kernel = kernels::elementwise_kernel(context.kernel);
    for_runs(y.shape, [&](std::int64_t first, std::int64_t count) {
      RunScratch numbers(count * channels);
      RunScratch scratch(rule_.scratch(channels));
      kernel.lrn(rule_, {count, channels}, x->read(first, count, numbers.data()), scratch.data(),
                 y.values.data() + first * channels);
    });
    input_ = context.training ? save(x, context) : nullptr;
    return std::make_shared<Stored>(std::move(y));
  }
  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override {
    Tensor dx(gradient->shape(), context.memory);
    const std::int64_t channels = dx.shape.c;
    const kernels::ElementwiseKernel& kernel = kernels::elementwise_kernel(context.kernel);
    for_runs(dx.shape, [&](std::int64_t first, std::int64_t count) {
      float* const run = dx.values.data() + first * channels;
      RunScratch numbers(count * channels);
      RunScratch scratch(rule_.scratch(channels));
      const float* const x = input_->read(first, count, numbers.data());
      kernel.lrn_gradient(rule_, {count, channels}, x, gradient->read(first, count, run), scratch.data(), run);
    });
    input_.reset();
    return {std::make_shared<Stored>(std::move(dx))};
  }

 private:
  kernels::LrnRule rule_;
  StoredPtr input_;
};

}  // namespace

std::unique_ptr<Layer> lrn(std::string name, const LrnOptions& options) {
  if (options.size < 1 || options.size % 2 == 0) {
    throw UserError(
        fmt::format("layer {}: the channels of a window must be an odd number, not {}", name, options.size));
  }
  return std::make_unique<Lrn>(std::move(name), options);
}

}  // namespace precsim::nn
