// The training loop: threads, order of the data, interruption, divergence, bad sizes.
#include "sim/nn/trainer.hpp"

#include <gmock/gmock.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "formats/error.hpp"
#include "sim/models/models.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct ThreadCase {
  std::string name, model, plan;
  Settings settings;
};

class Threads : public ::testing::TestWithParam<ThreadCase> {
 protected:
  void TearDown() override { omp_set_num_threads(before_); }

 private:
  int before_ = omp_get_max_threads();
};

TEST_P(Threads, DoNotChangeABit) {
  const ThreadCase& c = GetParam();
  TrainingOptions options = few_steps(2);
  options.batch = 16;
  options.eval_batch = 16;
  options.stats_every = 0;
  const data::Splits splits = glyphs(32, 24);
  const auto run = [&](int threads) {
    omp_set_num_threads(threads);
    return train(models::build_model(c.model, {1, 28, 28, 1}, 10), plan_with(c.settings, c.plan), options, splits);
  };
  const Trained one = run(1);
  ASSERT_EQ(one.result.outcome, Outcome::finished) << one.result.message;
  ASSERT_EQ(one.recorder.steps.size(), 2u);
  for (const int threads : {2, 3}) {
    const Trained more = run(threads);
    EXPECT_EQ(more.hash, one.hash) << threads << " threads";
    EXPECT_EQ(more.result.evaluation.loss, one.result.evaluation.loss);
    EXPECT_EQ(more.result.totals.overflow_events, one.result.totals.overflow_events);
    ASSERT_EQ(more.recorder.tensors.size(), one.recorder.tensors.size());
    for (std::size_t i = 0; i < one.recorder.tensors.size(); ++i) {
      ASSERT_EQ(bits_of(more.recorder.tensors[i].converted), bits_of(one.recorder.tensors[i].converted)) << i;
      ASSERT_EQ(more.recorder.tensors[i].exponents, one.recorder.tensors[i].exponents) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Plans, Threads,
    ::testing::Values(
        ThreadCase{"fp32", "lenet5", "fp32", {}}, ThreadCase{"dfp16", "lenet5", "dfp16", {}},
        ThreadCase{"dfp16_stochastic", "lenet5", "dfp16", {{"rounding", "stochastic"}}},
        ThreadCase{
            "overflows",
            "lenet5",
            "fp32",
            {{"weights", "dfp16"}, {"activations", "dfp16"}, {"errors", "dfp16"}, {"accumulator", "int32:chain=inf"}}},
        ThreadCase{"blocks",
                   "lenet5",
                   "fp32",
                   {{"weights", "dfp8:block=16"},
                    {"activations", "dfp8:block=16"},
                    {"errors", "dfp8:block=16"},
                    {"rounding", "stochastic"}}},
        ThreadCase{"flexpoint", "cnn_bn", "flex16+5", {{"errors", "dfxp12:range=-3,every=1@stochastic"}}},
        ThreadCase{"batch_norm", "cnn_bn", "dfp16", {{"outputs", "bf16"}, {"saved", "dfp8@stochastic"}}}),
    [](const auto& instance) { return instance.param.name; });

TEST(Trainer, ReadsAPermutationOfTheDataThatDiffersByEpochAndSeed) {
  const auto order = [](std::uint32_t seed) {
    TrainingOptions options = few_steps(0);
    options.epochs = 3;
    options.seed = seed;
    const data::Splits splits = pictures(20);  // 2 batches of 8, 4 images left out
    const Trained run = train(small_model(), PrecisionPlan(), options, splits);
    EXPECT_EQ(run.result.steps, 6);
    std::vector<std::vector<std::int64_t>> epochs;
    for (const Pictures::Batch& batch : static_cast<const Pictures&>(*splits.train).batches()) {
      epochs.resize(batch.epoch + 1);
      epochs.back().insert(epochs.back().end(), batch.indices.begin(), batch.indices.end());
    }
    return epochs;
  };
  const auto epochs = order(1);
  ASSERT_EQ(epochs.size(), 3u);
  std::vector<int> seen(20, 0);
  for (const std::vector<std::int64_t>& epoch : epochs) {
    ASSERT_EQ(epoch.size(), 16u);
    const std::set<std::int64_t> images(epoch.begin(), epoch.end());
    EXPECT_EQ(images.size(), 16u) << "an image twice";
    EXPECT_GE(*images.begin(), 0);
    EXPECT_LT(*images.rbegin(), 20);
    EXPECT_FALSE(std::is_sorted(epoch.begin(), epoch.end()));
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  EXPECT_EQ(order(1), epochs);
  EXPECT_NE(order(2), epochs);
}

TEST(Trainer, ReadsTheDocumentedFisherYatesOrder) {
  const data::Splits splits = pictures(8);
  train(small_model(), PrecisionPlan(), few_steps(), splits);
  std::vector<std::int64_t> expected(8);
  std::iota(expected.begin(), expected.end(), 0);
  const formats::RandomBits bits{1, formats::Stream::data_order, 0, 0, 0};
  for (std::uint64_t i = 7; i > 0; --i) {
    std::swap(expected[i], expected[(bits.word(i) * (i + 1)) >> 32]);
  }
  EXPECT_EQ(static_cast<const Pictures&>(*splits.train).batches().at(0).indices, expected);
}

TEST(Trainer, EvaluatesTheWholeTestSplitInOrderAfterEveryEpochAndAtTheEnd) {
  TrainingOptions options = few_steps(7);
  options.epochs = 4;
  const data::Splits splits = pictures(24);  // 3 steps per epoch, 10 test images in batches of 4
  const Trained run = train(small_model(), PrecisionPlan(), options, splits);
  ASSERT_EQ(run.recorder.evaluations.size(), 3u);
  EXPECT_EQ(run.recorder.evaluations[0].step, 2);
  EXPECT_EQ(run.recorder.evaluations[1].step, 5);
  EXPECT_EQ(run.recorder.evaluations[2].step, 6);
  EXPECT_EQ(run.recorder.evaluations[2].images, 10);
  EXPECT_EQ(run.recorder.evaluations[2].accuracy, static_cast<double>(run.recorder.evaluations[2].correct) / 10);
  const auto& batches = static_cast<const Pictures&>(*splits.test).batches();
  ASSERT_EQ(batches.size(), 9u);
  EXPECT_EQ(batches[0].indices, (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(batches[2].indices, (std::vector<std::int64_t>{8, 9}));
}

TEST(Trainer, RecordsTheFirstTheLastAndEveryNthStep) {
  TrainingOptions options = few_steps(8);
  options.epochs = 2;
  for (const auto& [every, expected] :
       std::map<std::int64_t, std::set<std::int64_t>>{{0, {0, 7}}, {3, {0, 3, 6, 7}}, {100, {0, 7}}}) {
    options.stats_every = every;
    const Trained run = train(small_model(), PrecisionPlan("dfp8"), options);
    std::set<std::int64_t> tensors;
    std::set<std::int64_t> products;
    for (const auto& row : run.recorder.tensors) {
      tensors.insert(row.step);
    }
    for (const auto& row : run.recorder.products) {
      products.insert(row.step);
      EXPECT_TRUE(row.telemetry.full);
    }
    EXPECT_EQ(tensors, expected);
    EXPECT_EQ(products, expected);
  }
}

TEST(Trainer, Learns) {
  TrainingOptions options = few_steps(0);
  options.epochs = 12;
  options.stats_every = 0;
  for (const char* plan : {"fp32", "dfp16", "fp16"}) {
    const Trained run = train(small_model(), PrecisionPlan(plan), options, pictures(64));
    EXPECT_GT(run.result.evaluation.accuracy, 0.85) << plan;
    EXPECT_LT(run.recorder.steps.back().loss, run.recorder.steps.front().loss / 4) << plan;
  }
}

TEST(Trainer, StopsWhereItIsAskedToAndKeepsWhatItHas) {
  TrainingOptions options = few_steps(0);
  options.epochs = 2;
  const Trained stopped = train(small_model(), PrecisionPlan("dfp16"), options, pictures(), 3);
  EXPECT_EQ(stopped.result.outcome, Outcome::interrupted);
  EXPECT_EQ(stopped.result.steps, 3);
  EXPECT_EQ(stopped.recorder.steps.size(), 3u);
  options.max_steps = 3;
  const Trained limited = train(small_model(), PrecisionPlan("dfp16"), options);
  EXPECT_EQ(limited.result.outcome, Outcome::finished);
  EXPECT_EQ(limited.result.steps, 3);
  EXPECT_EQ(limited.hash, stopped.hash) << "the schedule does not depend on where a run is cut";
  const Trained at_once = train(small_model(), PrecisionPlan(), options, pictures(), 0);
  EXPECT_EQ(at_once.result.steps, 0);
}

TEST(Trainer, ADivergingRunNamesLayerAndStep) {
  for (const auto& [plan, lr] : {std::pair{"fp32", 1e20f}, {"dfp16", 1e20f}, {"bf16", 1e30f}, {"fp32", 1e38f}}) {
    TrainingOptions options = few_steps(20);
    options.epochs = 5;
    options.schedule.name = "constant";
    options.optimizer.lr = lr;
    const Trained run = train(small_model(), PrecisionPlan(plan), options);
    EXPECT_EQ(run.result.outcome, Outcome::diverged) << plan;
    EXPECT_LT(run.result.steps, 20) << plan;
    EXPECT_THAT(run.result.message, AllOf(HasSubstr("step " + std::to_string(run.result.steps)),
                                          ::testing::ContainsRegex("of layer (conv1|conv2|fc) ")));
  }
}

TEST(Trainer, NonFiniteDataEndTheRun) {
  class Broken final : public data::Dataset {
   public:
    data::ImageShape shape() const override { return good_.shape(); }
    int classes() const override { return good_.classes(); }
    std::int64_t size() const override { return good_.size(); }
    std::string checksum() const override { return good_.checksum(); }
    void read(std::span<const std::int64_t> indices, std::uint32_t epoch, std::span<float> images,
              std::span<std::int32_t> labels) const override {
      good_.read(indices, epoch, images, labels);
      images[5] = std::nanf("");
    }

   private:
    Pictures good_{32, {8, 8, 2}, 5};
  };
  const data::Splits splits{std::make_shared<Broken>(), std::make_shared<Broken>()};
  for (const char* plan : {"fp32", "dfp16", "fp16"}) {
    const Trained run = train(small_model(), PrecisionPlan(plan), few_steps(), splits);
    EXPECT_EQ(run.result.outcome, Outcome::diverged) << plan;
    EXPECT_THAT(run.result.message, AllOf(HasSubstr("step 0"), HasSubstr("activations[5] of layer conv1"))) << plan;
  }
}

TEST(Trainer, SizesThatMakeNoSenseAreRefused) {
  const auto refusal = [](auto change, const data::Splits& splits = pictures()) -> std::string {
    TrainingOptions options = few_steps();
    change(options);
    Network network(small_model(), PrecisionPlan(), true);
    try {
      Trainer trainer(options, network, splits);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  const auto nothing = [](TrainingOptions&) {};
  EXPECT_EQ(refusal(nothing), "");
  EXPECT_EQ(refusal([](TrainingOptions& o) { o.batch = 32; }), "");
  EXPECT_THAT(refusal([](TrainingOptions& o) { o.batch = 33; }), AllOf(HasSubstr("33"), HasSubstr("32")));
  for (const std::int64_t bad : {0, -1}) {
    EXPECT_THAT(refusal([&](TrainingOptions& o) { o.batch = bad; }), HasSubstr("train.batch"));
    EXPECT_THAT(refusal([&](TrainingOptions& o) { o.eval_batch = bad; }), HasSubstr("train.eval_batch"));
    EXPECT_THAT(refusal([&](TrainingOptions& o) { o.epochs = bad; }), HasSubstr("train.epochs"));
  }
  EXPECT_THAT(refusal([](TrainingOptions& o) { o.max_steps = -1; }), HasSubstr("train.max_steps"));
  EXPECT_THAT(refusal([](TrainingOptions& o) { o.stats_every = -1; }), HasSubstr("record.stats_every"));
  EXPECT_THAT(refusal([](TrainingOptions& o) { o.schedule.name = "step"; }), HasSubstr("step_epochs"));
  EXPECT_THAT(refusal([](TrainingOptions& o) { o.loss_scale.mode = "auto"; }), HasSubstr("loss scaling"));
  EXPECT_THAT(refusal(nothing, pictures(32, {8, 8, 2}, 6)), HasSubstr("6 classes"));
  EXPECT_THAT(refusal(nothing, pictures(32, {8, 9, 2}, 5)), HasSubstr("(1, 8, 9, 2)"));
  EXPECT_THAT(refusal(nothing, {pictures().train, pictures(32, {8, 8, 1}, 5).test}), HasSubstr("(1, 8, 8, 1)"));
}

}  // namespace
}  // namespace precsim::nn
