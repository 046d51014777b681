// Tests of comparisons of runs: groups, labels, statistics over seeds, where bits part; tables for other programs.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "experiments/cli/table.hpp"
#include "experiments/comparison/groups.hpp"
#include "formats/error.hpp"

namespace precsim::comparison {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

ComparedRun run(std::string file, std::string plan, std::int64_t seed, double accuracy) {
  ComparedRun made;
  made.file = std::move(file);
  made.settings = {{"plan.name", std::move(plan)}, {"train.epochs", "3"}};
  made.seed = seed;
  made.outcome = "finished";
  made.figures = {{"test_accuracy", accuracy}};
  return made;
}

TEST(Comparison, RunsThatDifferInTheSeedAloneAreOneConfiguration) {
  const auto groups = group_runs(
      {run("b/dfp8_s2.h5", "dfp8", 2, 0.5), run("fp32_s1.h5", "fp32", 1, 0.7), run("dfp8_s1.h5", "dfp8", 1, 0.4)});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].label, "dfp8");
  EXPECT_EQ(groups[1].label, "fp32_s1");
  ASSERT_EQ(groups[0].runs.size(), 2u);
  EXPECT_EQ(groups[0].runs[0].seed, 1);
  EXPECT_EQ(differing_settings(groups), std::vector<std::string>{"plan.name"});
}

TEST(Comparison, FilesOfOneNameGetLetters) {
  const auto groups = group_runs({run("a/run.h5", "dfp8", 1, 0.5), run("b/run.h5", "fp32", 1, 0.7)});
  EXPECT_EQ(groups[0].label, "A");
  EXPECT_EQ(groups[1].label, "B");
  const auto named = group_runs({run("a/run.h5", "dfp8", 1, 0.5), run("b/run.h5", "fp32", 1, 0.7)},
                                {{"a/run.h5", "eight"}, {"b/run.h5", "full"}});
  EXPECT_EQ(named[1].label, "full");
}

TEST(Comparison, RunsThatHaveNotEndedTellTheirLastEvaluation) {
  ComparedRun early = run("a_s2.h5", "dfp8", 2, 0.1), late = run("a_s3.h5", "dfp8", 3, 0.1);
  early.outcome = "unfinished";
  early.latest = {40, 0.25, 2.0};
  late.outcome = "interrupted";
  late.latest = {60, 0.5, 1.5};
  ComparedRun finished = run("a_s1.h5", "dfp8", 1, 0.7);
  finished.latest = {100, 0.7, 1.0};
  const SoFar latest = so_far(group_runs({finished, late, early}).front());
  EXPECT_EQ(latest.accuracy.count, 2u);
  EXPECT_EQ(latest.accuracy.mean, 0.375);
  EXPECT_EQ(latest.first_step, 40);
  EXPECT_EQ(latest.last_step, 60);
  EXPECT_EQ(so_far(group_runs({finished}).front()).accuracy.count, 0u);
}

TEST(Comparison, ANameIsOfAGroupWhicheverRunHasIt) {
  const auto groups =
      group_runs({run("x.h5", "dfp8", 1, 0.5), run("b/run.h5", "dfp8", 2, 0.7)}, {{"b/run.h5", "eight"}});
  EXPECT_EQ(groups[0].label, "eight");
}

TEST(Comparison, OneSeedTwiceIsRefused) {
  EXPECT_THROW(group_runs({run("a.h5", "dfp8", 1, 0.5), run("b.h5", "dfp8", 1, 0.5)}), UserError);
}

TEST(Comparison, AKeyThatOneLacksDiffers) {
  ComparedRun other = run("b.h5", "dfp8", 1, 0.5);
  other.settings["plan.conv1.weights"] = "fp32";
  EXPECT_EQ(differing_settings(group_runs({run("a.h5", "dfp8", 1, 0.5), other})),
            std::vector<std::string>{"plan.conv1.weights"});
}

TEST(Comparison, SpreadLeavesOutRunsThatDidNotFinish) {
  ComparedRun diverged = run("a_s3.h5", "dfp8", 3, 0.1);
  diverged.outcome = "diverged";
  const auto groups = group_runs({run("a_s1.h5", "dfp8", 1, 0.5), run("a_s2.h5", "dfp8", 2, 0.7), diverged});
  const Spread accuracy = spread(groups[0], "test_accuracy");
  EXPECT_EQ(accuracy.count, 2u);
  EXPECT_NEAR(accuracy.mean, 0.6, 1e-15);
  EXPECT_NEAR(accuracy.deviation, std::sqrt(0.02), 1e-15);
  EXPECT_TRUE(std::isnan(spread(groups[0], "test_loss").mean));
}

TEST(Comparison, DifferencesArePairedBySeed) {
  const auto groups =
      group_runs({run("a_s1.h5", "fp32", 1, 0.90), run("a_s2.h5", "fp32", 2, 0.92), run("a_s3.h5", "fp32", 3, 0.94),
                  run("b_s1.h5", "dfp8", 1, 0.89), run("b_s2.h5", "dfp8", 2, 0.90), run("b_s3.h5", "dfp8", 3, 0.91),
                  run("b_s9.h5", "dfp8", 9, 0.10)});
  const PairedDifference difference = paired_difference(groups[1], groups[0], "test_accuracy");
  EXPECT_EQ(difference.pairs, 3u);
  EXPECT_NEAR(difference.mean, -0.02, 1e-15);
  // t(0.975, 2) = 4.302653 (NIST/SEMATECH e-Handbook, 1.3.6.7.2); the deviation of -0.01, -0.02, -0.03 is 0.01.
  EXPECT_NEAR(difference.half_width, 4.302653 * 0.01 / std::sqrt(3.0), 1e-8);
  EXPECT_NEAR(half_width(spread({-0.01, -0.02, -0.03})), difference.half_width, 1e-12);
  EXPECT_TRUE(std::isnan(half_width(spread({-0.01}))));
}

TEST(Comparison, BitsPartAtTheFirstRowThatDiffers) {
  ComparedRun one = run("a.h5", "fp32", 1, 0), other = run("b.h5", "dfp8", 1, 0);
  one.training = {"r0", "r1", "r2"};
  other.training = {"r0", "r1", "x2"};
  EXPECT_EQ(first_parting(one, other), 2);
  other.training = {"r0", "r1"};
  EXPECT_EQ(first_parting(one, other), 2);
  other.training = one.training;
  EXPECT_EQ(first_parting(one, other), -1);
}

TEST(Comparison, SqnrKeepsLosslessConversionsApart) {
  Sqnr sqnr;
  EXPECT_TRUE(std::isnan(sqnr.mean()));
  sqnr.add(infinity);
  EXPECT_EQ(sqnr.mean(), infinity);
  sqnr.add(20);
  Sqnr other;
  other.add(10);
  other.add(std::numeric_limits<double>::quiet_NaN());
  sqnr.add(other);
  EXPECT_EQ(sqnr.mean(), 15);
  EXPECT_EQ(sqnr.worst, 10);
  EXPECT_EQ(sqnr.lossless, 1u);
  EXPECT_EQ(sqnr.conversions, 4u);
}

TEST(Comparison, OverflowIsKnownWhereItWasCountedOrExcluded) {
  EXPECT_TRUE((Overflow{.calls = 3, .proved = 1, .simulated = 3}.known()));
  EXPECT_TRUE((Overflow{.calls = 3, .proved = 3, .simulated = 0}.known()));
  EXPECT_FALSE((Overflow{.calls = 3, .proved = 2, .simulated = 0}.known()));
}

TEST(TableStyles, EscapeWhatTheirReadersWouldTakeForSyntax) {
  cli::Table table({{"name", "", cli::Align::left}, {"share", "%"}});
  table.add_row({"a,\"b\"|c_d&e", "50"});
  EXPECT_EQ(table.text(cli::TableStyle::csv), "name,share (%)\r\n\"a,\"\"b\"\"|c_d&e\",50\r\n");
  EXPECT_EQ(table.text(cli::TableStyle::markdown), "| name | share (%) |\n| --- | ---: |\n| a,\"b\"\\|c_d&e | 50 |\n");
  EXPECT_EQ(table.text(cli::TableStyle::latex),
            "\\begin{tabular}{lr}\n\\toprule\nname & share (\\%) \\\\\n\\midrule\na,\"b\"|c\\_d\\&e & 50 \\\\\n"
            "\\bottomrule\n\\end{tabular}\n");
  EXPECT_EQ(table.text(cli::TableStyle::text), table.text());
  EXPECT_THROW(cli::parse_table_style("html"), UserError);
}

}  // namespace
}  // namespace precsim::comparison
