// Every model of the table: counts, shapes that do not fit, two steps of training.
#include "sim/models/models.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "formats/error.hpp"
#include "sim/nn/named_plans.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Counts {
  std::int64_t parameters = 0, macs = 0, training_only = 0;  ///< training_only: parameters more
  friend bool operator==(const Counts&, const Counts&) = default;
};
std::ostream& operator<<(std::ostream& out, const Counts& counts) {
  return out << counts.parameters << " parameters, " << counts.macs << " MACs, " << counts.training_only << " more";
}
Counts counts(std::string_view model, const nn::Shape& image, std::int64_t classes) {
  const nn::Network network(build_model(model, image, classes), nn::PrecisionPlan(), true);
  Counts sum;
  for (const nn::Network::LayerRow& row : network.rows()) {
    (row.training_only ? sum.training_only : sum.parameters) += row.parameters;
    sum.macs += row.training_only ? 0 : row.macs;
  }
  EXPECT_EQ(sum.parameters + sum.training_only, network.parameter_count());
  return sum;
}

/// How much of a model's training is tried here.
enum class Tried { all_plans, paper_plan, nothing };

/// What is known of each model on its usual images, and the small ones on which it is trained here.
struct Known {
  std::string_view name;
  Counts counts;
  data::ImageShape small;
  Tried tried;
};
constexpr data::ImageShape digits{28, 28, 1};
constexpr data::ImageShape tiny{8, 8, 3};
const std::vector<Known> known{
    {"mlp", {784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10, 784 * 128 + 128 * 64 + 64 * 10}, digits, Tried::all_plans},
    {"lenet5", {61'706, 416'520}, digits, Tried::all_plans},
    {"cnn_bn",
     {9 * 16 + 2 * 16 + 9 * 16 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64 + 64 * 10 + 10,
      28 * 28 * 9 * 16 + 14 * 14 * 9 * 16 * 32 + 7 * 7 * 9 * 32 * 64 + 64 * 10},
     digits,
     Tried::all_plans},
    {"resnet20", {269'722, 40'551'040}, tiny, Tried::all_plans},
    {"resnet32", {464'154, 68'862'592}, tiny, Tried::nothing},
    {"resnet44", {658'586, 97'174'144}, tiny, Tried::nothing},
    {"resnet56", {853'018, 125'485'696}, tiny, Tried::nothing},
    {"resnet110", {1'727'962, 252'887'680}, tiny, Tried::nothing},
    {"resnet18", {11'689'512, 1'814'073'344}, {32, 32, 3}, Tried::nothing},
    {"resnet34", {21'797'672, 3'663'761'408}, {32, 32, 3}, Tried::nothing},
    {"resnet50", {25'557'032, 4'089'184'256}, {64, 64, 3}, Tried::paper_plan},
    {"resnet101", {44'549'160, 7'801'405'440}, {32, 32, 3}, Tried::nothing},
    {"vgg16", {138'357'544, 15'470'264'320}, {32, 32, 3}, Tried::nothing},
    {"alexnet", {60'965'224, 724'406'816}, {67, 67, 3}, Tried::paper_plan},
    {"googlenet_v1", {6'998'552, 1'582'671'872, 6'379'728}, {80, 80, 3}, Tried::paper_plan},
};

TEST(Models, HaveTheKnownCounts) {
  std::vector<std::string_view> names;
  for (const ModelEntry& model : models()) {
    names.push_back(model.name);
  }
  ASSERT_EQ(names.size(), known.size());
  for (std::size_t i = 0; i < known.size(); ++i) {
    ASSERT_EQ(names[i], known[i].name);
    EXPECT_EQ(counts(names[i], models()[i].image, models()[i].classes), known[i].counts) << names[i];
  }
}

TEST(Models, CountsFollowTheImage) {
  EXPECT_EQ(counts("cnn_bn", {1, 32, 32, 3}, 10).parameters, counts("cnn_bn", {1, 28, 28, 1}, 10).parameters + 288);
}

TEST(Models, AlexNetTakesImagesOf224PixelsAsWell) {
  EXPECT_EQ(counts("alexnet", {1, 224, 224, 3}, 1000).parameters, 60'965'224);
}

TEST(Models, TrainTwoStepsUnderNamedPlans) {
  nn::TrainingOptions options;
  options.batch = 2;
  options.eval_batch = 2;
  options.max_steps = 2;
  options.stats_every = 0;
  options.optimizer.lr = 1e-3f;
  options.init = nn::InitScheme::glorot;
  options.engine = kernels::Engine::native;
  for (const Known& model : known) {
    if (model.tried == Tried::nothing) {
      continue;
    }
    const nn::Shape image{1, model.small.height, model.small.width, model.small.channels};
    SCOPED_TRACE(model.name);
    for (const nn::NamedPlan& plan : nn::named_plans()) {
      if (model.tried == Tried::paper_plan && plan.name != "dfp16_paper") {
        continue;
      }
      const nn::Trained run = nn::train(build_model(model.name, image, 10), nn::PrecisionPlan(plan.name), options,
                                        nn::pictures(10, model.small, 10));
      EXPECT_EQ(run.result.outcome, nn::Outcome::finished) << model.name << " " << plan.name << run.result.message;
      EXPECT_EQ(run.result.steps, 2);
      for (const auto& [name, momentum] : run.momenta) {
        EXPECT_TRUE(std::any_of(momentum.begin(), momentum.end(), [](float v) { return v != 0; })) << name;
      }
      EXPECT_TRUE(std::isfinite(run.result.evaluation.loss));
    }
  }
}

TEST(Models, ShapesThatDoNotFitAreRefused) {
  EXPECT_THROW(build_model("lenet5", {1, 7, 28, 1}, 10), UserError);
  EXPECT_NO_THROW(build_model("lenet5", {1, 12, 12, 1}, 10));
  for (const ModelEntry& model : models()) {
    const nn::Shape& image = model.image;
    EXPECT_THROW(build_model(model.name, image, 0), UserError) << model.name;
    EXPECT_THROW(build_model(model.name, {1, 0, image.w, image.c}, 10), UserError) << model.name;
    EXPECT_THROW(build_model(model.name, {1, image.h, image.w, -1}, 10), UserError) << model.name;
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
