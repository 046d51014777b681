// Predicted and controlled exponents in training: what moves them, what does not, and what a saved state must be.
#include "sim/nn/exponent_controllers.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "formats/convert.hpp"
#include "formats/error.hpp"
#include "sim/nn/quantizer.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

using ::testing::HasSubstr;

/// Numbers in memory that count how often they are read from the beginning.
class Counted final : public Source {
 public:
  explicit Counted(std::vector<float> values)
      : values_(std::move(values)), shape_{1, 1, 1, static_cast<std::int64_t>(values_.size())} {}
  const Shape& shape() const override { return shape_; }
  const float* read(std::int64_t first, std::int64_t, float*) const override {
    reads += first == 0 ? 1 : 0;
    return values_.data() + first;
  }
  mutable std::atomic<int> reads = 0;

 private:
  std::vector<float> values_;
  Shape shape_;
};

struct Converter {
  Stored operator()(const Source& source, std::string_view format, Use use = Use::stored) {
    return Quantizer("fc", Role::errors).store(source, formats::parse_conversion(format), context, use);
  }
  explicit Converter(bool with_controllers = true) { context.controllers = with_controllers ? &controllers : nullptr; }

  ExponentControllers controllers;
  StepContext context;
};

Counted scaled(float scale) {
  return Counted({scale, -0.5f * scale, 0.25f * scale, 0});
}

TEST(ExponentControllers, PredictedExponentsFollowWithAStepInBetween) {
  Converter convert;
  const Counted ones = scaled(1);
  EXPECT_EQ(convert(ones, "flex16+5").exponent, -14) << "the first one fits";
  EXPECT_EQ(ones.reads, 2);
  EXPECT_EQ(convert(ones, "flex16+5").exponent, -14);
  EXPECT_EQ(ones.reads, 3) << "a predicted exponent needs no largest magnitude";
  const Stored clipped = convert(scaled(100), "flex16+5");
  EXPECT_EQ(clipped.exponent, -14) << "predicted before the tensor is known";
  EXPECT_EQ(clipped.codes[0], 32767);
  EXPECT_EQ(clipped.codes[1], -32768);
  EXPECT_EQ(convert(scaled(100), "flex16+5").exponent, -12) << "an overflow counts twice, with its offset";
  EXPECT_EQ(convert(scaled(100), "flex16+5").exponent, -10);
  const ExponentControllers::Entry& entry =
      *convert.controllers.find("fc", Role::errors, Use::stored, formats::parse_format("flex16+5"), convert.context);
  EXPECT_EQ(entry.conversions, 5);
  EXPECT_EQ(entry.overflows, 3);
  EXPECT_EQ(entry.moves, 2);
  EXPECT_EQ(entry.exponent, -10);
}

TEST(ExponentControllers, RangesMoveAfterSoManySteps) {
  Converter convert;
  const std::string format = "dfxp8:range=3,every=2,overflow=0.2";
  std::vector<int> exponents;
  for (const float scale : {1.0f, 1.0f, 1.0f, 1.0f, 100.0f, 100.0f, 100.0f, 100.0f, 4.1f, 4.1f, 4.1f}) {
    exponents.push_back(convert(scaled(scale), format).exponent);
  }
  EXPECT_EQ(exponents, (std::vector<int>{-4, -4, -5, -5, -6, -6, -5, -5, -4, -4, -4}));
}

TEST(ExponentControllers, EachUseHasItsOwn) {
  Converter convert;
  convert(scaled(1), "flex16+5", Use::input_gradient);
  convert(scaled(8), "flex16+5", Use::weight_gradient);
  EXPECT_EQ(convert(scaled(1), "flex16+5", Use::input_gradient).exponent, -14);
  EXPECT_EQ(convert(scaled(8), "flex16+5", Use::weight_gradient).exponent, -11);
  const std::vector<ControlState> state = convert.controllers.state();
  ASSERT_EQ(state.size(), 2u);
  EXPECT_EQ(state[0].path(), "fc/errors/input_gradient");
  EXPECT_EQ(state[1].path(), "fc/errors/weight_gradient");
  EXPECT_EQ(state[1].format, "flex16+5");
}

TEST(ExponentControllers, EvaluationAndTensorsThatAreNotFiniteMoveNothing) {
  Converter convert;
  convert.context.training = false;
  EXPECT_EQ(convert(scaled(4), "flex16+5").exponent, -12) << "nothing is known: a first conversion";
  EXPECT_TRUE(convert.controllers.state().empty());
  convert.context.training = true;
  EXPECT_THROW(convert(scaled(std::numeric_limits<float>::infinity()), "flex16+5"), NonFinite);
  EXPECT_TRUE(convert.controllers.state().empty()) << "asked for, but not used";
  convert(scaled(1), "flex16+5");
  const std::vector<ControlState> before = convert.controllers.state();
  EXPECT_THROW(convert(scaled(std::nanf("")), "flex16+5"), NonFinite);
  convert.context.training = false;
  EXPECT_EQ(convert(scaled(1e-3f), "flex16+5").exponent, -14) << "what the next step would use";
  EXPECT_EQ(convert.controllers.state(), before);
}

TEST(ExponentControllers, WithoutAnyEachConversionIsAFirstOne) {
  Converter convert(false);
  for (const float scale : {1.0f, 64.0f, 1e-3f}) {
    const int expected = formats::parse_format("flex16+5")->block_exponent(scale);
    EXPECT_EQ(convert(scaled(scale), "flex16+5").exponent, expected);
    EXPECT_EQ(convert(scaled(scale), "dfxp12").exponent, -6);
  }
}

TEST(ExponentControllers, CodesAreThoseOfAConversionUnderTheExponent) {
  Converter convert;
  std::vector<float> values(100'003);
  support::Sample sample(6);
  for (float& value : values) {
    value = sample.normal_float(-12, 3);
  }
  int compared = 0;
  for (const std::string format : {"flex8+5@stochastic", "flex16+5@toward_negative", "dfxp10:range=2"}) {
    const formats::Conversion conversion = formats::parse_conversion(format);
    convert.controllers.clear();
    convert(scaled(1), format);
    convert.context.step = 3;
    const Stored stored = convert(Counted(values), format);
    const int exponent = stored.exponent;
    std::vector<float> expected(values.size());
    std::vector<std::int16_t> codes(values.size());
    formats::ConversionCounts counts;
    conversion.format->convert({values.data(), std::ssize(values)}, 0, exponent, conversion.rounding,
                               convert.context.bits("fc", "errors", 0), {expected.data(), codes.data()}, counts);
    ASSERT_TRUE(std::equal(codes.begin(), codes.end(), stored.codes.begin(), stored.codes.end())) << format;
    const std::vector<ControlState> state = convert.controllers.state();
    EXPECT_EQ(state[0].numbers[0], 2) << format;
    EXPECT_EQ(state[0].numbers[1], counts.saturated > 0 ? 1 : 0) << format;
    ++compared;
  }
  EXPECT_EQ(compared, 3);
}

std::string refusal(const std::vector<ControlState>& states) {
  ExponentControllers controllers;
  try {
    controllers.restore(states);
  } catch (const UserError& error) {
    EXPECT_TRUE(controllers.state().empty());
    return error.what();
  }
  return "";
}

TEST(ExponentControllers, OnlyStatesOfRunsComeBack) {
  const ControlState good{"fc", "errors", "all", "flex16+5", {2, 1, 0, -14, -14, 2, 0.5, 0.75}};
  ExponentControllers controllers;
  controllers.restore(std::vector{good});
  EXPECT_EQ(controllers.state(), std::vector{good});
  const auto with = [&](auto change) {
    ControlState state = good;
    change(state);
    return refusal({state});
  };
  EXPECT_EQ(with([](ControlState&) {}), "");
  EXPECT_THAT(with([](ControlState& s) { s.role = "error"; }), HasSubstr("fc/error/all"));
  EXPECT_THAT(with([](ControlState& s) { s.use = "some"; }), HasSubstr("no tensor is called so"));
  EXPECT_THAT(with([](ControlState& s) { s.format = "dfp16"; }),
              HasSubstr("dfp16 takes its exponents from each tensor"));
  EXPECT_THAT(with([](ControlState& s) { s.format = "flex99+5"; }), HasSubstr("P from 4 to 16"));
  EXPECT_THAT(with([](ControlState& s) { s.format = "dfxp12"; }), HasSubstr("no state of dfxp12 has these numbers"));
  EXPECT_THAT(with([](ControlState& s) { s.numbers[0] = 0; }), HasSubstr("these numbers"));
  EXPECT_THAT(with([](ControlState& s) { s.numbers[1] = 3; }), HasSubstr("these numbers"));
  EXPECT_THAT(with([](ControlState& s) { s.numbers[2] = std::nan(""); }), HasSubstr("these numbers"));
  EXPECT_THAT(with([](ControlState& s) { s.numbers[3] = 0.5; }), HasSubstr("these numbers"));
  EXPECT_THAT(with([](ControlState& s) { s.numbers.resize(3); }), HasSubstr("these numbers"));
  EXPECT_THAT(with([](ControlState& s) { s.numbers.clear(); }), HasSubstr("these numbers"));
}

TEST(ExponentControllers, StatesAreOfThePlan) {
  const Network network(small_model(), plan_with({{"weights", "flex16+5"}}, "fp32"), true);
  const std::string layer = network.rows()[0].name;
  const auto refused = [&](const std::vector<ControlState>& states, std::int64_t steps = 0) -> std::string {
    try {
      check_controllers(network, states, steps);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  const ControlState good{layer, "weights", "all", "flex16+5", {}};
  EXPECT_EQ(refused({good}), "");
  EXPECT_THAT(refused({good, good}), HasSubstr("twice"));
  EXPECT_EQ(refused({}), "");
  EXPECT_THAT(refused({good}, 1), HasSubstr("conv2/weights")) << "each layer has weights";
  EXPECT_THAT(refused({{layer, "weights", "all", "flex12+5", {}}}), HasSubstr("which the plan does not have"));
  EXPECT_THAT(refused({{layer, "errors", "all", "flex16+5", {}}}), HasSubstr("which the plan does not have"));
  EXPECT_THAT(refused({{"nowhere", "weights", "all", "flex16+5", {}}}), HasSubstr("nowhere/weights/all"));
}

TEST(ExponentControllers, AreInTheHashOfTheState) {
  Network network(small_model(), plan_with({{"weights", "flex16+5"}}, "fp32"), true);
  network.initialize(InitScheme::he, 1);
  const std::string before = network.state_hash();
  StepContext context;
  network.forward(Tensor({2, 8, 8, 2}), context);
  const std::string after = network.state_hash();
  EXPECT_NE(after, before);
  context.training = false;
  network.forward(Tensor({2, 8, 8, 2}), context);
  EXPECT_EQ(network.state_hash(), after);
  network.initialize(InitScheme::he, 1);
  EXPECT_EQ(network.state_hash(), before);
}

/// Every tensor of a run converted once more, with nothing but the formats.
TEST(ExponentControllers, GiveTheExponentsOfAWholeRun) {
  TrainingOptions options = few_steps(6);
  options.stats_every = 1;
  const Trained run = train(
      normalized_model(),
      plan_with({{"errors", "dfxp8:range=-4,every=2@stochastic"}, {"momentum", "flex16+5"}}, "flex16+5"), options);
  ASSERT_EQ(run.result.outcome, Outcome::finished) << run.result.message;
  std::map<std::string, std::unique_ptr<formats::ExponentController>> controllers;
  std::map<std::string, std::size_t> tensors_of;
  for (const Recorder::TensorRow& row : run.recorder.tensors) {
    const formats::Conversion conversion = formats::parse_conversion(row.conversion);
    const std::string tensor = row.layer + "/" + std::string(name(row.role)) + "/" + row.use;
    auto& controller = controllers[tensor];
    if (controller == nullptr) {
      controller = conversion.format->make_controller();
    }
    if (controller == nullptr) {
      continue;
    }
    const auto size = static_cast<std::int64_t>(row.source.size());
    const int expected = controller->exponent(row.step).value_or(
        conversion.format->block_exponent(formats::extent(row.source.data(), size).absmax));
    ASSERT_EQ(row.exponents, std::vector<std::int16_t>{static_cast<std::int16_t>(expected)}) << tensor << row.step;
    std::vector<std::int16_t> codes;
    for (const float value : row.converted) {
      codes.push_back(static_cast<std::int16_t>(std::ldexp(value, -expected)));
    }
    controller->observe(formats::count_codes(codes, conversion.format->width()), expected);
    ++tensors_of[std::string(name(row.role))];
  }
  EXPECT_EQ(tensors_of, (std::map<std::string, std::size_t>{
                            {"weights", 18}, {"activations", 18}, {"errors", 18}, {"momentum", 18}}));
}

}  // namespace
}  // namespace precsim::nn
