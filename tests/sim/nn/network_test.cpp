// Building and running networks: shapes, names, tensor ids, initialization, the hash of the state.
#include "sim/nn/network.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <set>
#include <unordered_map>

#include "formats/error.hpp"
#include "formats/random_bits.hpp"
#include "sim/nn/loss.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <class F>
std::string refusal(F build) {
  NetworkBuilder net({1, 6, 6, 4}, 3);
  try {
    build(net);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(NetworkBuilder, RefusesWhatDoesNotFitNamingTheLayer) {
  using Net = NetworkBuilder;
  EXPECT_EQ(refusal([](Net& net) { net.conv2d("c", {.channels = 2, .kernel = 6}); }), "");
  EXPECT_THAT(refusal([](Net& net) { net.conv2d("c", {.channels = 2, .kernel = 7}); }), HasSubstr("layer c"));
  EXPECT_THAT(refusal([](Net& net) { net.conv2d("c", {.channels = 2, .kernel = 3, .stride = 0}); }),
              AllOf(HasSubstr("layer c"), HasSubstr("stride")));
  EXPECT_THAT(refusal([](Net& net) { net.conv2d("c", {.channels = 2, .kernel = 3, .pad = 3}); }), HasSubstr("pad"));
  EXPECT_THAT(refusal([](Net& net) { net.conv2d("c", {.channels = 2, .kernel = 0}); }), HasSubstr("layer c"));
  EXPECT_THAT(refusal([](Net& net) { net.conv2d("c", {.channels = -2, .kernel = 3}); }), HasSubstr("oc"));
  EXPECT_THAT(refusal([](Net& net) { net.conv2d("c", {.channels = std::int64_t{1} << 40, .kernel = 3}); }),
              HasSubstr("oc"));
  EXPECT_THAT(refusal([](Net& net) { net.conv2d("c", {.channels = 4, .kernel = 3, .groups = 0}); }),
              HasSubstr("groups"));
  EXPECT_THAT(refusal([](Net& net) { net.conv2d("c", {.channels = 4, .kernel = 3, .groups = 3}); }),
              HasSubstr("groups"));
  EXPECT_THAT(refusal([](Net& net) { net.linear("f", 3); }), AllOf(HasSubstr("layer f"), HasSubstr("flatten")));
  EXPECT_THAT(refusal([](Net& net) { net.linear("f", 0, net.flatten("flat")); }), HasSubstr("layer f"));
  EXPECT_THAT(refusal([](Net& net) { net.max_pool("p", {.size = 7, .stride = 1}); }), HasSubstr("layer p"));
  EXPECT_THAT(refusal([](Net& net) { net.max_pool("p", {.size = 2, .stride = 0}); }), HasSubstr("stride"));
  EXPECT_THAT(refusal([](Net& net) { net.average_pool("p", {.size = 0, .stride = 2}); }), HasSubstr("window"));
  EXPECT_THAT(refusal([](Net& net) { net.max_pool("p", {.size = 17}); }), HasSubstr("16x16"));
  EXPECT_THAT(refusal([](Net& net) { net.max_pool("p", {.size = 3, .pad = 3}); }),
              AllOf(HasSubstr("layer p"), HasSubstr("border")));
  EXPECT_THAT(refusal([](Net& net) { net.average_pool("p", {.size = 3, .pad = -1}); }), HasSubstr("border"));
  EXPECT_THAT(refusal([](Net& net) { net.relu("r"), net.relu("r"); }), HasSubstr("layer r"));
  EXPECT_THAT(refusal([](Net& net) { net.add("a", 0, net.conv2d("c", {.channels = 3})); }), HasSubstr("layer a"));
  EXPECT_THAT(refusal([](Net& net) {
                net.concat("j", {0, net.conv2d("c", {.channels = 2, .kernel = 2})});
              }),
              HasSubstr("layer j"));
  EXPECT_THAT(refusal([](Net& net) { net.shortcut("s", 1, 2); }), HasSubstr("layer s"));
  EXPECT_THAT(refusal([](Net& net) { net.shortcut("s", 4, 0); }), HasSubstr("stride"));
  EXPECT_THAT(refusal([](Net& net) { net.auxiliary_output(net.relu("r"), 1); }), HasSubstr("logits"));
  EXPECT_THAT(refusal([](Net& net) { net.lrn("n", {.size = 4}); }), AllOf(HasSubstr("layer n"), HasSubstr("odd")));
  EXPECT_THAT(refusal([](Net& net) { net.dropout("d", 1); }), AllOf(HasSubstr("layer d"), HasSubstr("rate")));
}

TEST(Network, KnowsItsShapesAndCounts) {
  const Network network(small_model(), PrecisionPlan(), true);
  EXPECT_EQ(network.image(), (Shape{1, 8, 8, 2}));
  EXPECT_EQ(network.output(), (Shape{1, 1, 1, 5}));
  EXPECT_EQ(network.parameter_count(), 4 * 19 + 6 * 37 + 5 * 25);
  const std::vector<Network::LayerRow> rows = network.rows();
  ASSERT_EQ(rows.size(), 7u);
  EXPECT_EQ(rows[3].name, "conv2");
  EXPECT_EQ(rows[3].output, (Shape{1, 2, 2, 6}));
  EXPECT_EQ(rows[3].parameters, 6 * 37);
  EXPECT_EQ(rows[3].macs, 4 * 6 * 36);
}

/// A shared layer, an auxiliary output beside the main one.
NetworkBuilder headed_model() {
  NetworkBuilder net({1, 2, 2, 1}, 3);
  net.flatten("flatten");
  const int shared = net.linear("shared", 5);
  net.relu("relu1");
  net.auxiliary_output(net.linear("head", 3), 0.25);
  net.relu("relu2", shared);
  net.linear("fc", 3);
  return net;
}

TEST(Network, AuxiliaryOutputsAddTheirWeightedLoss) {
  Network network(headed_model(), PrecisionPlan(), false);
  network.initialize(InitScheme::he, 3);
  Tensor images({4, 2, 2, 1});
  support::Sample sample(5);
  for (float& x : images.values) {
    x = static_cast<float>(sample.word()) * 0x1p-31f - 1;
  }
  const std::vector<std::int32_t> labels{0, 2, 1, 2};
  const StepContext context;
  std::vector<Tensor> auxiliary_gradients;
  Tensor gradient;
  const auto loss = [&] {
    std::vector<Network::Auxiliary> auxiliaries;
    LossResult main = softmax_cross_entropy(network.forward(images, context, &auxiliaries), labels, 1);
    EXPECT_EQ(auxiliaries.size(), 1u);
    LossResult other = softmax_cross_entropy(auxiliaries[0].logits, labels, auxiliaries[0].loss_weight);
    gradient = std::move(main.gradient);
    auxiliary_gradients.clear();
    auxiliary_gradients.push_back(std::move(other.gradient));
    return main.loss + auxiliaries[0].loss_weight * other.loss;
  };
  loss();
  network.backward(std::move(gradient), context, std::move(auxiliary_gradients));
  int checked = 0;
  for (const NamedParameter& p : network.parameters()) {
    const std::vector<float> found = p.parameter->gradient;
    for (std::size_t i = 0; i < found.size(); ++i, ++checked) {
      const float kept = p.parameter->values[i];
      p.parameter->values[i] = kept + 0x1p-9f;
      const double above = loss();
      p.parameter->values[i] = kept - 0x1p-9f;
      const double difference = (above - loss()) * 0x1p8;
      p.parameter->values[i] = kept;
      EXPECT_NEAR(static_cast<double>(found[i]), difference, 2e-3) << p.name() << i;
    }
  }
  EXPECT_EQ(checked, 25 + 18 + 18);
}

TEST(Network, EvaluationLeavesAuxiliaryOutputsOut) {
  Network network(headed_model(), PrecisionPlan(), false);
  network.initialize(InitScheme::he, 3);
  std::vector<std::string_view> training_only;
  std::uint64_t macs = 0;
  for (const Network::LayerRow& row : network.rows()) {
    if (row.training_only) {
      training_only.push_back(row.name);
    } else {
      macs += static_cast<std::uint64_t>(row.macs);
    }
  }
  EXPECT_EQ(training_only, (std::vector<std::string_view>{"relu1", "head"}));
  for (const Layer* layer : network.layers()) {
    EXPECT_EQ(layer->traits().classifier, layer->name() == "fc" || layer->name() == "head") << layer->name();
  }
  StepContext::Totals totals;
  StepContext context;
  context.training = false;
  context.totals = &totals;
  EXPECT_EQ(network.forward(Tensor({1, 2, 2, 1}), context).shape, (Shape{1, 1, 1, 3}));
  EXPECT_EQ(totals.all_macs, macs);
}

TEST(Network, MarksTheLayersThatSelectorsMean) {
  const Network network(normalized_model(), PrecisionPlan(), true);
  int marked = 0;
  for (const Layer* layer : network.layers()) {
    EXPECT_EQ(layer->traits().first_convolution, layer->name() == "conv1") << layer->name();
    EXPECT_EQ(layer->traits().classifier, layer->name() == "fc") << layer->name();
    EXPECT_EQ(layer->traits().input_gradient, layer->name() != "conv1") << layer->name();
    marked += layer->traits().product ? 1 : 0;
  }
  EXPECT_EQ(marked, 3);
}

TEST(Network, TensorsWithOneIdAreRefused) {
  std::unordered_map<std::uint32_t, std::string> seen;
  std::string first;
  std::string second;
  for (int i = 0; first.empty() && i < 2'000'000; ++i) {
    const std::string layer = "l" + std::to_string(i);
    const auto [at, added] = seen.emplace(formats::tensor_id(layer + "/weights"), layer);
    if (!added) {
      first = at->second;
      second = layer;
    }
  }
  ASSERT_FALSE(first.empty());
  const auto build = [&](const std::string& name) {
    NetworkBuilder net({1, 1, 1, 4}, 3);
    net.linear(first, 3);
    net.linear(name, 3);
    const Network network(std::move(net), PrecisionPlan(), true);
  };
  EXPECT_NO_THROW(build("other"));
  try {
    build(second);
    FAIL() << first << " and " << second << " have the same tensor id";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(first), HasSubstr(second), HasSubstr("rename")));
  }
}

TEST(Network, TheStateHashSeesEveryBitOfTheState) {
  Network network(normalized_model(), PrecisionPlan(), true);
  network.initialize(InitScheme::he, 1);
  std::set<std::string> hashes{network.state_hash()};
  std::size_t changes = 0;
  const auto change = [&](std::vector<float>& values) {
    const std::vector<float> kept = values;
    if (values.empty()) {
      values.assign(1, 0.0f);
    } else {
      values.back() = std::bit_cast<float>(std::bit_cast<std::uint32_t>(values.back()) ^ 1u);
    }
    hashes.insert(network.state_hash());
    values = kept;
    ++changes;
  };
  for (Layer* layer : network.layers()) {
    for (Parameter* parameter : layer->parameters()) {
      change(parameter->values);
      change(parameter->momentum);
    }
    for (const Buffer& buffer : layer->buffers()) {
      change(*buffer.values);
    }
  }
  EXPECT_EQ(changes, 2u * 8 + 4);
  EXPECT_EQ(hashes.size(), changes + 1);
}

NetworkBuilder wide() {
  NetworkBuilder net({1, 4, 4, 64}, 10);
  net.conv2d("conv", {.channels = 96, .kernel = 3, .pad = 1, .groups = 2});
  net.flatten("flatten");
  net.linear("fc1", 40);
  net.linear("fc2", 40);
  return net;
}
std::map<std::string, std::vector<float>> initial(NetworkBuilder model, InitScheme scheme, std::uint32_t seed) {
  Network network(std::move(model), PrecisionPlan(), true);
  network.initialize(scheme, seed);
  std::map<std::string, std::vector<float>> values;
  for (const NamedParameter& p : network.parameters()) {
    values[p.name()] = p.parameter->values;
  }
  return values;
}

struct Moments {
  double mean = 0, deviation = 0, kurtosis = 0;
};
Moments moments(const std::vector<float>& values) {
  const auto count = static_cast<double>(values.size());
  Moments m;
  double fourth = 0;
  for (const float v : values) {
    m.mean += static_cast<double>(v) / count;
  }
  for (const float v : values) {
    const double d = static_cast<double>(v) - m.mean;
    m.deviation += d * d / count;
    fourth += d * d * d * d / count;
  }
  m.kurtosis = fourth / (m.deviation * m.deviation);
  m.deviation = std::sqrt(m.deviation);
  return m;
}

TEST(Initialization, HeIsNormalWithVariance2ByFanIn) {
  const auto values = initial(wide(), InitScheme::he, 1);
  const std::map<std::string, double> fan_in{{"conv.weight", 9 * 32}, {"fc1.weight", 16 * 96}, {"fc2.weight", 40}};
  for (const auto& [name, fan] : fan_in) {
    const Moments m = moments(values.at(name));
    const double expected = std::sqrt(2 / fan);
    const double root = std::sqrt(static_cast<double>(values.at(name).size()));
    EXPECT_LT(std::abs(m.mean), 4 * expected / root) << name;
    EXPECT_NEAR(m.deviation / expected, 1, 4 / (root * std::sqrt(2))) << name;
    EXPECT_NEAR(m.kurtosis, 3, 4 * std::sqrt(24) / root) << name;
  }
  for (const char* bias : {"conv.bias", "fc1.bias", "fc2.bias"}) {
    EXPECT_EQ(moments(values.at(bias)).deviation, 0) << bias;
    EXPECT_EQ(values.at(bias)[0], 0) << bias;
  }
}

TEST(Initialization, GlorotIsUniformWithinItsBound) {
  const auto values = initial(wide(), InitScheme::glorot, 1);
  // Groups: every output sees half of the inputs, every input half of the outputs.
  const std::map<std::string, double> fans{
      {"conv.weight", 9 * (32 + 48)}, {"fc1.weight", 16 * 96 + 40}, {"fc2.weight", 80}};
  for (const auto& [name, fan] : fans) {
    const double bound = std::sqrt(6 / fan);
    double largest = 0;
    for (const float v : values.at(name)) {
      largest = std::max(largest, std::abs(static_cast<double>(v)));
    }
    EXPECT_LE(largest, bound * (1 + 1e-7)) << name;
    EXPECT_GT(largest, 0.99 * bound) << name;
    const Moments m = moments(values.at(name));
    const double root = std::sqrt(static_cast<double>(values.at(name).size()));
    EXPECT_LT(std::abs(m.mean), 4 * bound / std::sqrt(3) / root) << name;
    EXPECT_NEAR(m.kurtosis, 1.8, 0.1) << name;
  }
}

TEST(Initialization, IsAFunctionOfSeedAndLayerAlone) {
  for (const InitScheme scheme : {InitScheme::he, InitScheme::glorot}) {
    const auto one = initial(wide(), scheme, 1);
    EXPECT_EQ(initial(wide(), scheme, 1), one);
    EXPECT_NE(initial(wide(), scheme, 2).at("conv.weight"), one.at("conv.weight"));
    NetworkBuilder changed({1, 4, 4, 64}, 10);
    changed.conv2d("conv", {.channels = 96, .kernel = 3, .pad = 1, .groups = 2});
    changed.batch_norm("bn");
    changed.flatten("flatten");
    changed.linear("between", 16 * 96);
    changed.linear("fc1", 40);
    const auto other = initial(std::move(changed), scheme, 1);
    EXPECT_EQ(other.at("conv.weight"), one.at("conv.weight"));
    EXPECT_EQ(other.at("fc1.weight"), one.at("fc1.weight"));
    const std::vector<float>& fc1 = one.at("fc1.weight");
    const std::vector<float>& fc2 = one.at("fc2.weight");
    EXPECT_NE(fc1[0] / fc1[1], fc2[0] / fc2[1]) << "two layers, two sequences";
    EXPECT_EQ(other.at("bn.gamma"), std::vector<float>(96, 1.0f));
    EXPECT_EQ(other.at("bn.beta"), std::vector<float>(96, 0.0f));
  }
  EXPECT_EQ(parse_init("he"), InitScheme::he);
  EXPECT_EQ(parse_init("glorot"), InitScheme::glorot);
  EXPECT_THROW(parse_init("xavier"), UserError);
}

}  // namespace
}  // namespace precsim::nn
