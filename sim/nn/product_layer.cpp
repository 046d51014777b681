// Convolution and linear layers.
#include "sim/nn/product_layer.hpp"

#include <fmt/format.h>

#include "formats/error.hpp"
#include "sim/nn/step_profile.hpp"

namespace precsim::nn {
namespace {

constexpr Role operand_roles[] = {Role::weights, Role::activations, Role::errors};

/// The conversion that serves both uses of an operand, if it is one and has no blocks that depend on the use.
std::optional<formats::Conversion> single_conversion(const LayerPlan& plan, Role role, bool input_gradient) {
  std::optional<formats::Conversion> single;
  for (const Pass pass : kernels::passes) {
    if (!entry(role).in_pass[static_cast<std::size_t>(pass)] || (pass == Pass::input_gradient && !input_gradient)) {
      continue;
    }
    const formats::Conversion& conversion = plan.of(role, pass);
    if (!stores_once(conversion) || (single && single->name() != conversion.name())) {
      return std::nullopt;
    }
    single = conversion;
  }
  return single;
}

/// Before anything of these sizes is allocated; the smallest image on which the kernel fits stands for all.
void check_options(std::string_view name, std::int64_t in_channels, const Conv2dOptions& options) {
  kernels::ConvShape{1,
                     options.kernel,
                     options.kernel,
                     in_channels,
                     options.channels,
                     options.kernel,
                     options.kernel,
                     options.stride,
                     options.pad,
                     options.groups}
      .check(fmt::format("layer {}", name));
}

}  // namespace

ProductLayer::ProductLayer(std::string name, std::int64_t in_channels, const Conv2dOptions& options, bool linear)
    : Layer({.name = name, .product = true, .saves = true}),
      options_(options),
      in_channels_(in_channels),
      linear_(linear),
      quantizers_{
          {name, Role::weights}, {name, Role::activations, options.groups}, {name, Role::errors, options.groups}} {
  const std::int64_t group_ic = in_channels / options.groups;
  weight_ = Parameter::make("weight", {options.channels, options.kernel, options.kernel, group_ic}, Init::weight);
  weight_.weight = true;
  weight_.fan_in = options.kernel * options.kernel * group_ic;
  weight_.fan_out = options.kernel * options.kernel * options.channels / options.groups;
  if (options.bias) {
    bias_ = Parameter::make("bias", {options.channels}, Init::zero);
  }
}

std::unique_ptr<Layer> ProductLayer::conv2d(std::string name, std::int64_t in_channels, const Conv2dOptions& options) {
  check_options(name, in_channels, options);
  return std::unique_ptr<Layer>(new ProductLayer(std::move(name), in_channels, options, false));
}

std::unique_ptr<Layer> ProductLayer::linear(std::string name, std::int64_t in_features, std::int64_t out_features,
                                            bool bias) {
  Conv2dOptions options;
  options.channels = out_features;
  options.bias = bias;
  check_options(name, in_features, options);
  return std::unique_ptr<Layer>(new ProductLayer(std::move(name), in_features, options, true));
}

void ProductLayer::configure(const LayerTraits& traits, const LayerPlan& plan) {
  Layer::configure(traits, plan);
  for (const Operand operand : {weights, activations, errors}) {
    once_[operand] = single_conversion(plan, operand_roles[operand], traits.input_gradient);
  }
  saved_once_ = !plan.saves_separately;
}

kernels::ConvShape ProductLayer::shape_for(const Shape& input) const {
  kernels::ConvShape shape{input.n,         input.h,         input.w,         input.c,      options_.channels,
                           options_.kernel, options_.kernel, options_.stride, options_.pad, options_.groups};
  if (input.c != in_channels_ || (linear_ && (input.h != 1 || input.w != 1))) {
    throw UserError(fmt::format("layer {}: expects {} {}, not an input of {}", name(), in_channels_,
                                linear_ ? "features (flatten first)" : "channels", to_string(input)));
  }
  shape.check(fmt::format("layer {}", name()));
  return shape;
}

Shape ProductLayer::output_shape(std::span<const Shape> inputs) const {
  const kernels::ConvShape shape = shape_for(inputs[0]);
  return {shape.n, shape.out_h(), shape.out_w(), shape.oc};
}

std::int64_t ProductLayer::macs(std::span<const Shape> inputs) const {
  return shape_for(inputs[0]).macs();
}

std::vector<Parameter*> ProductLayer::parameters() {
  return options_.bias ? std::vector<Parameter*>{&weight_, &bias_} : std::vector<Parameter*>{&weight_};
}

void ProductLayer::multiply(Pass pass, Operand left, const Stored& left_stored, Operand right,
                            const Stored& right_stored, std::span<float> result,
                            kernels::native::ChannelStatistics* statistics, const StepContext& context) {
  const auto conversion = [&](Operand operand) -> const formats::Conversion& {
    return plan().of(operand_roles[operand], pass);
  };
  // What was saved in a form of its own is converted again for the weight gradient.
  const auto once = [&](Operand operand) {
    return once_[operand].has_value() && (operand != activations || pass != Pass::weight_gradient || saved_once_);
  };
  const formats::OperandKind left_kind = conversion(left).format->kind();
  const formats::OperandKind right_kind = conversion(right).format->kind();
  const formats::OperandKind meet = formats::meeting(left_kind, right_kind);
  const bool integer = meet == formats::OperandKind::integer;
  Stored own_left;
  Stored own_right;
  const kernels::Operand a = quantizers_[left].operand(left_stored, conversion(left), once(left), shape_, pass,
                                                       kernels::Side::left, meet, own_left, context);
  const kernels::Operand b = quantizers_[right].operand(right_stored, conversion(right), once(right), shape_, pass,
                                                        kernels::Side::right, meet, own_right, context);
  const kernels::Accumulators& accumulators = plan().accumulator(pass);
  kernels::Telemetry telemetry;
  const std::span<const float> bias = pass == Pass::forward ? bias_.values : std::span<const float>();
  const kernels::ProductCall call{shape_, pass,      a, b, accumulators, context.bits(name(), kernels::name(pass), 0),
                                  bias,   statistics};
  try {
    const Timed timed(context.profile, work_of(pass));
    kernels::multiply(call, context.engine, result,
                      context.recording ? kernels::TelemetryLevel::full : kernels::TelemetryLevel::events, telemetry,
                      context.kernel);
  } catch (const kernels::EngineDifference& difference) {
    throw BitsDiffer(
        fmt::format("step {}, layer {}, {}: {}", context.step, name(), kernels::name(pass), difference.what()));
  }
  if (context.profile != nullptr) {
    context.profile->add_product(pass, integer, shape_.macs(), telemetry.proof_seconds);
  }
  if (context.totals != nullptr) {
    context.totals->all_macs += static_cast<std::uint64_t>(shape_.macs());
    context.totals->integer_macs += integer ? static_cast<std::uint64_t>(shape_.macs()) : 0;
    context.totals->overflow_events += telemetry.overflow_events;
    context.totals->overflow_known &= telemetry.measured || telemetry.proved || !integer;
  }
  if (context.training && context.observer != nullptr) {
    context.observer->on_call({context.step, name(), call, conversion(left), conversion(right), result, telemetry});
  }
  if (context.recording && context.observer != nullptr) {
    const std::string_view operands = left_kind != right_kind                 ? "mixed"
                                      : meet == formats::OperandKind::integer ? "integer"
                                      : meet == formats::OperandKind::scaled  ? "scaled"
                                                                              : "float";
    context.observer->on_product({context.step, name(), pass,
                                  integer ? accumulators.integer.name() : accumulators.floating.name(), operands,
                                  telemetry});
  }
}

SourcePtr ProductLayer::forward(std::span<const SourcePtr> inputs, const StepContext& context) {
  input_ = std::dynamic_pointer_cast<const Stored>(inputs[0]);
  PRECSIM_CHECK(input_ != nullptr, name());
  shape_ = shape_for(input_->shape());
  const View master(weight_.values,
                    {options_.channels, options_.kernel, options_.kernel, in_channels_ / options_.groups});
  stored_weight_ = once_[weights] ? quantizers_[weights].store(master, *once_[weights], context)
                                  : Stored(evaluate(master, context.memory));
  Stored output(Tensor(output_shape(std::span(&input_->shape(), 1)), context.memory));
  const bool fp32 = formats::is_fp32(*plan().of(Role::outputs).format);
  const auto statistics = std::make_shared<kernels::native::ChannelStatistics>();
  const bool takes_statistics = traits().statistics && context.training && fp32;
  multiply(Pass::forward, activations, *input_, weights, stored_weight_, output.tensor.values,
           takes_statistics ? statistics.get() : nullptr, context);
  output.statistics = takes_statistics ? statistics : nullptr;
  Quantizer(name(), Role::outputs)
      .apply(output.tensor.values, plan().of(Role::outputs), context, Use::stored, output.range().has_value());
  input_ = context.training ? save(input_, context) : nullptr;
  if (!context.training) {
    stored_weight_ = {};
  }
  return std::make_shared<Stored>(std::move(output));
}

std::vector<SourcePtr> ProductLayer::backward(SourcePtr gradient, const StepContext& context) {
  const StoredPtr error = once_[errors]
                              ? std::make_shared<Stored>(quantizers_[errors].store(*gradient, *once_[errors], context))
                              : in_memory(gradient, context.memory);
  gradient.reset();
  if (options_.bias) {
    const std::vector<double> sums = channel_sums(*error, context.kernel);
    for (std::size_t c = 0; c < sums.size(); ++c) {
      bias_.gradient[c] = static_cast<float>(sums[c]);
    }
  }
  multiply(Pass::weight_gradient, errors, *error, activations, *input_, weight_.gradient, nullptr, context);
  if (!traits().input_gradient) {
    input_.reset();
    stored_weight_ = {};
    return {nullptr};
  }
  Tensor result(input_->shape(), context.memory);
  input_.reset();
  multiply(Pass::input_gradient, errors, *error, weights, stored_weight_, result.values, nullptr, context);
  stored_weight_ = {};
  return {std::make_shared<Stored>(std::move(result))};
}

}  // namespace precsim::nn
