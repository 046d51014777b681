// Stochastic gradient descent with momentum, Nesterov momentum and weight decay.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "formats/grammar.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/nn/optimizer.hpp"
#include "sim/nn/quantizer.hpp"

namespace precsim::nn {
namespace {

/// g = gradient / scale + wd * w; v = mu * v + g (v = g at the first step); u = lr * v, Nesterov: lr * (g + mu * v);
/// w = w - u. Each an FP32 operation in this order; g, v, u and w take their roles' formats as they are written.
/// Biases and batch normalization have no weight decay and stay FP32.
class Sgd final : public Optimizer {
 public:
  explicit Sgd(const OptimizerOptions& options) : options_(options) {}

  void begin(Network& network, const StepContext& given) override {
    const StepContext context = within(network, given);
    for (const NamedParameter& p : network.parameters()) {
      write(p, Role::master, p.parameter->values, context, Use::initial);
    }
  }

  void step(Network& network, float lr, float scale, const StepContext& given) override {
    const StepContext context = within(network, given);
    const std::vector<NamedParameter> parameters = network.parameters();
    const formats::ArrayKernel& arrays = kernels::array_kernel(context.kernel);
    bool fused = true;
    for (const NamedParameter& p : parameters) {
      const float gradient = absmax(p.parameter->gradient, arrays);
      if (!std::isfinite(gradient)) {
        check_all_finite(p.parameter->gradient, p.layer->name(), "gradient of " + p.parameter->name, context, true);
      }
      // No element of g can be larger, as roundings are monotone.
      fused = fused && keeps_fp32(p, context) &&
              std::isfinite(gradient / scale + decay(p) * absmax(p.parameter->values, arrays));
    }
    if (fused) {
      for (const NamedParameter& p : parameters) {
        update_at_once(p, lr, scale, context);
      }
      return;
    }
    for (const NamedParameter& p : parameters) {
      form_gradient(p, scale, context);
    }
    for (const NamedParameter& p : parameters) {
      update(p, lr, context);
      check_all_finite(p.parameter->values, p.layer->name(), p.parameter->name, context, false);
    }
  }

 private:
  static constexpr std::int64_t piece = 1 << 14;  // elements per parallel piece

  static StepContext within(Network& network, StepContext context) {
    context.controllers = &network.controllers();
    return context;
  }

  /// Of all elements; infinite or NaN where one is.
  static float absmax(std::span<const float> values, const formats::ArrayKernel& arrays) {
    const auto size = static_cast<std::int64_t>(values.size());
    float most = 0;
    bool finite = true;
#pragma omp parallel for schedule(static) if (kernels::worth_threads(size)) reduction(max : most) reduction(&& : finite)
    for (std::int64_t at = 0; at < size; at += piece) {
      const formats::Extent part = arrays.extent(values.data() + at, std::min(piece, size - at));
      most = std::max(most, part.absmax);
      finite = finite && part.first_nonfinite < 0;
    }
    return finite ? most : std::numeric_limits<float>::infinity();
  }

  float decay(const NamedParameter& p) const {
    return p.parameter->weight ? options_.weight_decay : 0.0f;
  }

  /// No role of the optimizer has a format of its own, and nobody is told of it.
  static bool keeps_fp32(const NamedParameter& p, const StepContext& context) {
    const auto fp32 = [&](Role role) { return formats::is_fp32(*p.layer->plan().of(role).format); };
    return !context.recording && (!p.parameter->weight || (fp32(Role::weight_gradients) && fp32(Role::momentum) &&
                                                           fp32(Role::updates) && fp32(Role::master)));
  }

  void update_at_once(const NamedParameter& p, float lr, float scale, const StepContext& context) const {
    Parameter& parameter = *p.parameter;
    const auto size = static_cast<std::int64_t>(parameter.values.size());
    if (options_.momentum != 0) {
      parameter.momentum.resize(parameter.values.size());
    }
    float* const velocity = options_.momentum != 0 ? parameter.momentum.data() : nullptr;
    const kernels::SgdRule rule{scale, decay(p), options_.momentum, lr, options_.nesterov};
    const kernels::ElementwiseKernel& kernel = kernels::elementwise_kernel(context.kernel);
    bool finite = true;
#pragma omp parallel for schedule(static) if (kernels::worth_threads(size)) reduction(&& : finite)
    for (std::int64_t at = 0; at < size; at += piece) {
      const kernels::SgdExtent extent =
          kernel.sgd(rule, std::min(piece, size - at), parameter.gradient.data() + at,
                     velocity == nullptr ? nullptr : velocity + at, parameter.values.data() + at);
      finite = finite && std::isfinite(extent.weights);
    }
    if (!finite) {
      check_all_finite(parameter.values, p.layer->name(), parameter.name, context, false);
    }
  }

  /// g, in place of the gradient. Of all parameters before the first update: the format of g may overflow, and a
  /// step that is skipped changes nothing.
  void form_gradient(const NamedParameter& p, float scale, const StepContext& context) const {
    const std::vector<float>& w = p.parameter->values;
    std::vector<float>& g = p.parameter->gradient;
    const bool decays = p.parameter->weight && options_.weight_decay != 0;
    for (std::size_t i = 0; i < w.size(); ++i) {
      g[i] = g[i] / scale;
      g[i] = decays ? g[i] + options_.weight_decay * w[i] : g[i];
    }
    check_all_finite(g, p.layer->name(), "gradient of " + p.parameter->name, context, true);
    write(p, Role::weight_gradients, g, context);
  }

  void update(const NamedParameter& p, float lr, const StepContext& context) const {
    std::vector<float>& w = p.parameter->values;
    const std::vector<float>& g = p.parameter->gradient;
    std::vector<float>& v = p.parameter->momentum;
    std::vector<float> u = g;
    if (options_.momentum != 0) {
      v.resize(w.size());
      for (std::size_t i = 0; i < w.size(); ++i) {
        v[i] = options_.momentum * v[i] + g[i];
      }
      write(p, Role::momentum, v, context);
      for (std::size_t i = 0; i < w.size(); ++i) {
        u[i] = options_.nesterov ? g[i] + options_.momentum * v[i] : v[i];
      }
    }
    for (float& value : u) {
      value = lr * value;
    }
    write(p, Role::updates, u, context);
    for (std::size_t i = 0; i < w.size(); ++i) {
      w[i] = w[i] - u[i];
    }
    write(p, Role::master, w, context);
  }

  static void write(const NamedParameter& p, Role role, std::vector<float>& values, const StepContext& context,
                    Use use = Use::stored) {
    if (p.parameter->weight) {
      Quantizer(p.layer->name(), role).apply(values, p.layer->plan().of(role), context, use);
    }
  }

  OptimizerOptions options_;
};

constexpr std::array<OptimizerEntry, 1> table{{
    {"sgd", "momentum", "g = gradient + wd * w; v = mu * v + g; w = w - lr * v (Nesterov: lr * (g + mu * v))",
     [](const OptimizerOptions& options) -> std::unique_ptr<Optimizer> { return std::make_unique<Sgd>(options); }},
}};

}  // namespace

std::span<const OptimizerEntry> optimizers() {
  return table;
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options) {
  for (const OptimizerEntry& row : table) {
    if (row.name == options.name) {
      return row.make(options);
    }
  }
  throw formats::unknown_name("optimizer", options.name, options.name, table, &OptimizerEntry::name);
}

}  // namespace precsim::nn
