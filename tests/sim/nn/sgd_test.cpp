// Stochastic gradient descent against a scalar re-implementation, bit for bit.
#include <gtest/gtest.h>

#include "formats/convert.hpp"
#include "formats/error.hpp"
#include "sim/nn/optimizer.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

NetworkBuilder two_linear() {
  NetworkBuilder net({1, 1, 1, 6}, 3);
  net.linear("fc1", 5);
  net.batch_norm("bn");
  net.linear("fc2", net.classes());
  return net;
}

/// Gradients that fall off over many octaves, the same for the same step.
std::vector<float> gradient_of(const std::string& name, std::size_t size, std::int64_t step) {
  support::Sample sample(name.size() * 100 + static_cast<std::uint64_t>(step) + static_cast<unsigned char>(name[2]));
  std::vector<float> gradient(size);
  for (float& g : gradient) {
    g = sample.normal_float(-20, -2);
  }
  return gradient;
}

/// The four roles as a plan sets them, empty for FP32.
struct Roles {
  std::string weight_gradients, momentum, updates, master;
};

struct Setup {
  OptimizerOptions options;
  float scale = 1;
  Roles roles;
};

/// One parameter, one scalar at a time.
class Scalar {
 public:
  std::vector<float> w, v;

  Scalar(const Setup& setup, std::string layer, bool weight, const std::vector<float>& drawn)
      : v(drawn.size(), 0.0f), setup_(setup), layer_(std::move(layer)), weight_(weight) {
    w = quantized(drawn, setup_.roles.master, "master", 0, 4);
  }

  void step(std::vector<float> g, float lr, std::int64_t step) {
    const OptimizerOptions& o = setup_.options;
    for (std::size_t i = 0; i < g.size(); ++i) {
      g[i] = g[i] / setup_.scale;
      if (weight_) {
        const float decay = o.weight_decay * w[i];
        g[i] = g[i] + decay;
      }
    }
    g = quantized(g, setup_.roles.weight_gradients, "weight_gradients", step, 0);
    std::vector<float> direction = g;
    if (o.momentum != 0) {
      for (std::size_t i = 0; i < g.size(); ++i) {
        const float kept = o.momentum * v[i];
        v[i] = kept + g[i];
      }
      v = quantized(v, setup_.roles.momentum, "momentum", step, 0);
      for (std::size_t i = 0; i < g.size(); ++i) {
        const float ahead = o.momentum * v[i];
        direction[i] = o.nesterov ? g[i] + ahead : v[i];
      }
    }
    std::vector<float> u(g.size());
    for (std::size_t i = 0; i < g.size(); ++i) {
      u[i] = lr * direction[i];
    }
    u = quantized(u, setup_.roles.updates, "updates", step, 0);
    for (std::size_t i = 0; i < g.size(); ++i) {
      w[i] = w[i] - u[i];
    }
    w = quantized(w, setup_.roles.master, "master", step, 0);
  }

 private:
  std::vector<float> quantized(const std::vector<float>& values, const std::string& format, const std::string& role,
                               std::int64_t step, std::uint32_t use) const {
    if (format.empty() || !weight_) {
      return values;
    }
    const formats::RandomBits bits{1, formats::Stream::rounding, static_cast<std::uint32_t>(step),
                                   formats::tensor_id(layer_ + "/" + role), use};
    return formats::convert(values, static_cast<std::int64_t>(values.size()), formats::parse_conversion(format), bits,
                            role)
        .values;
  }

  Setup setup_;
  std::string layer_;
  bool weight_;
};

/// Three steps of the optimizer and of the scalars; every weight and momentum bit equal.
void expect_equal_steps(const Setup& setup) {
  PrecisionPlan plan;
  for (const auto& [role, format] : {std::pair{"weight_gradients", setup.roles.weight_gradients},
                                     {"momentum", setup.roles.momentum},
                                     {"updates", setup.roles.updates},
                                     {"master", setup.roles.master}}) {
    if (!format.empty()) {
      plan.set(role, format);
    }
  }
  Network network(two_linear(), plan, setup.options.momentum != 0);
  network.initialize(InitScheme::he, 1);
  const auto optimizer = make_optimizer(setup.options);
  StepContext context;
  context.seed = 1;
  std::vector<Scalar> scalars;
  for (const NamedParameter& p : network.parameters()) {
    scalars.emplace_back(setup, p.layer->name(), p.parameter->weight, p.parameter->values);
  }
  ASSERT_EQ(scalars.size(), 6u);
  optimizer->begin(network, context);
  for (context.step = 0; context.step < 3; ++context.step) {
    const float lr = 0.1f / static_cast<float>(context.step + 1);
    std::size_t at = 0;
    for (const NamedParameter& p : network.parameters()) {
      p.parameter->gradient = gradient_of(p.name(), p.parameter->values.size(), context.step);
      scalars[at++].step(p.parameter->gradient, lr, context.step);
    }
    optimizer->step(network, lr, setup.scale, context);
    at = 0;
    for (const NamedParameter& p : network.parameters()) {
      const Scalar& expected = scalars[at++];
      ASSERT_EQ(bits_of(p.parameter->values), bits_of(expected.w)) << p.name() << ", step " << context.step;
      if (setup.options.momentum != 0) {
        ASSERT_EQ(bits_of(p.parameter->momentum), bits_of(expected.v)) << p.name() << ", step " << context.step;
      } else {
        ASSERT_TRUE(p.parameter->momentum.empty());
      }
    }
  }
}

TEST(Sgd, EqualsTheScalarRule) {
  for (const float momentum : {0.0f, 0.9f}) {
    for (const bool nesterov : {false, true}) {
      for (const float decay : {0.0f, 0.01f}) {
        for (const float scale : {1.0f, 1024.0f, 3.0f}) {
          expect_equal_steps({{"sgd", 0.1f, momentum, nesterov, decay}, scale, {}});
        }
      }
    }
  }
}

TEST(Sgd, QuantizesEveryRoleWhereItIsWritten) {
  const Roles all[] = {{"dfp8", "", "", ""},
                       {"", "dfp8", "", ""},
                       {"", "", "dfp8", ""},
                       {"", "", "", "dfp12"},
                       {"bf16", "bf16", "", "bf16"},
                       {"dfp8@stochastic", "", "", ""},
                       {"", "fp16@stochastic", "", ""},
                       {"", "", "fix2.20@stochastic", "fix2.20"},
                       {"dfp10@stochastic", "dfp12@stochastic", "dfp14@stochastic", "dfp16@stochastic"}};
  for (const Roles& roles : all) {
    for (const bool nesterov : {false, true}) {
      expect_equal_steps({{"sgd", 0.1f, 0.9f, nesterov, 0.01f}, 8.0f, roles});
    }
  }
}

/// A network with known gradients and one step behind it.
struct Prepared {
  Network network;
  std::unique_ptr<Optimizer> optimizer = make_optimizer({});
  StepContext context;

  explicit Prepared(const PrecisionPlan& plan) : network(two_linear(), plan, true) {
    network.initialize(InitScheme::he, 1);
    set_gradients();
    optimizer->step(network, 0.1f, 1, context);
    context.step = 1;
    set_gradients();
  }
  void set_gradients() {
    for (const NamedParameter& p : network.parameters()) {
      p.parameter->gradient = gradient_of(p.name(), p.parameter->values.size(), 0);
    }
  }
  Parameter& last_weight() { return *network.parameters()[4].parameter; }
};

TEST(Sgd, ANonFiniteGradientChangesNothing) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    Prepared run{PrecisionPlan()};
    const std::string before = run.network.state_hash();
    run.last_weight().gradient[7] = bad;
    try {
      run.optimizer->step(run.network, 0.1f, 1, run.context);
      FAIL() << "a gradient of " << bad << " was taken";
    } catch (const NonFinite& error) {
      EXPECT_TRUE(error.skippable());
      EXPECT_STREQ(error.what(), "step 1: gradient of weight[7] of layer fc2 became NaN or infinite");
    }
    EXPECT_EQ(run.network.state_hash(), before);
  }
}

TEST(Sgd, AGradientThatOverflowsItsFormatChangesNothingEither) {
  Prepared run{plan_with({{"fc2.weight_gradients", "fp16"}})};
  const std::string before = run.network.state_hash();
  run.last_weight().gradient[7] = 1e6f;
  try {
    run.optimizer->step(run.network, 0.1f, 1, run.context);
    FAIL() << "1e6 is no FP16 number";
  } catch (const NonFinite& error) {
    EXPECT_TRUE(error.skippable());
    EXPECT_STREQ(error.what(), "step 1: weight_gradients[7] of layer fc2 became NaN or infinite");
  }
  EXPECT_EQ(run.network.state_hash(), before);
}

TEST(Sgd, AGradientThatOverflowsWhenItIsUnscaledChangesNothingEither) {
  Prepared run{PrecisionPlan()};
  const std::string before = run.network.state_hash();
  run.last_weight().gradient[7] = 1e38f;
  EXPECT_THROW(run.optimizer->step(run.network, 0.1f, 0x1p-10f, run.context), NonFinite);
  EXPECT_EQ(run.network.state_hash(), before);
}

TEST(Sgd, AnInfiniteWeightEndsTheRun) {
  Prepared run{PrecisionPlan()};
  run.last_weight().gradient[7] = 1e38f;
  try {
    run.optimizer->step(run.network, 1e30f, 1, run.context);
    FAIL() << "an infinite weight was kept";
  } catch (const NonFinite& error) {
    EXPECT_FALSE(error.skippable());
    EXPECT_STREQ(error.what(), "step 1: weight[7] of layer fc2 became NaN or infinite");
  }
}

TEST(Sgd, MomentumThatOverflowsItsFormatEndsTheRun) {
  Prepared run{plan_with({{"fc2.momentum", "fp16"}})};
  run.last_weight().gradient[7] = 1e6f;
  try {
    run.optimizer->step(run.network, 0.1f, 1, run.context);
    FAIL() << "1e6 is no FP16 number";
  } catch (const NonFinite& error) {
    EXPECT_FALSE(error.skippable()) << "other weights have moved by now";
    EXPECT_STREQ(error.what(), "step 1: momentum[7] of layer fc2 became NaN or infinite");
  }
}

TEST(Sgd, StartsFromQuantizedMasters) {
  Network network(two_linear(), plan_with({{"master", "dfp6"}}), true);
  network.initialize(InitScheme::he, 1);
  const std::vector<float> drawn = network.parameters()[0].parameter->values;
  make_optimizer({})->begin(network, {});
  const formats::ConvertedArray expected = formats::convert(drawn, 30, formats::parse_conversion("dfp6"), {}, "w");
  EXPECT_EQ(network.parameters()[0].parameter->values, expected.values);
  EXPECT_NE(drawn, expected.values);
}

TEST(Optimizers, AnUnknownNameListsTheKnown) {
  OptimizerOptions options;
  options.name = "sdg";
  try {
    make_optimizer(options);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("sgd"), std::string::npos) << error.what();
  }
  EXPECT_EQ(optimizers().size(), 1u);
}

}  // namespace
}  // namespace precsim::nn
