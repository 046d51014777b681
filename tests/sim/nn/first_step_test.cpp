// The first step of lenet5 against a LeNet-5 in double precision, and what INT16 does to its gradients.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "sim/models/models.hpp"
#include "sim/nn/loss.hpp"
#include "sim/nn/named_plans.hpp"
#include "tests/sim/nn/double_layers.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

using exactly::Array;

constexpr std::int64_t batch_size = 16;
const char* const product_layers[] = {"conv1", "conv2", "fc1", "fc2", "fc3"};

struct Step {
  double loss = 0;
  std::vector<double> logits;
  std::map<std::string, std::vector<double>> gradients;
};

struct Batch {
  Tensor images{{batch_size, 28, 28, 1}};
  std::vector<std::int32_t> labels = std::vector<std::int32_t>(batch_size);
  Batch() {
    std::vector<std::int64_t> indices(batch_size);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      indices[i] = static_cast<std::int64_t>(i);
    }
    glyphs(batch_size, 10).train->read(indices, 0, images.values, labels);
  }
};

Network initialized(std::string_view plan) {
  Network network(models::build_model("lenet5", {1, 28, 28, 1}, 10), PrecisionPlan(plan), true);
  network.initialize(InitScheme::he, 1);
  return network;
}

Step first_step(std::string_view plan, const Batch& batch) {
  Network network = initialized(plan);
  const StepContext context{.seed = 1};
  const Tensor logits = network.forward(batch.images, context);
  LossResult loss = softmax_cross_entropy(logits, batch.labels, 1);
  network.backward(std::move(loss.gradient), context);
  Step step{loss.loss, {logits.values.begin(), logits.values.end()}, {}};
  for (const NamedParameter& p : network.parameters()) {
    step.gradients[p.name()] = {p.parameter->gradient.begin(), p.parameter->gradient.end()};
  }
  return step;
}

/// LeNet-5 in double, from its description.
class ExactLenet {
 public:
  explicit ExactLenet(const Network& network) {
    for (const NamedParameter& p : network.parameters()) {
      const std::vector<std::int64_t>& d = p.parameter->dimensions;
      const Shape shape = d.size() == 4 ? Shape{d[0], d[1], d[2], d[3]} : Shape{1, 1, 1, d[0]};
      parameters_[p.name()] = Array(shape, p.parameter->values);
    }
  }

  Step step(const Batch& batch) {
    Array x(batch.images.shape, batch.images.values);
    const Conv2dOptions first{.channels = 6, .kernel = 5, .pad = 2};
    const Conv2dOptions second{.channels = 16, .kernel = 5};
    const Array y1 = exactly::conv(x, weight("conv1"), bias("conv1"), first);
    std::vector<std::size_t> winners1;
    const Array p1 = exactly::pool(exactly::relu(y1), {.size = 2, .stride = 2}, true, &winners1);
    const Array y2 = exactly::conv(p1, weight("conv2"), bias("conv2"), second);
    std::vector<std::size_t> winners2;
    Array flat = exactly::pool(exactly::relu(y2), {.size = 2, .stride = 2}, true, &winners2);
    const Shape before_flatten = flat.shape;
    flat.shape = {batch_size, 1, 1, 400};
    const Array y3 = exactly::linear(flat, weight("fc1"), bias("fc1"));
    const Array y4 = exactly::linear(exactly::relu(y3), weight("fc2"), bias("fc2"));
    const Array logits = exactly::linear(exactly::relu(y4), weight("fc3"), bias("fc3"));
    Array error(logits.shape);
    result_.loss = exactly::cross_entropy(logits, batch.labels, &error);
    result_.logits = logits.values;
    error = keep("fc3", exactly::linear_backward(exactly::relu(y4), weight("fc3"), error));
    error = keep("fc2", exactly::linear_backward(exactly::relu(y3), weight("fc2"), masked(error, y4)));
    error = keep("fc1", exactly::linear_backward(flat, weight("fc1"), masked(error, y3)));
    error.shape = before_flatten;
    error = keep("conv2", exactly::conv_backward(p1, weight("conv2"), unpooled(error, y2, winners2), second));
    keep("conv1", exactly::conv_backward(x, weight("conv1"), unpooled(error, y1, winners1), first));
    return result_;
  }

 private:
  const Array& weight(const std::string& layer) { return parameters_.at(layer + ".weight"); }
  const std::vector<double>& bias(const std::string& layer) { return parameters_.at(layer + ".bias").values; }
  Array keep(const std::string& layer, const exactly::ProductGradients& gradients) {
    result_.gradients[layer + ".weight"] = gradients.weight.values;
    result_.gradients[layer + ".bias"] = gradients.bias;
    return gradients.input;
  }
  static Array masked(Array error, const Array& y) {
    for (std::size_t i = 0; i < y.values.size(); ++i) {
      error.values[i] = y.values[i] > 0 ? error.values[i] : 0;
    }
    return error;
  }
  static Array unpooled(const Array& error, const Array& y, const std::vector<std::size_t>& winners) {
    Array sum(y.shape);
    for (std::size_t i = 0; i < winners.size(); ++i) {
      sum.values[winners[i]] += error.values[i];
    }
    return masked(sum, y);
  }

  std::map<std::string, Array> parameters_;
  Step result_;
};

double norm(const std::vector<double>& a) {
  double sum = 0;
  for (const double value : a) {
    sum += value * value;
  }
  return std::sqrt(sum);
}
double distance(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] -= b[i];
  }
  return norm(a);
}
double cosine(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += a[i] * b[i];
  }
  return sum / (norm(a) * norm(b));
}

TEST(FirstStep, OfLenet5InFp32IsThatOfALenet5InDouble) {
  const Batch batch;
  const Step found = first_step("fp32", batch);
  const Step exact = ExactLenet(initialized("fp32")).step(batch);
  EXPECT_NEAR(found.loss, exact.loss, 1e-6 * exact.loss);
  EXPECT_LT(distance(found.logits, exact.logits), 1e-6 * norm(exact.logits));
  ASSERT_EQ(found.gradients.size(), 10u);
  for (const auto& [name, gradient] : exact.gradients) {
    ASSERT_EQ(found.gradients.at(name).size(), gradient.size()) << name;
    EXPECT_GT(norm(gradient), 1e-3) << name;
    EXPECT_LT(distance(found.gradients.at(name), gradient), 2e-6 * norm(gradient)) << name;
  }
}

TEST(FirstStep, Int16GradientsPointWhereFp32Points) {
  const Batch batch;
  const Step fp32 = first_step("fp32", batch);
  const Step dfp16 = first_step("dfp16", batch);
  const Step dfp4 = first_step("dfp4", batch);
  for (const std::string layer : product_layers) {
    const std::vector<double>& reference = fp32.gradients.at(layer + ".weight");
    const double close = cosine(dfp16.gradients.at(layer + ".weight"), reference);
    const double coarse = cosine(dfp4.gradients.at(layer + ".weight"), reference);
    std::cout << "first-step weight gradient of " << layer << " against fp32: cosine " << close << " (dfp16, 1 - "
              << 1 - close << "), " << coarse << " (dfp4)\n";
    EXPECT_GT(close, 0.999) << layer;
    EXPECT_LT(close, 1) << layer;
    EXPECT_LT(coarse, 0.9999) << layer;
    EXPECT_GT(cosine(dfp16.gradients.at(layer + ".bias"), fp32.gradients.at(layer + ".bias")), 0.999) << layer;
  }
}

/// Grouped convolutions as in AlexNet (5x5 in two groups), and odd channels per group.
NetworkBuilder grouped_model() {
  NetworkBuilder net({1, 8, 8, 2}, 5);
  net.conv2d("conv1", {.channels = 12, .kernel = 3, .pad = 1});
  net.relu("relu1");
  net.conv2d("conv2", {.channels = 18, .kernel = 5, .pad = 2, .groups = 2});
  net.relu("relu2");
  net.conv2d("conv3", {.channels = 12, .kernel = 3, .stride = 2, .groups = 6, .bias = false});
  net.relu("relu3");
  net.global_average_pool("pool");
  net.linear("fc", net.classes());
  return net;
}

TEST(GroupedConvolutions, HaveTheSameBitsWithEveryEngine) {
  for (const NamedPlan& plan : named_plans()) {
    SCOPED_TRACE(plan.name);
    TrainingOptions options = few_steps(2);
    std::vector<std::string> hashes;
    for (const kernels::Engine engine : {kernels::Engine::simulate, kernels::Engine::native, kernels::Engine::check}) {
      options.engine = engine;
      const Trained run = train(grouped_model(), PrecisionPlan(plan.name), options);
      EXPECT_EQ(run.result.outcome, Outcome::finished) << run.result.message;
      hashes.push_back(run.hash);
    }
    EXPECT_EQ(hashes[0], hashes[1]);
    EXPECT_EQ(hashes[0], hashes[2]);
  }
}

}  // namespace
}  // namespace precsim::nn
