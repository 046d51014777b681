// What is stored once, who reads it, and which random bits a conversion draws.
#include <gtest/gtest.h>

#include <cmath>

#include "formats/convert.hpp"
#include "formats/error.hpp"
#include "sim/nn/quantizer.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

using Uses = std::vector<std::string>;

Uses uses(const Trained& run, std::string_view layer, Role role, std::int64_t step = 0) {
  Uses found;
  for (const Recorder::TensorRow* row : run.recorder.of(layer, role, step)) {
    found.push_back(row->use);
  }
  return found;
}

TEST(Storage, ATensorWithOneScaleIsConvertedOncePerStep) {
  for (const char* format : {"dfp8", "fp16", "fix3.9", "fp32"}) {
    const Trained run = train(
        small_model(), plan_with({{"weights", format}, {"activations", format}, {"errors", format}}), few_steps(2));
    for (const std::int64_t step : {0, 1}) {
      for (const char* layer : {"conv1", "conv2", "fc"}) {
        for (const Role role : {Role::weights, Role::activations, Role::errors}) {
          EXPECT_EQ(uses(run, layer, role, step), Uses{"all"}) << format << " " << layer << " " << name(role);
        }
      }
    }
  }
}

TEST(Storage, BlocksAreConvertedForEachUse) {
  const Trained run =
      train(small_model(),
            plan_with({{"weights", "dfp8:block=4"}, {"activations", "dfp8:block=4"}, {"errors", "dfp8:block=4"}}),
            few_steps());
  for (const char* layer : {"conv2", "fc"}) {
    EXPECT_EQ(uses(run, layer, Role::weights), (Uses{"forward", "input_gradient"})) << layer;
    EXPECT_EQ(uses(run, layer, Role::activations), (Uses{"forward", "weight_gradient"})) << layer;
    EXPECT_EQ(uses(run, layer, Role::errors), (Uses{"weight_gradient", "input_gradient"})) << layer;
  }
  EXPECT_EQ(uses(run, "conv1", Role::weights), Uses{"forward"});
  EXPECT_EQ(uses(run, "conv1", Role::errors), Uses{"weight_gradient"});
  EXPECT_GT(run.recorder.of("conv2", Role::weights)[0]->exponents.size(), 1u);
}

TEST(Storage, BlocksReportOneExponentEach) {
  for (const char* errors : {"dfp8:block=4", "fp32"}) {
    const Trained run = train(
        small_model(), plan_with({{"weights", "dfp8:block=4"}, {"activations", "dfp8:block=4"}, {"errors", errors}}),
        few_steps());
    std::size_t blocked = 0;
    for (const Recorder::TensorRow& row : run.recorder.tensors) {
      if (row.conversion == "dfp8:block=4") {
        EXPECT_LE(row.exponents.size(), row.source.size()) << row.layer << " " << name(row.role) << " " << row.use;
        EXPECT_GE(row.exponents.size(), row.source.size() / 4) << row.layer << " " << name(row.role) << " " << row.use;
        ++blocked;
      }
    }
    EXPECT_GE(blocked, 10u);
  }
}

TEST(Storage, FormatsThatDifferByPassAreConvertedFromTheUnquantizedTensor) {
  const Trained run =
      train(small_model(), plan_with({{"activations.forward", "dfp8"}, {"activations.weight_gradient", "dfp12"}}),
            few_steps());
  const auto rows = run.recorder.of("conv2", Role::activations);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]->use, "forward");
  EXPECT_EQ(rows[1]->use, "weight_gradient");
  EXPECT_EQ(rows[0]->conversion, "dfp8");
  EXPECT_EQ(rows[1]->conversion, "dfp12");
  EXPECT_EQ(rows[0]->source, rows[1]->source);
  EXPECT_NE(rows[0]->converted, rows[1]->converted);
}

TEST(Storage, ASavedFormIsConvertedFromWhatIsStored) {
  const Trained run = train(small_model(), plan_with({{"activations", "dfp12"}, {"saved", "dfp6"}}), few_steps());
  const auto activations = run.recorder.of("conv2", Role::activations);
  const auto saved = run.recorder.of("conv2", Role::saved);
  ASSERT_EQ(saved.size(), 1u);
  ASSERT_EQ(activations.size(), 2u) << "stored, and once more out of what was saved";
  EXPECT_EQ(saved[0]->source, activations[0]->converted);
  EXPECT_EQ(activations[1]->use, "weight_gradient");
  EXPECT_EQ(activations[1]->source, saved[0]->converted);
}

TEST(Storage, WhatIsSavedIsCountedAsItIsEncoded) {
  const auto saved = [](const Settings& settings) {
    return train(small_model(), plan_with(settings), few_steps(2)).result.totals.saved_bytes;
  };
  const std::uint64_t elements = 2 * 8 * (8 * 8 * 2 + 4 * 4 * 4 + 2 * 2 * 6);  // inputs of three products, two steps
  EXPECT_EQ(saved({}), 4 * elements);
  EXPECT_EQ(saved({{"activations", "dfp16"}}), 2 * elements) << "what is stored";
  EXPECT_EQ(saved({{"activations", "dfp16"}, {"saved", "fp8_e5m2"}}), elements);
}

/// Three linear layers on vectors, nothing but products and ReLU.
NetworkBuilder vectors() {
  NetworkBuilder net({1, 1, 1, 40}, 5);
  net.linear("fc1", 32);
  net.relu("relu1");
  net.linear("fc2", 16);
  net.relu("relu2");
  net.linear("fc3", net.classes());
  return net;
}
data::Splits vector_data() {
  return pictures(32, {1, 1, 40}, 5);
}

TEST(Storage, TheReluMaskReadsTheStoredValues) {
  const Trained run = train(vectors(), plan_with({{"activations", "dfp4"}}), few_steps(), vector_data());
  int flushed = 0;
  int passed = 0;
  for (const auto& [after, before] : {std::pair{"fc2", "fc1"}, {"fc3", "fc2"}}) {
    const Recorder::TensorRow& stored = *run.recorder.of(after, Role::activations).at(0);
    const Recorder::TensorRow& errors = *run.recorder.of(before, Role::errors).at(0);
    ASSERT_EQ(stored.source.size(), errors.source.size());
    for (std::size_t i = 0; i < stored.source.size(); ++i) {
      if (stored.converted[i] > 0) {
        passed += errors.source[i] != 0 ? 1 : 0;
      } else {
        EXPECT_EQ(errors.source[i], 0) << "element " << i << " of " << after << " is stored as 0";
        flushed += stored.source[i] > 0 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(flushed, 10) << "nothing distinguished the stored values from the unquantized ones";
  EXPECT_GT(passed, 10);
}

TEST(Storage, TheBiasGradientSumsTheStoredErrors) {
  const Trained run = train(vectors(), plan_with({{"errors", "dfp4"}}), few_steps(), vector_data());
  const std::vector<float>& errors = run.recorder.of("fc2", Role::errors).at(0)->converted;
  const std::vector<float>& source = run.recorder.of("fc2", Role::errors).at(0)->source;
  const std::vector<float>& gradient = run.gradients.at("fc2.bias");
  bool differs = false;
  for (std::size_t c = 0; c < gradient.size(); ++c) {
    float sum = 0;
    float unquantized = 0;
    for (std::size_t i = c; i < errors.size(); i += gradient.size()) {
      sum += errors[i];
      unquantized += source[i];
    }
    EXPECT_EQ(gradient[c], sum);
    differs = differs || gradient[c] != unquantized;
  }
  EXPECT_TRUE(differs);
}

TEST(Storage, BatchNormReadsTheOutputsAsTheyAreStored) {
  const Trained run = train(normalized_model(), plan_with({{"outputs", "dfp4"}, {"bn1.saved", "fp32"}}), few_steps());
  EXPECT_EQ(run.recorder.of("bn1", Role::saved).at(0)->source,
            run.recorder.of("conv1", Role::outputs).at(0)->converted);
}

TEST(Storage, ReadersOfOneTensorMustAgreeOnItsForm) {
  const auto build = [](const Settings& settings) {
    NetworkBuilder net({1, 8, 8, 2}, 5);
    net.conv2d("left", {.channels = 4, .kernel = 3}, 0);
    net.conv2d("right", {.channels = 5, .kernel = 8}, 0);
    const Network network(std::move(net), plan_with(settings), true);
  };
  EXPECT_THROW(build({{"left.activations", "dfp8"}}), UserError);
  EXPECT_THROW(build({{"left.activations", "dfp8:block=2"}, {"right.activations", "dfp8"}}), UserError);
  EXPECT_THROW(build({}), CheckError) << "nobody reads the output of left";
}

/// What one tensor became in the first step.
std::vector<float> converted(NetworkBuilder model, const Settings& settings, std::string_view layer, Role role,
                             std::uint32_t seed = 1) {
  TrainingOptions options = few_steps();
  options.seed = seed;
  const Trained run = train(std::move(model), plan_with(settings), options, vector_data());
  return run.recorder.of(layer, role).at(0)->converted;
}

TEST(Draws, OfOneTensorDoNotChangeWithTheFormatsOfOthers) {
  const Settings plan{{"rounding", "stochastic"}, {"weights", "dfp8"}, {"activations", "dfp8"}, {"errors", "dfp8"}};
  Settings other = plan;
  other.insert(other.end(), {{"fc2.weights", "dfp4"}, {"fc2.outputs", "fp16"}, {"fc3.activations", "fix3.4"}});
  for (const Role role : {Role::weights, Role::activations}) {
    const std::vector<float> values = converted(vectors(), plan, "fc1", role);
    EXPECT_EQ(converted(vectors(), other, "fc1", role), values);
    EXPECT_NE(converted(vectors(), plan, "fc1", role, 2), values) << "another seed, other draws";
  }
  EXPECT_EQ(converted(vectors(), other, "fc3", Role::weights), converted(vectors(), plan, "fc3", Role::weights));
}

TEST(Draws, OfOneTensorDoNotChangeWithALayerElsewhere) {
  const Settings plan{{"rounding", "stochastic"}, {"weights", "dfp8"}, {"activations", "dfp8"}};
  NetworkBuilder longer({1, 1, 1, 40}, 5);
  longer.linear("fc1", 32);
  longer.relu("relu1");
  longer.linear("between", 32);
  longer.linear("fc2", 16);
  longer.relu("relu2");
  longer.linear("fc3", 5);
  const std::vector<float> values = converted(vectors(), plan, "fc2", Role::weights);
  EXPECT_EQ(converted(std::move(longer), plan, "fc2", Role::weights), values);
}

TEST(Draws, AreThoseOfTensorStepAndUse) {
  const Trained run = train(vectors(), plan_with({{"weights", "dfp8@stochastic"}}), few_steps(2), vector_data());
  for (const std::int64_t step : {0, 1}) {
    const Recorder::TensorRow& row = *run.recorder.of("fc2", Role::weights, step).at(0);
    const formats::RandomBits bits{1, formats::Stream::rounding, static_cast<std::uint32_t>(step),
                                   formats::tensor_id("fc2/weights"), 0};
    const auto size = static_cast<std::int64_t>(row.source.size());
    EXPECT_EQ(formats::convert(row.source, size, formats::parse_conversion("dfp8@stochastic"), bits, "w").values,
              row.converted);
  }
  StepContext training;
  StepContext evaluation;
  evaluation.training = false;
  EXPECT_EQ(training.bits("fc2", "weights", 1).use, 1u);
  EXPECT_EQ(evaluation.bits("fc2", "weights", 1).use, 129u);
}

TEST(Quantizer, CountsBytesAndNamesTheElementThatIsNotFinite) {
  const Quantizer quantizer("conv1", Role::errors);
  std::vector<float> values{1, 2, 3, 4, 5};
  const View tensor(values, {1, 1, 1, 5});
  EXPECT_EQ(quantizer.store(tensor, formats::parse_conversion("dfp4"), {}).bytes, 3);
  EXPECT_EQ(quantizer.store(tensor, formats::parse_conversion("fp16"), {}).bytes, 10);
  EXPECT_TRUE(quantizer.store(tensor, formats::parse_conversion("fp16"), {}).codes.empty());
  EXPECT_EQ(quantizer.store(tensor, formats::parse_conversion("dfp8"), {}).codes.size(), 5u);
  values[3] = std::nanf("");
  StepContext context;
  context.step = 12;
  for (const char* format : {"fp32", "dfp8", "fp16"}) {
    try {
      quantizer.store(tensor, formats::parse_conversion(format), context);
      FAIL() << format;
    } catch (const NonFinite& error) {
      EXPECT_STREQ(error.what(), "step 12: errors[3] of layer conv1 became NaN or infinite");
      EXPECT_TRUE(error.skippable());
    }
  }
  values[3] = 70000;
  EXPECT_THROW(quantizer.store(tensor, formats::parse_conversion("fp16"), context), NonFinite);
  EXPECT_NO_THROW(quantizer.store(tensor, formats::parse_conversion("fp16:overflow=saturate"), context));
}

/// A kernel whose conversions do not exist is noticed wherever conversions or their checks run: the choice reaches
/// them.
TEST(Quantizer, ConvertsByTheKernelOfTheStep) {
  kernels::TileKernel kernel = kernels::best_tile_kernel();
  StepContext context;
  context.kernel = &kernel;
  const Quantizer quantizer("conv1", Role::activations);
  Tensor tensor(Shape{1, 4, 4, 8});
  const formats::Conversion dfp = formats::parse_conversion("dfp16");
  const formats::Conversion blocks = formats::parse_conversion("dfp16:block=4");
  const kernels::ConvShape shape{1, 4, 4, 8, 8, 1, 1, 1, 0, 1};
  const auto convert = [&] { quantizer.store(Stored(tensor), dfp, context); };
  const auto check = [&] { check_all_finite(tensor.values, "conv1", "x", context, false); };
  const auto convert_blocks = [&] {
    kernels::convert_blocked(shape, Pass::forward, kernels::Side::left, tensor.values, {blocks, {}, "x", &kernel});
  };
  const auto operand = [&] {
    const Stored stored(tensor);
    Stored own;
    quantizer.operand(stored, blocks, false, shape, Pass::forward, kernels::Side::left, formats::OperandKind::integer,
                      own, context);
  };
  EXPECT_NO_THROW(convert());
  EXPECT_NO_THROW(check());
  EXPECT_NO_THROW(convert_blocks());
  EXPECT_NO_THROW(operand());
  kernel.arrays = "none";
  EXPECT_THROW(convert(), UserError);
  EXPECT_THROW(check(), UserError);
  EXPECT_THROW(convert_blocks(), UserError);
  EXPECT_THROW(operand(), UserError);
}

TEST(Quantizer, ManyPiecesConvertAsOneBlock) {
  std::vector<float> values(100'003);
  support::Sample sample(5);
  for (float& value : values) {
    value = sample.normal_float(-12, 3);
  }
  int formats_seen = 0;
  for (const char* format : {"dfp8@stochastic", "dfp8:top=bump", "dfp8:top=bump@stochastic", "dfp12:top=wrap",
                             "fp16@stochastic:bits=7", "fix4.3@biased"}) {
    const formats::Conversion conversion = formats::parse_conversion(format);
    StepContext context;
    context.seed = 9;
    context.step = 4;
    Tensor tensor({1, 1, 1, static_cast<std::int64_t>(values.size())});
    tensor.values = values;
    const Stored stored = Quantizer("fc", Role::activations).store(Stored(tensor), conversion, context);
    const formats::ConvertedArray whole =
        formats::convert(values, tensor.shape.c, conversion, context.bits("fc", "activations", 0), "values");
    EXPECT_EQ(bits_of(vector_of(evaluate(stored).values)), bits_of(whole.values)) << format;
    EXPECT_EQ(stored.codes, whole.codes) << format;
    EXPECT_EQ(stored.exponent, whole.exponents.empty() ? stored.exponent : whole.exponents[0]) << format;
    ++formats_seen;
  }
  EXPECT_EQ(formats_seen, 6);
}

}  // namespace
}  // namespace precsim::nn
