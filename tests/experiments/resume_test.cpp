// Tests of interrupted and resumed runs in one process: every plan, every step, and what is found at the output.
#include <algorithm>
#include <bit>
#include <map>

#include "experiments/checkpoint/checkpoint.hpp"
#include "experiments/record/compare.hpp"
#include "experiments/record/run_schema.hpp"
#include "experiments/run/run_options.hpp"
#include "experiments/run/training_run.hpp"
#include "tests/experiments/record_support.hpp"

namespace precsim::experiments {
namespace {

namespace fs = std::filesystem;
using record::slurp;
using record::spill;
using record::user_error;
using Settings = std::map<std::string, std::string>;

constexpr std::int64_t steps = 6;
constexpr std::int64_t never = 100;

class ResumeTest : public record::RecordTest {
 protected:
  struct Ended {
    RunResult result;
    std::string note;
    std::vector<std::int64_t> steps;
    bool saved_first = false;  ///< record and checkpoint of this run were there before the first step had ended
  };

  /// A run of 6 steps in 2 epochs at `out`, asked to stop once `stop` steps of this session are done.
  Ended run(Settings settings, std::int64_t stop = never) const {
    const Settings base{{"data.train_size", "24"}, {"data.test_size", "10"},        {"train.epochs", "2"},
                        {"train.batch", "8"},      {"train.eval_batch", "10"},      {"record.stats_every", "2"},
                        {"model.name", "mlp"},     {"record.flush_seconds", "1e3"}, {"run.threads", "1"}};
    settings.insert(base.begin(), base.end());
    if (settings.count("run.out") == 0) settings["run.out"] = file.string();
    config::Config config(check_value);
    for (const auto& [key, value] : settings) config.set({key, value, "test"});
    canonicalize(config);
    Ended ended;
    const auto hooks = [&](std::int64_t) {
      RunRecorder::Hooks h;
      h.on_step = [&](const nn::StepReport& report) {
        if (ended.steps.empty() && fs::exists(checkpoint())) {
          const auto identity = record::read_identity(file);
          ended.saved_first = identity && identity->id == checkpoint::read(checkpoint()).record.id;
        }
        ended.steps.push_back(report.step);
      };
      h.stop_requested = [&] { return static_cast<std::int64_t>(ended.steps.size()) >= stop; };
      return h;
    };
    ended.result = run_training(config, hooks, [&](const std::string& note) { ended.note += note; });
    return ended;
  }
  Ended resumed(Settings settings = {}, std::int64_t stop = never) const {
    settings["run.resume"] = "true";
    return run(std::move(settings), stop);
  }
  std::string refusal(Settings settings) const {
    const std::string before = slurp(file) + slurp(checkpoint());
    const std::string sentence = user_error([&] { resumed(std::move(settings)); });
    EXPECT_EQ(slurp(file) + slurp(checkpoint()), before);
    return sentence;
  }
  /// Makes the record what a death left that came before its result, with these rows.
  void roll_back(const std::vector<std::uint64_t>& rows) const {
    auto opened = record::Record::reopen(file, record::run_tables());
    record::RecordHeader header = opened->header();
    std::erase_if(header.run, [](const auto& a) { return a.name.starts_with("outcome") || a.name == "state_hash"; });
    opened->roll_back(header, rows);
  }
  fs::path checkpoint() const { return folder / "run.checkpoint.h5"; }
  fs::path best_checkpoint() const { return folder / "run.best.checkpoint.h5"; }
  fs::path whole() const { return folder / "whole.h5"; }
  void expect_equal_to_whole() const {
    const auto found = record::first_difference(file, whole());
    EXPECT_FALSE(found.has_value()) << found->sentence();
  }
};

struct Plan {
  const char* name;
  Settings settings;
};

class EveryStep : public ResumeTest, public ::testing::WithParamInterface<Plan> {
 protected:
  void SetUp() override {
    ResumeTest::SetUp();
    folder += GetParam().name;
    fs::create_directories(folder);
    file = folder / "run.h5";
  }
};

TEST_P(EveryStep, InterruptedRunGivesTheSameRecord) {
  Settings settings = GetParam().settings;
  settings["run.out"] = whole().string();
  const RunResult one = run(settings).result;
  ASSERT_EQ(one.training.outcome, nn::Outcome::finished) << one.training.message;
  settings.erase("run.out");
  for (std::int64_t stop = 0; stop <= steps; ++stop) {  // 3 and 6 are in evaluations
    settings["checkpoint.every"] = std::to_string(stop);
    ASSERT_EQ(resumed(settings, stop).result.training.outcome, nn::Outcome::interrupted);
    const Ended second = resumed(settings);
    ASSERT_EQ(second.steps.size(), static_cast<std::size_t>(steps - stop));
    EXPECT_TRUE(stop == steps || second.steps.front() == stop);
    EXPECT_EQ(second.result.state_hash, one.state_hash);
    expect_equal_to_whole();
    for (const fs::path& old : {file, checkpoint(), best_checkpoint()}) {
      fs::remove(old);
    }
  }
}

TEST_P(EveryStep, StepByStepGivesTheSameRecord) {
  Settings settings = GetParam().settings;
  settings["run.out"] = whole().string();
  run(settings);
  settings.erase("run.out");
  for (std::int64_t step = 0; step < steps - 1; ++step) {
    settings["run.threads"] = std::to_string(1 + step % 3);
    ASSERT_EQ(resumed(settings, 1).result.training.outcome, nn::Outcome::interrupted);
  }
  ASSERT_EQ(resumed(settings).result.training.outcome, nn::Outcome::finished);
  expect_equal_to_whole();
  EXPECT_EQ(record::value_of<std::int64_t>(record::read_header(file).provenance, "sessions", "it"), steps);
}

INSTANTIATE_TEST_SUITE_P(
    Plans, EveryStep,
    ::testing::Values(
        Plan{"fp32", {{"plan.name", "fp32"}}}, Plan{"dfp16", {{"plan.name", "dfp16"}}},
        Plan{"skips", {{"plan.name", "fp16"}, {"loss_scale.initial", "33554432"}, {"loss_scale.interval", "2"}}},
        Plan{"stochastic", {{"plan.name", "dfp8"}, {"plan.rounding", "stochastic"}}},
        Plan{"batch_norm", {{"plan.name", "dfp16"}, {"model.name", "cnn_bn"}, {"plan.momentum", "dfp16"}}}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST_F(ResumeTest, BeginsWhereNothingIs) {
  const Ended ended = resumed();
  EXPECT_SAYS(ended.note, "starts from the beginning");
  EXPECT_TRUE(ended.saved_first);
  EXPECT_EQ(ended.steps.size(), static_cast<std::size_t>(steps));
  EXPECT_EQ(names_in_folder(), (record::Names{"run.best.checkpoint.h5", "run.checkpoint.h5", "run.h5"}));
  run({{"run.out", whole().string()}});
  expect_equal_to_whole();
}

TEST_F(ResumeTest, DoesNothingWhereTheRunHasFinished) {
  const RunResult first = resumed().result;
  const std::string record = slurp(file);
  const std::string saved = slurp(checkpoint());
  const Ended again = resumed();
  EXPECT_TRUE(again.result.had_ended);
  EXPECT_SAYS(again.note, "which finished after 6 steps; nothing was changed");
  EXPECT_TRUE(again.steps.empty());
  EXPECT_EQ(again.result.state_hash, first.state_hash);
  EXPECT_EQ(again.result.configuration_hash, first.configuration_hash);
  EXPECT_EQ(again.result.seconds, first.seconds);
  EXPECT_EQ(again.result.training.steps, steps);
  ASSERT_EQ(again.result.figures.size(), first.figures.size());
  for (std::size_t i = 0; i < first.figures.size(); ++i) {
    EXPECT_EQ(again.result.figures[i].name, first.figures[i].name);
    EXPECT_EQ(again.result.figures[i].unit, first.figures[i].unit);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(again.result.figures[i].value),
              std::bit_cast<std::uint64_t>(first.figures[i].value));
  }
  EXPECT_EQ(slurp(file), record);
  EXPECT_EQ(slurp(checkpoint()), saved);
  fs::remove(checkpoint());
  EXPECT_TRUE(resumed().result.had_ended) << "a finished record needs no checkpoint";
}

TEST_F(ResumeTest, TellsADivergedRunAgain) {
  const Settings settings{{"optimizer.lr", "1000000"}, {"plan.name", "fp32"}, {"schedule.warmup_epochs", "0"}};
  const RunResult first = resumed(settings).result;
  ASSERT_EQ(first.training.outcome, nn::Outcome::diverged);
  const Ended again = resumed(settings);
  EXPECT_EQ(again.result.training.outcome, nn::Outcome::diverged);
  EXPECT_EQ(again.result.training.message, first.training.message);
  EXPECT_SAYS(again.note, "which diverged");
  EXPECT_TRUE(again.steps.empty());
}

TEST_F(ResumeTest, LastCheckpointHasTheFinalWeights) {
  resumed({{"checkpoint.every", "4"}});
  const checkpoint::Checkpoint last = checkpoint::read(checkpoint());
  EXPECT_EQ(last.state.step, steps);
  EXPECT_EQ(last.state.evaluation.step, steps - 1);
}

TEST_F(ResumeTest, WithoutCheckpointsNoneIsWritten) {
  run({}, 3);
  EXPECT_EQ(names_in_folder(), record::Names{"run.h5"});
  EXPECT_SAYS(refusal({}), "no checkpoint");
  EXPECT_SAYS(refusal({}), "--overwrite");
}

TEST_F(ResumeTest, RecordThatDiedBeforeItsFirstRowBeginsAgain) {
  resumed({}, 3);
  roll_back(std::vector<std::uint64_t>(record::run_tables().size()));
  fs::remove(checkpoint());
  EXPECT_SAYS(resumed().note, "from the beginning");
  run({{"run.out", whole().string()}});
  expect_equal_to_whole();
}

TEST_F(ResumeTest, RunThatDiedAfterItsLastStepGetsItsResult) {
  resumed();
  std::vector<std::uint64_t> rows;
  for (const record::TableSchema& table : record::run_tables()) {
    const auto mark = checkpoint::read(checkpoint()).record.rows;
    rows.push_back(std::ranges::find(mark, table.path.substr(1), &checkpoint::RecordMark::Rows::table)->count);
  }
  roll_back(rows);
  const Ended ended = resumed();
  EXPECT_FALSE(ended.result.had_ended);
  EXPECT_TRUE(ended.steps.empty());
  run({{"run.out", whole().string()}});
  expect_equal_to_whole();
}

TEST_F(ResumeTest, BestCheckpointIsOfTheBestEvaluationWhereverTheRunStopped) {
  const Settings settings{{"train.epochs", "4"}};
  resumed(settings);
  const checkpoint::Checkpoint whole = checkpoint::read(best_checkpoint());
  const checkpoint::Checkpoint last = checkpoint::read(checkpoint());
  const auto best_step = record::value_of<std::int64_t>(last.figures, "best_step", "figures");
  const auto best_accuracy = record::value_of<double>(last.figures, "best_accuracy", "figures");
  EXPECT_EQ(whole.state.step, best_step + 1);
  EXPECT_EQ(whole.state.evaluation.step, best_step);
  EXPECT_EQ(whole.state.evaluation.accuracy, best_accuracy);
  EXPECT_GE(best_accuracy, last.state.evaluation.accuracy);
  EXPECT_LE(whole.state.evaluation.correct, whole.state.evaluation.correct5);
  for (const std::int64_t stop : {best_step, best_step + 1, best_step + 2}) {
    for (const fs::path& old : {file, checkpoint(), best_checkpoint()}) fs::remove(old);
    resumed(settings, stop);
    resumed(settings);
    const checkpoint::Checkpoint again = checkpoint::read(best_checkpoint());
    EXPECT_EQ(again.state.step, whole.state.step) << stop;
    EXPECT_EQ(again.state.tensors, whole.state.tensors) << stop;
  }
}

/// Going on from the best checkpoint in the place of the last ends as the run did.
TEST_F(ResumeTest, BestCheckpointCanBeGoneOnFrom) {
  const std::string hash = resumed({{"train.epochs", "3"}}).result.state_hash;
  for (const fs::path& old : {file, checkpoint(), best_checkpoint()}) fs::remove(old);
  resumed({{"train.epochs", "3"}}, 7);
  ASSERT_LT(checkpoint::read(best_checkpoint()).state.step, 7);
  fs::copy_file(best_checkpoint(), checkpoint(), fs::copy_options::overwrite_existing);
  EXPECT_EQ(resumed({{"train.epochs", "3"}}).result.state_hash, hash);
}

TEST_F(ResumeTest, OtherConfigurationIsNamed) {
  resumed({}, 3);
  const Settings changes{{"train.epochs", "3"}, {"optimizer.lr", "0.1"}, {"run.seed", "2"}, {"plan.name", "fp32"}};
  for (const auto& [key, value] : changes) {
    const std::string sentence = refusal({{key, value}});
    EXPECT_SAYS(sentence, key + " is ");
    EXPECT_SAYS(sentence, " there and " + value + " here");
  }
  EXPECT_SAYS(refusal({{"plan.fc1.weights", "fp16"}}), "plan.fc1.weights is not set there and fp16 here");
  EXPECT_EQ(resumed({{"run.threads", "2"}, {"record.flush_seconds", "0"}}).result.training.outcome,
            nn::Outcome::finished);
}

TEST_F(ResumeTest, CheckpointOfAnotherRunIsRefused) {
  resumed({}, 3);
  const std::string theirs = slurp(checkpoint());
  fs::remove(checkpoint());
  fs::remove(best_checkpoint());
  fs::remove(file);
  resumed({}, 2);
  spill(checkpoint(), theirs);
  EXPECT_SAYS(refusal({}), "record of another run");
}

TEST_F(ResumeTest, CheckpointWithoutItsRecordOrWithFewerRowsIsRefused) {
  resumed({}, 2);
  const std::string early = slurp(file);
  resumed({}, 2);
  const std::string late = slurp(file);
  spill(file, early);
  EXPECT_SAYS(refusal({}), "rows of /training, but the record has 2");
  fs::remove(file);
  EXPECT_SAYS(user_error([&] { resumed(); }), "is missing");
  EXPECT_EQ(names_in_folder(), (record::Names{"run.best.checkpoint.h5", "run.checkpoint.h5"}));
  spill(file, late);
  EXPECT_EQ(resumed().result.training.outcome, nn::Outcome::finished);
}

TEST_F(ResumeTest, ExistingOutputIsKeptUnlessItMayBeReplaced) {
  resumed({}, 3);
  const std::string record = slurp(file);
  const std::string sentence = user_error([&] { run({}); });
  EXPECT_SAYS(sentence, "exists already");
  EXPECT_SAYS(sentence, "--resume");
  EXPECT_EQ(slurp(file), record);
  run({{"run.overwrite", "true"}});
  EXPECT_EQ(names_in_folder(), record::Names{"run.h5"}) << "the old checkpoint went with the old record";
  EXPECT_TRUE(run({{"run.overwrite", "true"}, {"checkpoint.every", "9"}}).saved_first);
  spill(checkpoint(), "notes of somebody else");
  EXPECT_SAYS(user_error([&] { run({{"run.overwrite", "true"}}); }), checkpoint().string());
  EXPECT_SAYS(user_error([&] { run({{"run.out", (folder / "run.h5").string()}}); }), checkpoint().string());
  EXPECT_EQ(slurp(checkpoint()), "notes of somebody else");
}

TEST_F(ResumeTest, SettingsThatDoNotGoTogetherAreRefused) {
  EXPECT_SAYS(user_error([&] { resumed({{"run.out", ""}}); }), "--out");
  EXPECT_SAYS(user_error([&] { run({{"run.out", ""}, {"checkpoint.every", "5"}}); }), "checkpoint.every = 5");
  EXPECT_SAYS(user_error([&] { resumed({{"run.overwrite", "true"}}); }), "one of the two");
  EXPECT_EQ(names_in_folder(), record::Names{});
}

}  // namespace
}  // namespace precsim::experiments
