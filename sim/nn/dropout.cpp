// Dropout, forward and backward.
#include "sim/nn/dropout.hpp"

#include <fmt/format.h>

#include "formats/error.hpp"

namespace precsim::nn {
namespace {

class Dropped final : public Source {
 public:
  Dropped(SourcePtr x, const DropoutRule& rule) : x_(std::move(x)), rule_(rule) {}
  const Shape& shape() const override { return x_->shape(); }
  const float* read(std::int64_t first, std::int64_t count, float* out) const override {
    const std::int64_t channels = shape().c;
    dropout_run(rule_, first * channels, count * channels, x_->read(first, count, out), out);
    return out;
  }

 private:
  SourcePtr x_;
  DropoutRule rule_;
};

class Dropout final : public Layer {
 public:
  Dropout(std::string name, double rate)
      : Layer({.name = std::move(name)}),
        dropped_below_(static_cast<std::uint32_t>(rate * 0x1p32)),
        scale_(static_cast<float>(1 / (1 - rate))) {}
  std::string_view kind() const override { return "dropout"; }
  Shape output_shape(std::span<const Shape> inputs) const override { return inputs[0]; }

  SourcePtr forward(std::span<const SourcePtr> inputs, const StepContext& context) override {
    return context.training ? dropped(inputs[0], context) : inputs[0];
  }
  std::vector<SourcePtr> backward(SourcePtr gradient, const StepContext& context) override {
    return {dropped(std::move(gradient), context)};
  }

 private:
  SourcePtr dropped(SourcePtr x, const StepContext& context) const {
    const formats::RandomBits bits{context.seed, formats::Stream::dropout, static_cast<std::uint32_t>(context.step),
                                   formats::tensor_id(name() + "/dropout"), 0};
    return std::make_shared<Dropped>(std::move(x), DropoutRule{bits, dropped_below_, scale_});
  }

  std::uint32_t dropped_below_;
  float scale_;
};

}  // namespace

void dropout_run(const DropoutRule& rule, std::int64_t first, std::int64_t count, const float* x, float* y) {
  std::array<std::uint32_t, 4> words{};
  for (std::int64_t j = 0; j < count; ++j) {
    const auto i = static_cast<std::uint64_t>(first + j);
    if (j == 0 || i % 4 == 0) {
      words = rule.bits.block(i / 4);
    }
    y[j] = words[i % 4] < rule.dropped_below ? 0.0f : x[j] * rule.scale;
  }
}

std::unique_ptr<Layer> dropout(std::string name, double rate) {
  if (!(rate >= 0 && rate < 1)) {
    throw UserError(fmt::format("layer {}: the rate must be at least 0 and less than 1, not {}", name, rate));
  }
  return std::make_unique<Dropout>(std::move(name), rate);
}

}  // namespace precsim::nn
