// Every role that a plan sets is really quantized; every combination of operands multiplies what it says.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "formats/convert.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

std::set<float> distinct(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

/// The layers of normalized_model() that have a role.
std::vector<std::string> holders(Role role) {
  std::vector<std::string> layers{"conv1", "conv2", "fc"};
  if (role == Role::saved) {
    layers.insert(layers.end(), {"bn1", "bn2"});
  }
  return layers;
}

/// Values of a format convert to themselves.
void expect_values_of(const Recorder::TensorRow& row, const std::string& format) {
  const formats::Conversion conversion = formats::parse_conversion(format + "@nearest_even");
  const std::vector<float>& values = row.converted;
  const formats::ConvertedArray again =
      formats::convert(values, static_cast<std::int64_t>(values.size()), conversion, {}, "values");
  EXPECT_EQ(again.values, values) << row.layer << " " << name(row.role) << " as " << format;
}

class EveryRole : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryRole, IsQuantizedWhereAPlanSetsIt) {
  const std::string& format = GetParam();
  const Trained plain = train(normalized_model(), PrecisionPlan(), few_steps(2));
  ASSERT_EQ(plain.result.outcome, Outcome::finished);
  for (const RoleEntry& role : roles()) {
    SCOPED_TRACE(role.name);
    const Trained run = train(normalized_model(), plan_with({{std::string(role.name), format}}), few_steps(2));
    ASSERT_EQ(run.result.outcome, Outcome::finished) << run.result.message;
    for (const std::string& layer : holders(role.role)) {
      const auto rows = run.recorder.of(layer, role.role, 1);
      ASSERT_EQ(rows.size(), 1u) << layer;
      EXPECT_NE(rows[0]->source, rows[0]->converted) << layer << ": a conversion that changes nothing shows nothing";
      EXPECT_EQ(rows[0]->conversion, formats::parse_conversion(format).name());
      EXPECT_GT(distinct(rows[0]->converted).size(), 1u) << layer;
      if (format == "dfp4") {
        EXPECT_LE(distinct(rows[0]->converted).size(), 15u) << layer;
      }
      expect_values_of(*rows[0], format);
    }
    EXPECT_NE(run.values.at("conv1.weight"), plain.values.at("conv1.weight"));
    EXPECT_NE(run.values.at("conv2.weight"), plain.values.at("conv2.weight"));
    EXPECT_NE(run.hash, plain.hash);
    for (const RoleEntry& other : roles()) {
      if (other.role != role.role && !other.operand) {
        for (const Recorder::TensorRow* row : run.recorder.of("conv1", other.role)) {
          EXPECT_EQ(row->source, row->converted) << other.name << " was converted too";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryRole, ::testing::Values("dfp4", "fix4.6", "fp8_e4m3fn:overflow=saturate"),
                         [](const auto& instance) {
                           return instance.param == "dfp4" ? "dfp4" : instance.param == "fix4.6" ? "fix4_6" : "fp8";
                         });

TEST(Roles, WhatTheOptimizerKeepsIsInItsFormat) {
  const Trained run = train(small_model(), plan_with({{"master", "dfp5"}, {"momentum", "dfp4"}}), few_steps(3));
  for (const char* layer : {"conv1", "conv2", "fc"}) {
    const std::string weight = std::string(layer) + ".weight";
    EXPECT_LE(distinct(run.values.at(weight)).size(), 31u) << weight;
    EXPECT_LE(distinct(run.momenta.at(weight)).size(), 15u) << weight;
    EXPECT_EQ(run.recorder.of(layer, Role::master, 2).at(0)->converted, run.values.at(weight));
    EXPECT_EQ(run.recorder.of(layer, Role::momentum, 2).at(0)->converted, run.momenta.at(weight));
  }
  EXPECT_GT(distinct(run.momenta.at("conv1.bias")).size(), 1u);
}

TEST(Roles, WeightGradientsOfAStepAreWhatWasConverted) {
  const Trained run = train(small_model(), plan_with({{"weight_gradients", "dfp4"}}), few_steps());
  for (const char* layer : {"conv1", "conv2", "fc"}) {
    EXPECT_EQ(run.recorder.of(layer, Role::weight_gradients).at(0)->converted,
              run.gradients.at(std::string(layer) + ".weight"));
  }
}

TEST(Roles, AnOverrideReachesItsLayerAlone) {
  const Trained run = train(small_model(), plan_with({{"conv2.weights", "dfp4"}}), few_steps());
  EXPECT_LE(distinct(run.recorder.of("conv2", Role::weights).at(0)->converted).size(), 15u);
  for (const char* layer : {"conv1", "fc"}) {
    const auto rows = run.recorder.of(layer, Role::weights);
    EXPECT_EQ(rows.at(0)->source, rows.at(0)->converted) << layer;
  }
}

TEST(Roles, ProductsSayHowTheirOperandsMet) {
  const auto operands = [](const Settings& settings) {
    const Trained run = train(small_model(), plan_with(settings), few_steps());
    std::map<std::string, std::string> of_pass;
    for (const Recorder::ProductRow& row : run.recorder.products) {
      if (row.layer == "conv2") {
        of_pass[std::string(kernels::name(row.pass))] = row.operands + " " + row.semantics;
      }
    }
    return of_pass;
  };
  using Map = std::map<std::string, std::string>;
  const std::string integer = "integer int32:chain=auto";
  EXPECT_EQ(operands({}),
            (Map{{"forward", "float fp32"}, {"input_gradient", "float fp32"}, {"weight_gradient", "float fp32"}}));
  EXPECT_EQ(operands({{"weights", "dfp8"}, {"activations", "fix3.8"}, {"errors", "dfp12"}}),
            (Map{{"forward", integer}, {"input_gradient", integer}, {"weight_gradient", integer}}));
  EXPECT_EQ(operands({{"weights", "dfp8"}, {"activations", "fp16"}, {"float_accumulator.forward", "bf16"}}),
            (Map{{"forward", "mixed bf16"}, {"input_gradient", "mixed fp32"}, {"weight_gradient", "float fp32"}}));
}

TEST(Roles, IntegerMacsAreCountedPerPass) {
  const auto totals = [](const Settings& settings) {
    TrainingOptions options = few_steps();
    const data::Splits splits = pictures();
    Recorder recorder;
    Network network(small_model(), plan_with(settings), true);
    return Trainer(options, network, splits).run(recorder).totals;
  };
  // Per image: conv1 64 * 4 * 18, conv2 4 * 6 * 36, fc 24 * 5; 8 images trained, 10 evaluated.
  const std::uint64_t conv1 = 4608;
  const std::uint64_t rest = 864 + 120;
  const StepContext::Totals all = totals({{"weights", "dfp8"}, {"activations", "dfp8"}, {"errors", "dfp8"}});
  EXPECT_EQ(all.all_macs, 8 * (2 * conv1 + 3 * rest) + 10 * (conv1 + rest));
  EXPECT_EQ(all.integer_macs, all.all_macs);
  const StepContext::Totals forward = totals({{"weights", "dfp8"}, {"activations", "dfp8"}});
  EXPECT_EQ(forward.all_macs, all.all_macs);
  EXPECT_EQ(forward.integer_macs, 18 * (conv1 + rest));
  EXPECT_EQ(totals({}).integer_macs, 0u);
}

/// Output, input gradient and weight gradient of one layer under a plan.
std::vector<std::vector<float>> one_layer(const Settings& settings, const std::vector<float>& weights, const Tensor& x,
                                          const Tensor& dy) {
  const auto layer = ProductLayer::conv2d("conv", 3, {.channels = 4, .kernel = 3, .pad = 1});
  layer->configure(layer->traits(), plan_with(settings).layer(layer->traits()));
  layer->parameters()[0]->values = weights;
  const Tensor y = evaluate(*layer->forward(std::vector<SourcePtr>{std::make_shared<Stored>(x)}, {}));
  const Tensor dx = evaluate(*layer->backward(std::make_shared<Stored>(dy), {})[0]);
  return {vector_of(y.values), vector_of(dx.values), layer->parameters()[0]->gradient};
}

TEST(Roles, AMixedProductIsTheFloatProductOfTheDecodedValues) {
  support::Sample sample(3);
  const auto fill = [&](auto& values) {
    for (float& value : values) {
      value = sample.normal_float(-6, 1);
    }
  };
  Tensor x({2, 5, 5, 3});
  Tensor dy({2, 5, 5, 4});
  std::vector<float> weights(4 * 9 * 3);
  fill(x.values);
  fill(dy.values);
  fill(weights);
  int compared = 0;
  for (const char* format : {"dfp8", "dfp16:headroom=1", "fix2.5"}) {
    const formats::Conversion conversion = formats::parse_conversion(format);
    const std::vector<float> decoded = formats::convert(weights, 108, conversion, {}, "weights").values;
    ASSERT_NE(decoded, weights);
    EXPECT_EQ(one_layer({{"weights", format}}, weights, x, dy), one_layer({}, decoded, x, dy)) << format;
    ++compared;
  }
  EXPECT_EQ(compared, 3);
}

}  // namespace
}  // namespace precsim::nn
