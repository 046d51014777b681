// Outputs and gradients of every layer against double precision: central differences of independent definitions.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <regex>
#include <set>
#include <sstream>

#include "sim/models/models.hpp"
#include "sim/nn/dropout.hpp"
#include "sim/nn/elementwise_layers.hpp"
#include "sim/nn/loss.hpp"
#include "sim/nn/lrn.hpp"
#include "sim/nn/merge_layers.hpp"
#include "sim/nn/pool.hpp"
#include "tests/sim/nn/double_layers.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

using exactly::Array;
using Arrays = std::vector<Array>;
using Values = std::vector<std::vector<double>>;  // per parameter

struct LayerCase {
  std::string name;
  std::unique_ptr<Layer> layer;
  std::vector<Shape> inputs;
  std::function<Array(const Arrays& x, const Values& parameters)> exact;
};

Values doubles(Layer& layer) {
  Values values;
  for (const Parameter* p : layer.parameters()) {
    values.emplace_back(p->values.begin(), p->values.end());
  }
  return values;
}

LayerCase convolution(const std::string& name, const Shape& input, const Conv2dOptions& options) {
  return {name, ProductLayer::conv2d("layer", input.c, options), {input}, [=](const Arrays& x, const Values& p) {
            Array weight({options.channels, options.kernel, options.kernel, input.c / options.groups});
            weight.values = p[0];
            return exactly::conv(x[0], weight, options.bias ? std::span<const double>(p[1]) : std::span<const double>(),
                                 options);
          }};
}

LayerCase linear_case(const std::string& name, std::int64_t inputs, std::int64_t outputs, bool bias) {
  return {name,
          ProductLayer::linear("layer", inputs, outputs, bias),
          {{5, 1, 1, inputs}},
          [=](const Arrays& x, const Values& p) {
            Array weight({outputs, 1, 1, inputs});
            weight.values = p[0];
            return exactly::linear(x[0], weight, bias ? std::span<const double>(p[1]) : std::span<const double>());
          }};
}

LayerCase pooling(const std::string& name, const Shape& input, const PoolOptions& options, bool maximum) {
  return {name,
          maximum ? max_pool("layer", options) : average_pool("layer", options),
          {input},
          [=](const Arrays& x, const Values&) { return exactly::pool(x[0], options, maximum); }};
}

std::vector<LayerCase> cases() {
  std::vector<LayerCase> all;
  all.push_back(convolution("conv", {2, 5, 6, 3}, {.channels = 4, .kernel = 3}));
  all.push_back(convolution("conv_stride_pad", {2, 6, 5, 3}, {.channels = 2, .kernel = 3, .stride = 2, .pad = 1}));
  all.push_back(convolution("conv_groups", {2, 4, 4, 6}, {.channels = 4, .kernel = 2, .pad = 1, .groups = 2}));
  all.push_back(convolution("conv_depthwise", {1, 5, 5, 3}, {.channels = 3, .kernel = 3, .groups = 3}));
  all.push_back(convolution("conv_no_bias", {2, 4, 5, 2}, {.channels = 3, .kernel = 3, .pad = 2, .bias = false}));
  all.push_back(convolution("conv_hole_stride", {1, 7, 7, 2}, {.channels = 2, .kernel = 1, .stride = 3}));
  all.push_back(linear_case("linear", 7, 4, true));
  all.push_back(linear_case("linear_no_bias", 3, 6, false));
  all.push_back(
      {"relu", relu("layer"), {{2, 3, 4, 3}}, [](const Arrays& x, const Values&) { return exactly::relu(x[0]); }});
  all.push_back(pooling("max", {2, 5, 4, 3}, {.size = 2, .stride = 2}, true));
  all.push_back(pooling("max_overlap", {2, 5, 5, 2}, {.size = 3, .stride = 1}, true));
  all.push_back(pooling("max_gaps", {1, 7, 6, 2}, {.size = 2, .stride = 3}, true));
  all.push_back(pooling("average", {2, 5, 4, 3}, {.size = 2, .stride = 2}, false));
  all.push_back(pooling("average_overlap", {2, 7, 5, 2}, {.size = 3, .stride = 2}, false));
  all.push_back({"global", global_average_pool("layer"), {{3, 4, 5, 2}}, [](const Arrays& x, const Values&) {
                   return exactly::pool(x[0], {.size = 0}, false);
                 }});
  all.push_back(pooling("max_pad", {2, 6, 7, 3}, {.size = 3, .stride = 2, .pad = 1}, true));
  all.push_back(pooling("max_ceil", {2, 6, 7, 3}, {.size = 3, .stride = 2, .ceil = true}, true));
  all.push_back(pooling("max_pad_ceil", {2, 6, 5, 3}, {.size = 2, .stride = 3, .pad = 1, .ceil = true}, true));
  all.push_back(pooling("average_pad", {2, 6, 7, 3}, {.size = 3, .stride = 2, .pad = 1}, false));
  all.push_back(pooling("average_pad_ceil", {2, 6, 5, 3}, {.size = 4, .stride = 3, .pad = 2, .ceil = true}, false));
  all.push_back({"flatten", flatten("layer"), {{2, 3, 2, 4}}, [](const Arrays& x, const Values&) {
                   Array y({x[0].shape.n, 1, 1, x[0].shape.h * x[0].shape.w * x[0].shape.c});
                   y.values = x[0].values;
                   return y;
                 }});
  all.push_back({"batch_norm", batch_norm("layer", 3), {{4, 3, 5, 3}}, [](const Arrays& x, const Values& p) {
                   return exactly::batch_norm(x[0], p[0], p[1]);
                 }});
  all.push_back({"batch_norm_vectors", batch_norm("layer", 5), {{6, 1, 1, 5}}, [](const Arrays& x, const Values& p) {
                   return exactly::batch_norm(x[0], p[0], p[1]);
                 }});
  all.push_back({"add", add("layer"), {{2, 3, 4, 5}, {2, 3, 4, 5}}, [](const Arrays& x, const Values&) {
                   return exactly::add(x[0], x[1]);
                 }});
  all.push_back({"shortcut", shortcut("layer", 5, 2), {{2, 5, 4, 3}}, [](const Arrays& x, const Values&) {
                   return exactly::shortcut(x[0], 5, 2);
                 }});
  all.push_back(
      {"concat", concat("layer"), {{2, 3, 4, 5}, {2, 3, 4, 1}, {2, 3, 4, 3}}, [](const Arrays& x, const Values&) {
         return exactly::concat(x);
       }});
  all.push_back({"lrn", lrn("layer", {.alpha = 0.7f, .k = 2}), {{2, 2, 3, 7}}, [](const Arrays& x, const Values&) {
                   return exactly::lrn(x[0], 5, 0.7, 2);
                 }});
  all.push_back({"lrn_few_channels",
                 lrn("layer", {.size = 7, .alpha = 0.5f}),
                 {{3, 2, 2, 2}},
                 [](const Arrays& x, const Values&) { return exactly::lrn(x[0], 7, 0.5, 1); }});
  all.push_back(
      {"dropout", dropout("layer", 0.4), {{3, 2, 2, 9}}, [](const Arrays& x, const Values&) {
         return exactly::dropout(x[0], 0.4, {0, formats::Stream::dropout, 0, formats::tensor_id("layer/dropout"), 0});
       }});
  return all;
}

/// A shuffled ladder: no two values closer than a step, none near 0, so that differences meet no kink.
std::vector<float> ladder(std::size_t size, support::Sample& sample) {
  std::vector<float> values(size);
  for (std::size_t i = 0; i < size; ++i) {
    values[i] = (static_cast<float>(i) + 0.5f) * 2 / static_cast<float>(size) - 1;
    values[i] += values[i] > 0 ? 0.01f : -0.01f;
    std::swap(values[i], values[sample.below(i + 1)]);
  }
  return values;
}

struct Gradients {
  Tensor output;
  std::vector<std::vector<float>> inputs;
  std::vector<std::vector<float>> parameters;
};

/// Runs the layer forward and backward for the loss sum(y * direction).
Gradients run(Layer& layer, const std::vector<SourcePtr>& inputs, const std::vector<float>& direction) {
  layer.configure(layer.traits(), PrecisionPlan("fp32").layer(layer.traits()));
  const StepContext context;
  Gradients result;
  result.output = evaluate(*layer.forward(inputs, context));
  layer.keep_output(std::make_shared<Stored>(result.output));
  Tensor gradient(result.output.shape);
  std::copy_n(direction.begin(), gradient.values.size(), gradient.values.begin());
  const std::vector<SourcePtr> gradients = layer.backward(source_of(std::move(gradient)), context);
  EXPECT_EQ(gradients.size(), inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(gradients[i]->shape(), inputs[i]->shape());
    result.inputs.push_back(vector_of(evaluate(*gradients[i]).values));
  }
  for (const Parameter* p : layer.parameters()) {
    result.parameters.push_back(p->gradient);
  }
  return result;
}

/// Each entry against the central difference of `loss` in the same entry of `at`; the error is relative to the
/// largest entry.
void expect_differences(const std::vector<float>& gradient, std::vector<double>& at,
                        const std::function<double()>& loss, const std::string& what) {
  ASSERT_EQ(gradient.size(), at.size()) << what;
  constexpr double step = 1e-5;
  double largest = 0;
  double worst = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double kept = at[i];
    at[i] = kept + step;
    const double above = loss();
    at[i] = kept - step;
    const double difference = (above - loss()) / (2 * step);
    at[i] = kept;
    largest = std::max(largest, std::abs(difference));
    worst = std::max(worst, std::abs(difference - static_cast<double>(gradient[i])));
  }
  EXPECT_GT(largest, 0.01) << what;
  EXPECT_LT(worst, 5e-6 * std::max(largest, 1.0)) << what;
}

TEST(Gradient, OfEveryLayerIsTheDifferenceOfItsDefinition) {
  std::size_t tested = 0;
  for (LayerCase& c : cases()) {
    SCOPED_TRACE(c.name);
    support::Sample sample(++tested);
    std::vector<SourcePtr> inputs;
    Arrays x;
    for (const Shape& shape : c.inputs) {
      auto stored = std::make_shared<Stored>();
      stored->tensor = Tensor(shape);
      stored->tensor.values = ladder(stored->tensor.values.size(), sample);
      x.emplace_back(shape, stored->tensor.values);
      inputs.push_back(std::move(stored));
    }
    for (Parameter* p : c.layer->parameters()) {
      p->values = ladder(p->values.size(), sample);
    }
    Values parameters = doubles(*c.layer);
    const Array expected = c.exact(x, parameters);
    const std::vector<float> direction = ladder(expected.values.size(), sample);

    const Gradients found = run(*c.layer, inputs, direction);
    ASSERT_EQ(found.output.shape, expected.shape);
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(found.output.values[i]), expected.values[i], 3e-6) << i;
    }
    const auto loss = [&] {
      const Array y = c.exact(x, parameters);
      double sum = 0;
      for (std::size_t i = 0; i < y.values.size(); ++i) {
        sum += y.values[i] * static_cast<double>(direction[i]);
      }
      return sum;
    };
    for (std::size_t i = 0; i < x.size(); ++i) {
      expect_differences(found.inputs[i], x[i].values, loss, "input " + std::to_string(i));
    }
    ASSERT_EQ(found.parameters.size(), parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      expect_differences(found.parameters[i], parameters[i], loss, c.layer->parameters()[i]->name);
    }
  }
  EXPECT_EQ(tested, 29u);
}

TEST(Gradient, OfSoftmaxCrossEntropyIsTheDifferenceOfTheLoss) {
  support::Sample sample(7);
  Tensor logits({6, 1, 1, 5});
  logits.values = ladder(logits.values.size(), sample);
  for (float& x : logits.values) {
    x *= 6;
  }
  const std::vector<std::int32_t> labels{0, 4, 2, 2, 1, 3};
  Array x(logits.shape, logits.values);
  for (const double scale : {1.0, 1024.0}) {
    LossResult found = softmax_cross_entropy(logits, labels, scale);
    EXPECT_NEAR(found.loss, exactly::cross_entropy(x, labels), 1e-14);
    for (float& g : found.gradient.values) {
      g = g / static_cast<float>(scale);
    }
    expect_differences(
        vector_of(found.gradient.values), x.values, [&] { return exactly::cross_entropy(x, labels); }, "logits");
  }
}

TEST(Loss, CountsTheLargestAndTheFiveLargest) {
  Tensor logits({4, 1, 1, 7});
  logits.values = {7, 6, 5, 4, 3, 2, 1,   // label 4 is fifth
                   7, 6, 5, 4, 3, 2, 1,   // label 5 is sixth
                   1, 1, 1, 1, 1, 1, 1,   // of equal ones label 4 is fifth
                   0, 0, 0, 0, 0, 0, 9};  // label 6 is first
  const LossResult result = softmax_cross_entropy(logits, std::vector<std::int32_t>{4, 5, 4, 6}, 1);
  EXPECT_EQ(result.correct, 1);
  EXPECT_EQ(result.correct5, 3);
  const LossResult behind = softmax_cross_entropy(logits, std::vector<std::int32_t>{0, 0, 5, 0}, 1);
  EXPECT_EQ(behind.correct, 2);
  EXPECT_EQ(behind.correct5, 3) << "a sixth of equal ones is not among five";
}

TEST(Gradient, TheLossOfSureLogitsStaysFinite) {
  Tensor logits({2, 1, 1, 3});
  logits.values = {3e38f, -3e38f, 0, 1, 1, 0.5f};
  const LossResult right = softmax_cross_entropy(logits, std::vector<std::int32_t>{0, 0}, 1);
  EXPECT_EQ(right.correct, 2) << "the first of equal logits counts";
  EXPECT_TRUE(std::isfinite(right.loss));
  const LossResult wrong = softmax_cross_entropy(logits, std::vector<std::int32_t>{1, 1}, 1);
  EXPECT_EQ(wrong.correct, 0);
  EXPECT_GT(wrong.loss, 1e38);
  for (const float g : wrong.gradient.values) {
    EXPECT_TRUE(std::isfinite(g));
  }
}

TEST(Gradient, TheFirstMaximumOfAWindowTakesTheWholeGradient) {
  const auto layer = max_pool("pool", {.size = 2, .stride = 1});
  auto input = std::make_shared<Stored>();
  input->tensor = Tensor({1, 2, 3, 1});
  input->tensor.values = {1, 5, 5, 5, 5, 0};
  const Gradients found = run(*layer, {input}, {10, 1});
  EXPECT_EQ(found.output.values, (std::vector<float>{5, 5}));
  EXPECT_EQ(found.inputs[0], (std::vector<float>{0, 11, 0, 0, 0, 0}));
}

TEST(Gradient, ReluIsPositiveZeroAndPassesNothingAtZero) {
  const auto layer = relu("relu");
  auto input = std::make_shared<Stored>();
  input->tensor = Tensor({1, 1, 1, 4});
  input->tensor.values = {-0.0f, 0.0f, -3, 0x1p-149f};
  const Gradients found = run(*layer, {input}, {1, 1, 1, 1});
  EXPECT_EQ(bits_of(found.output.values), bits_of(std::vector<float>{0.0f, 0.0f, 0.0f, 0x1p-149f}));
  EXPECT_EQ(found.inputs[0], (std::vector<float>{0, 0, 0, 1}));
}

/// The kinds of layers that the builder can add, as its header declares them.
std::set<std::string> builder_kinds() {
  std::ifstream file(PRECSIM_GOLDEN_DIR "/../../sim/nn/network.hpp");
  std::stringstream text;
  text << file.rdbuf();
  const std::string source = text.str();
  const std::regex declaration(R"(\n  int (\w+)\(std::string name)");
  std::set<std::string> kinds;
  for (std::sregex_iterator at(source.begin(), source.end(), declaration), end; at != end; ++at) {
    kinds.insert((*at)[1]);
  }
  return kinds;
}

TEST(Gradient, EveryKindOfLayerIsAmongTheCases) {
  std::set<std::string> tested;
  for (const LayerCase& c : cases()) {
    tested.emplace(c.layer->kind());
  }
  const std::set<std::string> exist = builder_kinds();
  EXPECT_GE(exist.size(), 8u);
  EXPECT_EQ(tested, exist);
  for (const models::ModelEntry& model : models::models()) {
    const Network network(models::build_model(model.name, model.image, model.classes), PrecisionPlan(), true);
    for (const Network::LayerRow& row : network.rows()) {
      EXPECT_TRUE(tested.contains(row.kind)) << row.kind << " of " << model.name;
    }
  }
}

}  // namespace
}  // namespace precsim::nn
