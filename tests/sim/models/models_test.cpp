// Every model of the table: counts, shapes that do not fit, two steps of training.
#include "sim/models/models.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "formats/error.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Counts {
  std::int64_t parameters = 0, macs = 0;
};
Counts counts(std::string_view model, const nn::Shape& image, std::int64_t classes) {
  const nn::Network network(build_model(model, image, classes), nn::PrecisionPlan(), true);
  Counts sum{network.parameter_count(), 0};
  for (const nn::Network::LayerRow& row : network.rows()) {
    sum.macs += row.macs;
  }
  return sum;
}

TEST(Models, Lenet5HasTheKnownCounts) {
  const Counts found = counts("lenet5", {1, 28, 28, 1}, 10);
  EXPECT_EQ(found.parameters, 61'706);
  EXPECT_EQ(found.macs, 416'520);
}

TEST(Models, MlpHasTheCountsOfItsMatrices) {
  const Counts found = counts("mlp", {1, 28, 28, 1}, 10);
  EXPECT_EQ(found.parameters, 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10);
  EXPECT_EQ(found.macs, 784 * 128 + 128 * 64 + 64 * 10);
}

TEST(Models, CnnBnHasTheCountsOfItsConvolutions) {
  const Counts found = counts("cnn_bn", {1, 28, 28, 1}, 10);
  EXPECT_EQ(found.parameters, 9 * 16 + 2 * 16 + 9 * 16 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64 + 64 * 10 + 10);
  EXPECT_EQ(found.macs, 28 * 28 * 9 * 16 + 14 * 14 * 9 * 16 * 32 + 7 * 7 * 9 * 32 * 64 + 64 * 10);
  EXPECT_EQ(counts("cnn_bn", {1, 32, 32, 3}, 10).parameters, found.parameters + 2 * 9 * 16);
}

TEST(Models, EveryModelTrainsTwoStepsUnderEveryNamedPlan) {
  nn::TrainingOptions options;
  options.batch = 2;
  options.eval_batch = 2;
  options.max_steps = 2;
  options.stats_every = 0;
  const data::Splits splits = nn::glyphs(10, 2);
  int runs = 0;
  for (const ModelEntry& model : models()) {
    nn::Network fresh(build_model(model.name, {1, 28, 28, 1}, 10), nn::PrecisionPlan(), true);
    fresh.initialize(options.init, options.seed);
    for (const nn::NamedPlan& plan : nn::named_plans()) {
      const nn::Trained run =
          nn::train(build_model(model.name, {1, 28, 28, 1}, 10), nn::PrecisionPlan(plan.name), options, splits);
      EXPECT_EQ(run.result.outcome, nn::Outcome::finished) << model.name << " " << plan.name << run.result.message;
      EXPECT_EQ(run.result.steps, 2);
      EXPECT_NE(run.hash, fresh.state_hash());
      EXPECT_TRUE(std::isfinite(run.result.evaluation.loss));
      ++runs;
    }
  }
  EXPECT_EQ(runs, 27);
}

TEST(Models, ShapesThatDoNotFitAreRefused) {
  EXPECT_THROW(build_model("lenet5", {1, 7, 28, 1}, 10), UserError);
  EXPECT_NO_THROW(build_model("lenet5", {1, 12, 12, 1}, 10));
  for (const ModelEntry& model : models()) {
    EXPECT_THROW(build_model(model.name, {1, 28, 28, 1}, 0), UserError) << model.name;
    EXPECT_THROW(build_model(model.name, {1, 0, 28, 1}, 10), UserError) << model.name;
    EXPECT_THROW(build_model(model.name, {1, 28, 28, -1}, 10), UserError) << model.name;
  }
}

TEST(Models, AnUnknownNameListsTheKnown) {
  try {
    build_model("lenet", {1, 28, 28, 1}, 10);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("mlp"), HasSubstr("lenet5"), HasSubstr("cnn_bn")));
  }
}

}  // namespace
}  // namespace precsim::models
