// Dropout and local response normalization: their draws and bits, and that threads change nothing.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>

#include "sim/nn/dropout.hpp"
#include "sim/nn/lrn.hpp"
#include "sim/nn/merge_layers.hpp"
#include "sim/nn/pool.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

StoredPtr noise(const Shape& shape, std::uint64_t seed) {
  Tensor tensor(shape);
  support::Sample sample(seed);
  for (float& x : tensor.values) {
    x = static_cast<float>(sample.word()) * 0x1p-30f - 2.0f;
  }
  return std::make_shared<Stored>(std::move(tensor));
}

struct Both {
  std::vector<std::uint32_t> output;
  std::vector<std::vector<std::uint32_t>> gradients;
  friend bool operator==(const Both&, const Both&) = default;
};
Both run(Layer& layer, const std::vector<SourcePtr>& inputs, const StepContext& context) {
  layer.configure(layer.traits(), PrecisionPlan("fp32").layer(layer.traits()));
  const Tensor y = evaluate(*layer.forward(inputs, context));
  Both both{bits_of(y.values), {}};
  for (const SourcePtr& dx : layer.backward(noise(y.shape, 99), context)) {
    both.gradients.push_back(bits_of(evaluate(*dx).values));
  }
  return both;
}

TEST(Dropout, DropsItsShareWithDrawsOfStepSeedAndLayer) {
  const StoredPtr x = noise({4, 1, 1, 4096}, 1);
  const auto layer = dropout("drop", 0.7);
  StepContext context;
  const Both first = run(*layer, {x}, context);
  const auto zeros = static_cast<double>(std::count(first.output.begin(), first.output.end(), 0u));
  EXPECT_NEAR(zeros / 16384, 0.7, 0.02);
  for (std::size_t i = 0; i < first.output.size(); ++i) {
    ASSERT_EQ(first.output[i] == 0, first.gradients[0][i] == 0) << i;
  }
  EXPECT_EQ(run(*layer, {x}, context), first);
  EXPECT_NE(run(*dropout("other", 0.7), {x}, context), first);
  context.step = 1;
  EXPECT_NE(run(*layer, {x}, context), first);
  context.step = 0;
  context.seed = 1;
  EXPECT_NE(run(*layer, {x}, context), first);
}

TEST(Dropout, LeavesEvaluationAlone) {
  const StoredPtr x = noise({2, 1, 1, 50}, 1);
  StepContext context;
  context.training = false;
  const SourcePtr y = dropout("drop", 0.5)->forward(std::vector<SourcePtr>{x}, context);
  EXPECT_EQ(bits_of(evaluate(*y).values), bits_of(x->values()));
}

TEST(Dropout, CommutesWithReluInEveryBit) {
  const StoredPtr x = noise({2, 3, 3, 20}, 4);
  const auto layer = dropout("drop", 0.4);
  const StepContext context;
  Tensor before = evaluate(*layer->forward(std::vector<SourcePtr>{x}, context));
  Tensor rectified = x->tensor;
  for (Tensor* tensor : {&before, &rectified}) {
    for (float& value : tensor->values) {
      value = value > 0 ? value : 0.0f;
    }
  }
  const SourcePtr after = layer->forward(std::vector<SourcePtr>{source_of(rectified)}, context);
  EXPECT_EQ(bits_of(before.values), bits_of(evaluate(*after).values));
}

TEST(Lrn, FollowsItsSequenceInEveryBit) {
  const LrnOptions options{.size = 3, .alpha = 0.3f, .k = 1.5f};
  const StoredPtr x = noise({2, 3, 5, 37}, 3);
  const std::int64_t channels = x->shape().c;
  const std::vector<float> dy = vector_of(noise(x->shape(), 99)->values());
  const Both found = run(*lrn("lrn", options), {x}, StepContext{});
  const float alpha = options.alpha / 3;
  std::vector<float> base(dy.size());
  std::vector<float> factor(dy.size());
  std::vector<float> term(dy.size());
  const auto window = [&](std::int64_t i, auto value) {
    float sum = 0;
    for (std::int64_t j = i - 1; j <= i + 1; ++j) {
      sum += j >= 0 && j / channels == i / channels ? value(static_cast<std::size_t>(j)) : 0.0f;
    }
    return sum;
  };
  for (std::size_t i = 0; i < dy.size(); ++i) {
    const float sum =
        window(static_cast<std::int64_t>(i), [&](std::size_t j) { return x->values()[j] * x->values()[j]; });
    base[i] = options.k + alpha * sum;
    const float root = std::sqrt(base[i]);
    factor[i] = 1 / (root * std::sqrt(root));
    term[i] = (dy[i] * (x->values()[i] * factor[i])) / base[i];
    ASSERT_EQ(found.output[i], std::bit_cast<std::uint32_t>(x->values()[i] * factor[i])) << i;
  }
  for (std::size_t i = 0; i < dy.size(); ++i) {
    const float sum = window(static_cast<std::int64_t>(i), [&](std::size_t j) { return term[j]; });
    const float dx = dy[i] * factor[i] - (1.5f * alpha * x->values()[i]) * sum;
    ASSERT_EQ(found.gradients[0][i], std::bit_cast<std::uint32_t>(dx)) << i;
  }
}

TEST(Layers, ThreadsChangeNoBit) {
  const StoredPtr a = noise({2, 33, 33, 37}, 5);
  const StoredPtr b = noise({2, 33, 33, 37}, 6);
  struct Case {
    std::unique_ptr<Layer> layer;
    std::vector<SourcePtr> inputs;
  };
  std::vector<Case> cases;
  cases.push_back({add("layer"), {a, b}});
  cases.push_back({concat("layer"), {a, b, a}});
  cases.push_back({shortcut("layer", 80, 1), {a}});
  cases.push_back({lrn("layer", {}), {a}});
  cases.push_back({dropout("layer", 0.5), {a}});
  cases.push_back({max_pool("layer", {.size = 3, .stride = 1, .pad = 1}), {a}});
  cases.push_back({average_pool("layer", {.size = 3, .stride = 1, .pad = 1}), {a}});
  const int threads = omp_get_max_threads();
  for (Case& c : cases) {
    omp_set_num_threads(1);
    const Both one = run(*c.layer, c.inputs, StepContext{});
    omp_set_num_threads(3);
    EXPECT_EQ(run(*c.layer, c.inputs, StepContext{}), one) << c.layer->kind();
  }
  omp_set_num_threads(threads);
}

}  // namespace
}  // namespace precsim::nn
