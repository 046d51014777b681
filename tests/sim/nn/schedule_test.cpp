// Learning-rate schedules and the loss scale.
#include <gtest/gtest.h>

#include <cmath>

#include "formats/error.hpp"
#include "sim/nn/optimizer.hpp"

namespace precsim::nn {
namespace {

ScheduleOptions schedule(const std::string& name) {
  ScheduleOptions options;
  options.name = name;
  return options;
}

TEST(Schedule, ConstantNeverChanges) {
  for (const std::int64_t step : {0, 1, 17, 99}) {
    EXPECT_EQ(learning_rate(schedule("constant"), 0.3, step, 10, 100), 0.3);
  }
}

TEST(Schedule, StepMultipliesAtEachBoundary) {
  ScheduleOptions options = schedule("step");
  options.step_epochs = {2, 4.5};
  options.gamma = 0.1;
  EXPECT_EQ(learning_rate(options, 1, 19, 10, 100), 1);
  EXPECT_EQ(learning_rate(options, 1, 20, 10, 100), 0.1);
  EXPECT_EQ(learning_rate(options, 1, 44, 10, 100), 0.1);
  EXPECT_EQ(learning_rate(options, 1, 45, 10, 100), 0.1 * 0.1);
  EXPECT_EQ(learning_rate(options, 1, 99, 10, 100), 0.1 * 0.1);
}

TEST(Schedule, CosineStartsAtLrPassesTheMiddleAndApproachesTheEnd) {
  ScheduleOptions options = schedule("cosine");
  options.final_lr = 0.1;
  EXPECT_EQ(learning_rate(options, 0.5, 0, 10, 100), 0.5);
  EXPECT_NEAR(learning_rate(options, 0.5, 50, 10, 100), 0.3, 1e-15);
  EXPECT_NEAR(learning_rate(options, 0.5, 25, 10, 100), 0.1 + 0.4 * (1 + std::sqrt(0.5)) / 2, 1e-15);
  EXPECT_NEAR(learning_rate(options, 0.5, 99, 10, 100), 0.1 + 0.4 * (1 - std::cos(0.01 * 3.141592653589793)) / 2,
              1e-15);
  for (std::int64_t step = 1; step < 100; ++step) {
    EXPECT_LT(learning_rate(options, 0.5, step, 10, 100), learning_rate(options, 0.5, step - 1, 10, 100));
  }
}

TEST(Schedule, WarmUpRisesToLrAndLeavesTheRestToTheSchedule) {
  ScheduleOptions options = schedule("cosine");
  options.warmup_epochs = 0.5;
  const double expected[] = {0.2, 0.4, 0.6, 0.8, 1.0, 1.0};
  for (std::int64_t step = 0; step < 6; ++step) {
    EXPECT_EQ(learning_rate(options, 1, step, 10, 105), 1.0 * expected[step]) << step;
  }
  EXPECT_NEAR(learning_rate(options, 1, 55, 10, 105), 0.5, 1e-15);
  options.warmup_epochs = 1e300;
  const double rate = learning_rate(options, 1, 104, 10, 105);
  EXPECT_GT(rate, 0);
  EXPECT_LT(rate, 1e-10) << "a warm-up longer than the run never ends";
}

TEST(Schedule, WhatMakesNoSenseIsRefused) {
  EXPECT_THROW(check_schedule(schedule("linear")), UserError);
  EXPECT_THROW(check_schedule(schedule("step")), UserError) << "no epochs";
  ScheduleOptions options = schedule("step");
  options.step_epochs = {3, 3};
  EXPECT_THROW(check_schedule(options), UserError);
  options.step_epochs = {3, 4};
  EXPECT_NO_THROW(check_schedule(options));
  options.name = "cosine";
  EXPECT_THROW(check_schedule(options), UserError) << "epochs without step";
  options = schedule("constant");
  for (const double bad : {-1.0, std::nan("")}) {
    options.warmup_epochs = bad;
    EXPECT_THROW(check_schedule(options), UserError);
  }
}

LossScaleOptions dynamic_scale() {
  LossScaleOptions options;
  options.mode = "dynamic";
  options.initial = 1024;
  options.interval = 3;
  options.min_scale = 256;
  return options;
}

TEST(LossScaling, NoneIsOneAndStaticStays) {
  LossScaleOptions options;
  options.initial = 512;
  LossScale none(options);
  EXPECT_EQ(none.value(), 1);
  EXPECT_FALSE(none.dynamic());
  options.mode = "static";
  LossScale fixed(options);
  EXPECT_FALSE(fixed.dynamic());
  for (int i = 0; i < 5000; ++i) {
    fixed.clean_step();
  }
  EXPECT_EQ(fixed.value(), 512);
}

TEST(LossScaling, GrowsAfterAnIntervalOfCleanStepsOnly) {
  LossScale scale(dynamic_scale());
  scale.clean_step();
  scale.clean_step();
  EXPECT_EQ(scale.value(), 1024);
  scale.clean_step();
  EXPECT_EQ(scale.value(), 2048);
  scale.clean_step();
  scale.clean_step();
  EXPECT_TRUE(scale.back_off());
  EXPECT_EQ(scale.value(), 1024);
  scale.clean_step();
  scale.clean_step();
  EXPECT_EQ(scale.value(), 1024) << "a skipped step starts the count anew";
  scale.clean_step();
  EXPECT_EQ(scale.value(), 2048);
}

TEST(LossScaling, BacksOffToTheSmallestScaleAndNoFurther) {
  LossScale scale(dynamic_scale());
  EXPECT_TRUE(scale.back_off());
  EXPECT_TRUE(scale.back_off());
  EXPECT_EQ(scale.value(), 256);
  EXPECT_FALSE(scale.back_off());
  EXPECT_EQ(scale.value(), 256);
}

TEST(LossScaling, GrowsNoFurtherThan2To100AndNeverFallsByGrowing) {
  LossScaleOptions options = dynamic_scale();
  options.interval = 1;
  options.growth = 0x1p60;
  LossScale scale(options);
  scale.clean_step();
  scale.clean_step();
  scale.clean_step();
  EXPECT_EQ(scale.value(), 0x1p100);
  options.initial = 0x1p120;
  LossScale large(options);
  large.clean_step();
  EXPECT_EQ(large.value(), 0x1p120);
}

TEST(LossScaling, WhatMakesNoSenseIsRefused) {
  LossScaleOptions options = dynamic_scale();
  options.mode = "automatic";
  EXPECT_THROW(LossScale{options}, UserError);
  const auto refused = [](auto change) {
    LossScaleOptions changed = dynamic_scale();
    change(changed);
    EXPECT_THROW(LossScale{changed}, UserError);
  };
  refused([](LossScaleOptions& o) { o.initial = 0; });
  refused([](LossScaleOptions& o) { o.initial = std::nan(""); });
  refused([](LossScaleOptions& o) { o.initial = 1e39; });
  refused([](LossScaleOptions& o) { o.growth = 0.5; });
  refused([](LossScaleOptions& o) { o.backoff = 1; });
  refused([](LossScaleOptions& o) { o.backoff = 0; });
  refused([](LossScaleOptions& o) { o.interval = 0; });
  refused([](LossScaleOptions& o) { o.min_scale = 0; });
}

}  // namespace
}  // namespace precsim::nn
