// The state of a training run as a value: a run that goes on from it reports and computes what the whole run does.
#include "sim/nn/training_state.hpp"

#include <gmock/gmock.h>

#include <limits>

#include "formats/error.hpp"
#include "tests/sim/nn/nn_support.hpp"

namespace precsim::nn {
namespace {

using ::testing::HasSubstr;

struct RunCase {
  std::string name, plan;
  Settings settings;
  bool normalized = false;
  LossScaleOptions loss_scale = {"none"};
  float momentum = 0.9f;
};

/// A run in one piece, or from a state; with the state it ended in.
struct Piece {
  TrainingResult result;
  Recorder recorder;
  TrainingState state;
  std::string hash;
};

TrainingOptions options_of(const RunCase& run) {
  TrainingOptions options = few_steps(7);
  options.epochs = 2;  // of 4 steps
  options.loss_scale = run.loss_scale;
  options.optimizer.momentum = run.momentum;
  return options;
}

Piece train_piece(const RunCase& run, const TrainingState* from = nullptr, std::int64_t stop_after = -1,
                  std::int64_t stop_after_batches = -1) {
  Piece piece;
  piece.recorder.stop_after = stop_after;
  piece.recorder.stop_after_batches = stop_after_batches;
  Network network(run.normalized ? normalized_model() : small_model(), plan_with(run.settings, run.plan),
                  run.momentum != 0);
  Trainer trainer(options_of(run), network, pictures());
  piece.result = trainer.run(piece.recorder, from);
  piece.state = trainer.state();
  piece.hash = network.state_hash();
  return piece;
}

const RunCase runs[] = {
    {"fp32", "fp32", {}},
    {"dfp16", "dfp16", {}},
    {"stochastic", "dfp8", {{"rounding", "stochastic"}}, true},
    {"batch_norm", "dfp16", {{"outputs", "bf16"}, {"momentum", "dfp16"}, {"master", "fp16@stochastic"}}, true},
    {"skips", "fp16", {}, false, {"dynamic", 0x1p20, 2, 0.5, 2, 1}},
    {"flexpoint", "flex16+5", {{"momentum", "flex16+5"}, {"master", "dfxp16:range=1,every=2"}}, true},
    {"range_control",
     "dfxp12",
     {{"rounding", "stochastic"}, {"outputs", "dfxp16:every=3"}, {"saved", "flex12+5"}},
     true},
    {"flexpoint_skips", "fp16", {{"weight_gradients", "flex16+5"}}, false, {"dynamic", 0x1p20, 2, 0.5, 2, 1}},
    {"no_momentum", "fp32", {}, false, {"static", 128}, 0.0f},
};

class Resumed : public ::testing::TestWithParam<RunCase> {};

TEST_P(Resumed, RunEqualsTheWholeRunFromEveryStep) {
  const Piece whole = train_piece(GetParam());
  ASSERT_EQ(whole.result.outcome, Outcome::finished) << whole.result.message;
  ASSERT_EQ(whole.result.steps, 7);
  for (std::int64_t stop = 0; stop <= 7; ++stop) {
    const Piece first = train_piece(GetParam(), nullptr, stop);
    ASSERT_EQ(first.state.step, stop);
    const Piece second = train_piece(GetParam(), &first.state);
    EXPECT_EQ(second.hash, whole.hash) << stop;
    EXPECT_EQ(second.state.tensors, whole.state.tensors) << stop;
    EXPECT_EQ(second.state.controllers, whole.state.controllers) << stop;
    EXPECT_EQ(second.state.loss_scale, whole.state.loss_scale) << stop;
    EXPECT_EQ(second.result.steps, 7);
    EXPECT_EQ(second.result.outcome, Outcome::finished);
    EXPECT_EQ(second.result.evaluation.loss, whole.result.evaluation.loss);
    EXPECT_EQ(second.result.evaluation.step, whole.result.evaluation.step);
    EXPECT_EQ(second.result.totals.all_macs, whole.result.totals.all_macs);
    EXPECT_EQ(second.result.totals.integer_macs, whole.result.totals.integer_macs);
    EXPECT_EQ(second.result.totals.overflow_events, whole.result.totals.overflow_events);
    EXPECT_EQ(second.result.totals.saved_bytes, whole.result.totals.saved_bytes);
    ASSERT_EQ(second.recorder.steps.size(), static_cast<std::size_t>(7 - stop));
    for (std::size_t i = 0; i < second.recorder.steps.size(); ++i) {
      const StepReport& expected = whole.recorder.steps[i + static_cast<std::size_t>(stop)];
      EXPECT_EQ(second.recorder.steps[i].step, expected.step);
      EXPECT_EQ(second.recorder.steps[i].loss, expected.loss);
      EXPECT_EQ(second.recorder.steps[i].loss_scale, expected.loss_scale);
      EXPECT_EQ(second.recorder.steps[i].skipped, expected.skipped);
    }
    ASSERT_EQ(first.recorder.tensors.size() + second.recorder.tensors.size(), whole.recorder.tensors.size());
    for (std::size_t i = 0; i < second.recorder.tensors.size(); ++i) {
      ASSERT_EQ(bits_of(second.recorder.tensors[i].converted),
                bits_of(whole.recorder.tensors[i + first.recorder.tensors.size()].converted));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Plans, Resumed, ::testing::ValuesIn(runs),
                         [](const auto& instance) { return instance.param.name; });

TEST(TrainingState, TheRunsOfTheTestSkipStepsAndGrowTheLossScale) {
  const Piece run = train_piece(runs[4]);
  int skipped = 0;
  bool grew = false;
  for (std::size_t i = 0; i < run.recorder.steps.size(); ++i) {
    skipped += run.recorder.steps[i].skipped ? 1 : 0;
    grew = grew || (i > 0 && run.recorder.steps[i].loss_scale > run.recorder.steps[i - 1].loss_scale);
  }
  EXPECT_GT(skipped, 0);
  EXPECT_TRUE(grew);
}

TEST(TrainingState, OfARunStoppedWithinAnEvaluationIsThatBeforeIt) {
  const RunCase& run = runs[2];
  const Piece whole = train_piece(run);
  ASSERT_EQ(whole.recorder.evaluated, (std::vector<std::int64_t>{4, 8, 10, 4, 8, 10}));
  for (const std::int64_t batches : {1, 2, 4, 5}) {
    const Piece first = train_piece(run, nullptr, -1, batches);
    EXPECT_EQ(first.result.outcome, Outcome::interrupted);
    EXPECT_EQ(first.state.step, batches < 3 ? 4 : 7);
    EXPECT_EQ(first.recorder.evaluations.size(), batches < 3 ? 0u : 1u);
    EXPECT_EQ(first.recorder.evaluated.size(), static_cast<std::size_t>(batches));
    const Piece second = train_piece(run, &first.state);
    EXPECT_EQ(second.recorder.evaluations.size(), batches < 3 ? 2u : 1u);
    EXPECT_EQ(second.result.outcome, Outcome::finished);
    EXPECT_EQ(second.hash, whole.hash);
    EXPECT_EQ(second.result.evaluation.loss, whole.result.evaluation.loss);
    EXPECT_EQ(second.result.totals.all_macs, whole.result.totals.all_macs);
  }
}

TEST(TrainingState, HasMomentumFromTheFirstUpdateOn) {
  const auto kinds = [](const TrainingState& state) {
    std::map<std::string, int> count;
    for (const StateTensor& tensor : state.tensors) ++count[tensor.kind];
    return count;
  };
  const RunCase& run = runs[3];
  EXPECT_EQ(kinds(train_piece(run, nullptr, 0).state), (std::map<std::string, int>{{"buffers", 4}, {"parameters", 8}}));
  EXPECT_EQ(kinds(train_piece(run, nullptr, 1).state),
            (std::map<std::string, int>{{"buffers", 4}, {"momentum", 8}, {"parameters", 8}}));
}

TEST(TrainingState, IsOfferedBeforeTheFirstStepAndAfterEveryOne) {
  struct Listener final : Observer {
    void between_steps(const Trainer& trainer) override {
      steps.push_back(trainer.steps_done());
      evaluated.push_back(trainer.state().evaluation.images);
    }
    std::vector<std::int64_t> steps, evaluated;
  } listener;
  Network network(small_model(), PrecisionPlan(), true);
  TrainingOptions options = few_steps(5);
  Trainer trainer(options, network, pictures());
  trainer.run(listener);
  EXPECT_EQ(listener.steps, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(listener.evaluated, (std::vector<std::int64_t>{0, 0, 0, 0, 10, 10}));
}

/// What restore_tensors says; it must leave the network as it was.
std::string refusal(const std::vector<StateTensor>& tensors) {
  Network network(normalized_model(), PrecisionPlan(), true);
  network.initialize(InitScheme::he, 1);
  const std::string before = network.state_hash();
  std::string sentence;
  try {
    restore_tensors(network, tensors);
  } catch (const UserError& error) {
    sentence = error.what();
  }
  EXPECT_EQ(network.state_hash(), before);
  return sentence;
}

TEST(TrainingState, TensorsThatDoNotFitAreRefused) {
  Network network(normalized_model(), PrecisionPlan(), true);
  network.initialize(InitScheme::he, 2);
  const std::vector<StateTensor> good = state_tensors(network);
  ASSERT_EQ(good.size(), 12u);
  auto tensors = good;
  tensors.erase(tensors.begin() + 2);
  EXPECT_THAT(refusal(tensors), HasSubstr("no tensor " + good[2].path()));
  tensors = good;
  tensors.push_back(good[1]);
  EXPECT_THAT(refusal(tensors), HasSubstr(good[1].path() + " twice"));
  tensors = good;
  tensors.push_back(good[1]);
  tensors.back().layer = "conv9";
  EXPECT_THAT(refusal(tensors), HasSubstr("/conv9/"));
  tensors = good;
  tensors[0].dimensions.back() += 1;
  EXPECT_THAT(refusal(tensors), HasSubstr("shape (4, 3, 3, 3), but the model needs (4, 3, 3, 2)"));
  tensors = good;
  tensors[0].values.pop_back();
  EXPECT_THAT(refusal(tensors), HasSubstr("shape"));
}

TEST(TrainingState, ImpossibleStepsAndLossScalesAreRefused) {
  const auto sentence = [](const RunCase& run, auto change) -> std::string {
    TrainingState state = train_piece(run, nullptr, 1).state;
    change(state);
    try {
      train_piece(run, &state);
    } catch (const UserError& error) {
      return error.what();
    }
    return {};
  };
  const RunCase& fixed = runs[0];
  const RunCase& dynamic = runs[4];
  EXPECT_EQ(sentence(fixed, [](TrainingState&) {}), "");
  EXPECT_THAT(sentence(fixed, [](TrainingState& s) { s.step = 8; }), HasSubstr("has 8 steps, but the run has 7"));
  EXPECT_THAT(sentence(fixed, [](TrainingState& s) { s.step = -1; }), HasSubstr("-1 steps"));
  EXPECT_THAT(sentence(fixed, [](TrainingState& s) { s.loss_scale.value = 2; }), HasSubstr("loss scale 2"));
  EXPECT_THAT(sentence(fixed, [](TrainingState& s) { s.loss_scale.clean_steps = 1; }), HasSubstr("1 clean steps"));
  for (const double bad :
       {0.0, -1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(sentence(dynamic, [&](TrainingState& s) { s.loss_scale.value = bad; }), HasSubstr("loss scale"));
  }
  EXPECT_THAT(sentence(dynamic, [](TrainingState& s) { s.loss_scale.clean_steps = 2; }), HasSubstr("2 clean steps"));
}

}  // namespace
}  // namespace precsim::nn
