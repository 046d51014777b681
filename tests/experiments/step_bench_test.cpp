// Tests of the measurement of training steps: what a worker measures, its lines, and the arithmetic of turns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "experiments/commands/bench_train_report.hpp"
#include "experiments/step_bench/synthetic_images.hpp"
#include "experiments/step_bench/turns.hpp"
#include "experiments/step_bench/worker.hpp"
#include "formats/error.hpp"

namespace precsim::step_bench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

Contender lenet5(std::string plan) {
  return {.model = "lenet5", .batch = 4, .plan = std::move(plan)};
}

struct Heard {
  Greeting greeting;
  std::vector<Sample> samples;
};

/// What a worker says that is asked for these numbers of steps.
Heard heard(const Contender& contender, std::vector<std::int64_t> requests) {
  Heard heard;
  std::size_t at = 0;
  serve(contender, {[&](const Greeting& greeting) { heard.greeting = greeting; },
                    [&] { return at < requests.size() ? requests[at++] : 0; },
                    [&](const Sample& sample) { heard.samples.push_back(sample); }});
  return heard;
}

double seconds_of(const Sample& sample, nn::Work work) {
  return sample.work[static_cast<std::size_t>(work)];
}

TEST(StepWorker, MeasuresWhatItIsAskedFor) {
  const Heard said = heard(lenet5("dfp16_paper"), {1, 3});
  EXPECT_EQ(said.greeting.parameters, 61706);
  EXPECT_EQ(said.greeting.macs, 416520);
  EXPECT_GT(said.greeting.step_seconds, 0);
  ASSERT_EQ(said.samples.size(), 2u);
  for (const Sample& sample : said.samples) {
    const double split = std::accumulate(sample.work.begin(), sample.work.end(), 0.0);
    EXPECT_GT(split, 0.5 * sample.wall_seconds);
    EXPECT_LE(split, sample.wall_seconds);
    EXPECT_GT(sample.processor_seconds, 0);
    EXPECT_GT(sample.peak_bytes, 1 << 20);
    EXPECT_EQ(sample.skipped, 0);
    for (const nn::Work work : {nn::Work::forward, nn::Work::input_gradient, nn::Work::weight_gradient,
                                nn::Work::elementwise, nn::Work::quantize, nn::Work::optimizer, nn::Work::data}) {
      EXPECT_GT(seconds_of(sample, work), 0) << static_cast<int>(work);
    }
    EXPECT_EQ(seconds_of(sample, nn::Work::batch_norm), 0);
  }
  EXPECT_EQ(said.samples[0].steps, 1);
  EXPECT_EQ(said.samples[1].steps, 3);
}

TEST(StepWorker, CountsProductsByPassAndKind) {
  const auto macs = [](std::string plan, kernels::Pass pass) {
    return heard(lenet5(std::move(plan)), {2}).samples[0].macs[static_cast<std::size_t>(pass)];
  };
  constexpr double forward = 2.0 * 4 * 416520;
  constexpr double first = 2.0 * 4 * 28 * 28 * 25 * 6;
  constexpr double classifier = 2.0 * 4 * 84 * 10;
  EXPECT_EQ(macs("fp32", kernels::Pass::forward).floating, forward);
  EXPECT_EQ(macs("fp32", kernels::Pass::input_gradient).floating, forward - first);
  EXPECT_EQ(macs("fp32", kernels::Pass::forward).integer, 0);
  EXPECT_EQ(macs("dfp16_paper", kernels::Pass::weight_gradient).integer, forward - first - classifier);
  EXPECT_EQ(macs("dfp16_paper", kernels::Pass::weight_gradient).floating, first + classifier);
}

TEST(StepWorker, PlansTakeSettings) {
  EXPECT_EQ(heard(lenet5("dfp16_paper conv2.rounding=biased rounding=stochastic"), {1}).samples.size(), 1u);
  check(lenet5("dfp16 weights=dfp16 errors=dfp16:headroom=2"));
  EXPECT_THAT([] { check(lenet5("dfp17")); }, ThrowsMessage<UserError>(AllOf(HasSubstr("--plan"), HasSubstr("dfp17"))));
  EXPECT_THAT([] { check(lenet5("dfp16 stochastic")); },
              ThrowsMessage<UserError>(AllOf(HasSubstr("'stochastic'"), HasSubstr("KEY=VALUE"))));
  EXPECT_THAT([] { check(lenet5("dfp16 conv9.rounding=stochastic")); }, ThrowsMessage<UserError>(HasSubstr("conv9")));
}

TEST(StepWorker, ImagesRepeatAfterTheDistinctOnes) {
  const data::Splits splits = synthetic_images({3, 2, 1}, 2, 3, 10);
  EXPECT_EQ(splits.train->size(), 10);
  EXPECT_EQ(splits.test->size(), 1);
  std::vector<float> images(5 * 6);
  std::vector<std::int32_t> labels(5);
  splits.train->read(std::vector<std::int64_t>{0, 1, 2, 3, 7}, 0, images, labels);
  EXPECT_THAT(labels, ElementsAre(0, 1, 0, 0, 1));
  const auto image = [&](std::ptrdiff_t i) {
    return std::vector<float>(images.begin() + 6 * i, images.begin() + 6 * (i + 1));
  };
  EXPECT_EQ(image(0), image(3));
  EXPECT_EQ(image(1), image(4));
  EXPECT_NE(image(0), image(1));
}

/// `steps` steps of so many seconds of the processor, a quarter of them in forward products, the rest in other work.
Sample made_sample(std::int64_t steps, double seconds) {
  const double all = static_cast<double>(steps) * seconds;
  Sample sample{.steps = steps,
                .wall_seconds = 2 * all,
                .processor_seconds = all,
                .page_faults = 10.0 * static_cast<double>(steps),
                .peak_bytes = 1e6 * seconds,
                .integer_rate = 100,
                .floating_rate = 50};
  sample.work[static_cast<std::size_t>(nn::Work::forward)] = all / 2;
  sample.work[static_cast<std::size_t>(nn::Work::other)] = 3 * all / 2;
  sample.macs[0] = {10 * all, 5 * all};
  return sample;
}

TEST(StepTurns, SummaryTakesMediansOverRounds) {
  const std::vector<Sample> samples{made_sample(2, 1), made_sample(2, 4), made_sample(2, 2)};
  const std::vector<double> first{3, 2, 4};
  const Result one = summarize(lenet5("fp32"), {}, samples, first);
  EXPECT_EQ(one.seconds, 2);
  EXPECT_EQ(one.ratio, 2);
  EXPECT_EQ(one.steps, 6);
  EXPECT_EQ(one.page_faults, 10);
  EXPECT_EQ(one.peak_bytes, 4e6);
  EXPECT_DOUBLE_EQ(one.spread, 0.75);
  EXPECT_DOUBLE_EQ(one.work[static_cast<std::size_t>(nn::Work::forward)], 0.5);
  EXPECT_DOUBLE_EQ(one.work[static_cast<std::size_t>(nn::Work::other)], 1.5);
  EXPECT_DOUBLE_EQ(one.of_ceiling[0], 0.8);
  EXPECT_TRUE(std::isnan(one.of_ceiling[1]));
  EXPECT_DOUBLE_EQ(one.products_of_ceiling, 0.8);
  Contender two = lenet5("fp32");
  two.threads = 2;
  EXPECT_EQ(summarize(two, {}, samples, first).seconds, 4);
}

TEST(StepTurns, UnknownNumbersAreNullInLinesAndReports) {
  Sample sample = made_sample(1, 1);
  sample.integer_rate = sample.peak_bytes = std::nan("");
  const Sample back = sample_from(to_line(sample));
  EXPECT_TRUE(std::isnan(back.integer_rate));
  EXPECT_TRUE(std::isnan(back.peak_bytes));
  EXPECT_EQ(to_line(back), to_line(sample));
  EXPECT_EQ(to_line(sample).find('\n'), std::string::npos);
  const Greeting greeting{.parameters = 5, .macs = 7, .step_seconds = 0.25, .integer_ceiling = "add"};
  EXPECT_EQ(to_line(greeting_from(to_line(greeting))), to_line(greeting));
  const std::vector<Result> results{summarize(lenet5("fp32"), greeting, std::vector{sample}, std::vector{1.0})};
  const auto json = nlohmann::json::parse(experiments::step_bench_json({"portable", 1}, results));
  EXPECT_TRUE(json.at("contenders")[0].at("of_ceiling").at("forward").is_null());
  EXPECT_EQ(json.at("contenders")[0].at("work_seconds").at("forward"), 0.25);
  EXPECT_THAT(experiments::step_bench_text({"portable", 1}, results),
              AllOf(HasSubstr("lenet5: 5 parameters"), HasSubstr("ceilings in GMAC/s: add -")));
}

}  // namespace
}  // namespace precsim::step_bench
