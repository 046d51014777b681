// Stochastic gradient descent with momentum, Nesterov momentum and weight decay.
#include <algorithm>
#include <array>

#include "formats/grammar.hpp"
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

  void begin(Network& network, const StepContext& context) override {
    for (const NamedParameter& p : network.parameters()) {
      write(p, Role::master, p.parameter->values, context, Use::initial);
    }
  }

  void step(Network& network, float lr, float scale, const StepContext& context) override {
    const std::vector<NamedParameter> parameters = network.parameters();
    for (const NamedParameter& p : parameters) {
      check_all_finite(p.parameter->gradient, p.layer->name(), "gradient of " + p.parameter->name, context, true);
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
