// Training with a loss scale: what a skipped step leaves alone, how the scale moves, when a run ends.
#include <gmock/gmock.h>

#include <cmath>

#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TrainingOptions scaled(double initial, std::int64_t steps) {
  TrainingOptions options = few_steps(steps);
  options.epochs = 10;
  options.loss_scale.mode = "dynamic";
  options.loss_scale.initial = initial;
  return options;
}

TEST(LossScaledTraining, AStepThatOverflowsIsSkippedLeavesEverythingAndLowersTheScale) {
  const Trained run = train(small_model(), PrecisionPlan("fp16"), scaled(0x1p40, 1));
  EXPECT_EQ(run.result.outcome, Outcome::finished) << run.result.message;
  ASSERT_EQ(run.recorder.steps.size(), 1u);
  EXPECT_TRUE(run.recorder.steps[0].skipped);
  EXPECT_EQ(run.recorder.steps[0].loss_scale, 0x1p40);
  EXPECT_GT(run.recorder.steps[0].loss, 0);
  Network fresh(small_model(), PrecisionPlan("fp16"), true);
  fresh.initialize(InitScheme::he, 1);
  EXPECT_EQ(fresh.state_hash(), run.hash);
  EXPECT_TRUE(run.momenta.at("conv1.weight").empty());
}

TEST(LossScaledTraining, TheScaleFallsUntilStepsAreCleanAndGrowsAfterAnIntervalOfThose) {
  TrainingOptions options = scaled(0x1p40, 40);
  options.loss_scale.interval = 5;
  const Trained run = train(small_model(), PrecisionPlan("fp16"), options);
  ASSERT_EQ(run.recorder.steps.size(), 40u);
  double scale = 0x1p40;
  int clean = 0;
  int skipped = 0;
  int grown = 0;
  for (const StepReport& step : run.recorder.steps) {
    EXPECT_EQ(step.loss_scale, scale) << step.step;
    clean = step.skipped ? 0 : clean + 1;
    skipped += step.skipped ? 1 : 0;
    scale = step.skipped ? scale / 2 : scale;
    if (clean == 5) {
      scale *= 2;
      clean = 0;
      ++grown;
    }
  }
  EXPECT_GT(skipped, 10);
  EXPECT_LT(skipped, 35);
  EXPECT_GT(grown, 0);
}

TEST(LossScaledTraining, ALaterSkipLeavesWeightsAndMomentumAsTheyWere) {
  const auto run = [](std::int64_t steps) {
    TrainingOptions options = scaled(1024, steps);
    options.loss_scale.interval = 2;
    options.loss_scale.growth = 0x1p40;
    return train(small_model(), PrecisionPlan("fp16"), options);
  };
  const Trained before = run(2);
  const Trained after = run(3);
  ASSERT_EQ(after.recorder.steps.size(), 3u);
  EXPECT_FALSE(after.recorder.steps[1].skipped);
  EXPECT_TRUE(after.recorder.steps[2].skipped);
  EXPECT_EQ(after.values, before.values);
  EXPECT_EQ(after.momenta, before.momenta);
  EXPECT_FALSE(before.momenta.at("conv1.weight").empty());
  EXPECT_EQ(after.hash, before.hash);
}

TEST(LossScaledTraining, PowersOfTwoThatOverflowNowhereChangeNoBitOfFp32) {
  TrainingOptions options = few_steps(4);
  const Trained plain = train(normalized_model(), PrecisionPlan(), options);
  options.loss_scale.mode = "static";
  options.loss_scale.initial = 1024;
  EXPECT_EQ(train(normalized_model(), PrecisionPlan(), options).hash, plain.hash);
}

TEST(LossScaledTraining, EndsBelowTheSmallestScale) {
  TrainingOptions options = scaled(0x1p40, 5);
  options.loss_scale.min_scale = 0x1p39;
  const Trained run = train(small_model(), PrecisionPlan("fp16"), options);
  EXPECT_EQ(run.result.outcome, Outcome::diverged);
  EXPECT_EQ(run.result.steps, 1);
  EXPECT_THAT(run.result.message, AllOf(HasSubstr("step 1"), HasSubstr("smallest loss scale")));
}

TEST(LossScaledTraining, WithoutDynamicScalingAnOverflowEndsTheRunNamingLayerAndStep) {
  TrainingOptions options = scaled(0x1p40, 5);
  options.loss_scale.mode = "static";
  const Trained run = train(small_model(), PrecisionPlan("fp16"), options);
  EXPECT_EQ(run.result.outcome, Outcome::diverged);
  EXPECT_EQ(run.result.steps, 0);
  EXPECT_THAT(run.result.message, AllOf(HasSubstr("step 0"), HasSubstr("errors["), HasSubstr("layer fc")));
}

TEST(LossScaledTraining, AnOverflowOfTheForwardPassIsNotSkipped) {
  TrainingOptions options = scaled(1024, 5);
  options.optimizer.lr = 1e6f;
  const Trained run = train(small_model(), PrecisionPlan("fp16"), options);
  EXPECT_EQ(run.result.outcome, Outcome::diverged) << run.result.steps;
  EXPECT_THAT(run.result.message, HasSubstr("of layer "));
}

}  // namespace
}  // namespace precsim::nn
