// Tests of study files and the grids they stand for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/study/conduct.hpp"
#include "experiments/study/grid.hpp"
#include "experiments/study/manifest.hpp"
#include "experiments/study/study_file.hpp"
#include "experiments/study/study_text.hpp"
#include "experiments/study/worker.hpp"
#include "formats/error.hpp"

namespace precsim::study {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Plan plan_of(const std::string& text, const Request& request = {}) {
  return resolve(parse_study(text, "s.ini"), request);
}

std::string refusal(const std::string& text, const Request& request = {}) {
  try {
    plan_of(text, request);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(StudyGrid, IsTheProductOfTheAxesWithPointsBefore) {
  const Plan plan = plan_of(
      "[study]\nquestion = Why?\nreference = plain\nseeds = 3 1\n[base]\ntrain.epochs = 2\n"
      "[axes]\nplan.name = dfp8 dfp6:block=32\n[axis.rounding]\nnearest =\n"
      "loose = plan.rounding=stochastic plan.errors=dfp12\n[point.plain]\nplan.name = fp32\n");
  EXPECT_THAT(points_of(plan.outline),
              ElementsAre("plain", "dfp8/nearest", "dfp8/loose", "dfp6:block=32/nearest", "dfp6:block=32/loose"));
  EXPECT_THAT(plan.outline.axes, ElementsAre("plan.name", "rounding"));
  EXPECT_EQ(plan.outline.question, "Why?");
  EXPECT_EQ(plan.outline.reference, "plain");
  ASSERT_EQ(plan.outline.runs.size(), 10u);
  EXPECT_THAT(plan.outline.runs[0].values, ElementsAre("fp32", ""));
  EXPECT_THAT(plan.outline.runs[5].values, ElementsAre("dfp8", "loose"));
  EXPECT_EQ(plan.outline.runs[4].seed, 3);
  EXPECT_EQ(plan.outline.runs[5].seed, 1);
  for (std::size_t i = 0; i < plan.configs.size(); ++i) {
    EXPECT_EQ(plan.configs[i].integer("run.seed"), plan.outline.runs[i].seed);
    EXPECT_EQ(plan.configs[i].integer("train.epochs"), 2);
    EXPECT_EQ(plan.configs[i].hash().hex(), plan.outline.runs[i].hash);
  }
  EXPECT_EQ(plan.configs[5].plan().size(), 2u);
  EXPECT_EQ(plan.configs[9].text("plan.name"), "dfp6:block=32");
}

TEST(StudyGrid, ExclusionsMatchAllOfTheirLines) {
  const std::string axes = "[axes]\nplan.name = dfp16 dfp8\noptimizer.lr = 0.1 0.20 0.3\n";
  EXPECT_THAT(points_of(plan_of(axes + "[exclude.a]\nplan.name = dfp8\noptimizer.lr = 0.10 0.2\n").outline),
              ElementsAre("dfp16/0.1", "dfp16/0.2", "dfp16/0.3", "dfp8/0.3"))
      << "values match in their canonical form";
  EXPECT_THAT(points_of(plan_of(axes + "[exclude.a]\nplan.name = dfp8\n[exclude.b]\noptimizer.lr = 0.1 0.2\n").outline),
              ElementsAre("dfp16/0.3"));
}

TEST(StudyGrid, SetsSeedsAndThreadsOfTheCommandLine) {
  const Plan plan = plan_of("[study]\nseeds = 1 2\n[base]\ntrain.epochs = 2\n[point.a]\n",
                            {{"train.epochs=5", "data.path=a b"}, {7}, 3});
  ASSERT_EQ(plan.configs.size(), 1u);
  EXPECT_EQ(plan.configs[0].integer("train.epochs"), 5);
  EXPECT_EQ(plan.configs[0].integer("run.seed"), 7);
  EXPECT_EQ(plan.configs[0].integer("run.threads"), 3);
  EXPECT_EQ(plan.configs[0].text("data.path"), "a b");
  EXPECT_EQ(plan.configs[0].text("run.out"), "run.h5");
  EXPECT_NE(plan.configs[0].real("checkpoint.seconds"), 0);
  const std::string axes = "[axes]\nplan.name = dfp8 dfp16\n";
  EXPECT_THAT(refusal(axes, {{"plan.name=fp32"}, {}, 1}), AllOf(HasSubstr("--set plan.name"), HasSubstr("s.ini:2")));
  EXPECT_THAT(refusal(axes, {{"run.seed=4"}, {}, 1}), HasSubstr("[study] seeds"));
}

struct Mistake {
  const char* text;
  const char* place;
  const char* says;
};
constexpr Mistake mistakes[] = {
    {"[study]\nseeds = 1 2 1\n[point.a]\n", "s.ini:2:", "the seed '1' is there already"},
    {"[study]\nseeds = 1,2\n[point.a]\n", "s.ini:2:", "separate its words with blanks, not commas"},
    {"[axes]\nplan.name = dfp8,dfp16\n", "s.ini:2:", "separate its words with blanks, not commas"},
    {"[study]\nseeds =\n[point.a]\n", "s.ini:2:", "at least one seed"},
    {"[study]\nsede = 1\n[point.a]\n", "s.ini:2:", "question, reference and seeds"},
    {"[study]\nreference = b\n[point.a]\n", "s.ini:2:", "'b' is no point"},
    {"[axes]\nplan.name = fp32\nplan.name = dfp8\n", "s.ini:3:", "already"},
    {"[axes]\nplan.name = dfp8 fp32 dfp8\n", "s.ini:2:", "the value 'dfp8' is there already"},
    {"[axes]\nplan.name =\n", "s.ini:2:", "has no values"},
    {"[axes]\nplan.nam = fp32\n", "s.ini:2:", "unknown key"},
    {"[axes]\nplan.name = fp33\n", "s.ini:2:", "unknown precision plan"},
    {"[axes]\noptimizer.lr = 0.1 fast\n", "s.ini:2:", "optimizer.lr"},
    {"[axes]\ndata.path = \"a b\n", "s.ini:2:", "quote"},
    {"[axes]\nrun.seed = 1 2\n", "s.ini:2:", "not for a study to set"},
    {"[base]\noutput.quiet = true\n[point.a]\n", "s.ini:2:", "not for a study to set"},
    {"[base]\nconfig =\n[point.a]\n", "s.ini:2:", "names a configuration file"},
    {"[axes]\nrun.engine = native simulate\n", "s.ini:2:", "run.engine cannot change a bit"},
    {"[axis.x]\na = plan.rounding=stochastic\n[axes]\nplan.rounding = stochastic\n",
     "s.ini:4:", "by the axis x already"},
    {"[axis.x]\na = plan.rounding\n", "s.ini:2:", "section.key=value"},
    {"[axis.x]\na = plan.rounding=stochastic plan.rounding=biased\n", "s.ini:2:", "already"},
    {"[axis.x]\n", "s.ini:1:", "has no values"},
    {"[axis.x.y]\na =\n", "s.ini:1:", "unknown section"},
    {"[axis]\na =\n", "s.ini:1:", "unknown section"},
    {"[axis.x]\na/b =\n", "s.ini:2:", "no label"},
    {"[axis.plan.name]\na =\n", "s.ini:1:", "unknown section"},
    {"[point.a]\n[point.b]\n", "s.ini:2:", "a and b have the same configuration"},
    {"[point.a]\n[point.a]\n", "s.ini:2:", "already"},
    {"[point.dfp8]\nplan.name = fp32\n[axes]\nplan.name = dfp8\n", "s.ini:1:", "as well"},
    {"[point.a]\nplan.rounding = stochastic\nplan.name = fp32\n", "s.ini:1:", "has no effect"},
    {"[axes]\nplan.name = fp32 dfp8\nplan.rounding = stochastic biased\n", "s.ini:2:", "[exclude.NAME]"},
    {"[axes]\nplan.name = dfp8\n[exclude.a]\nplan.name = dfp8\n", "s.ini:3:", "nothing is left"},
    {"[axes]\nplan.name = dfp8 dfp6\n[exclude.a]\nplan.name = dfp4\n", "s.ini:4:", "has no value 'dfp4'"},
    {"[axes]\nplan.name = dfp8 dfp6\n[exclude.a]\nplan.nam = dfp6\n", "s.ini:4:", "the nearest is 'plan.name'"},
    {"[axes]\nplan.name = dfp8 dfp6\n[exclude.a]\n", "s.ini:3:", "without lines"},
    {"[axes]\nplan.name = dfp8 dfp6\n[exclude.a]\nplan.name = dfp6\n[exclude.b]\nplan.name = dfp6\ntrain.batch=1",
     "s.ini:7:", "is no axis"},
    {"x = 1\n[point.a]\n", "s.ini:1:", "in no section"},
    {"[points]\n", "s.ini:1:", "unknown section"},
    {"", "s.ini:", "nothing to run"},
};

TEST(StudyFile, MistakesAreToldWithTheirPlace) {
  for (const Mistake& mistake : mistakes) {
    const std::string sentence = refusal(mistake.text);
    EXPECT_THAT(sentence, HasSubstr(mistake.says)) << mistake.text;
    EXPECT_TRUE(sentence.starts_with(mistake.place)) << mistake.text << sentence;
  }
}

TEST(StudyGrid, IsNeverLargerThanAStudyMayBe) {
  std::string axes = "[axes]\n";
  for (const char* key : {"train.epochs", "train.batch", "train.eval_batch", "train.max_steps", "data.train_size"}) {
    axes += std::string(key) + " = 10 11 12 13 14 15 16 17 18 19 20\n";
  }
  EXPECT_THAT(refusal(axes), HasSubstr("more than the 10000"));
}

TEST(StudyShard, TakesEveryNthRun) {
  Outline outline;
  outline.runs.resize(7);
  EXPECT_THAT(runs_of(outline, parse_shard("1/3")), ElementsAre(0, 3, 6));
  EXPECT_THAT(runs_of(outline, parse_shard("3/3")), ElementsAre(2, 5));
  EXPECT_THAT(runs_of(outline, parse_shard("9/9")), ElementsAre());
  for (const char* bad : {"", "1", "/", "0/3", "4/3", "1/0", "a/3", "1/3/3", "-1/3", "1/99999999"}) {
    EXPECT_THROW(parse_shard(bad), UserError) << bad;
  }
}

TEST(StudyOutline, SeedsAreIntegersAndRefusalsShort) {
  const auto outline = [](const std::string& seed) {
    return R"({"outline_version": 1, "text": "", "question": "", "reference": "", "axes": [], "runs": [)"
           R"({"point": "a", "values": [], "seed": )" +
           seed + R"(, "hash": "0123456789abcdef", "engine": "native"}]})";
  };
  EXPECT_EQ(parse_outline(outline("7"), "s").runs.at(0).seed, 7);
  for (const std::string seed : {"7.5", "7.0", "4e126", "\"7\"", "true", "null"}) {
    EXPECT_THROW(parse_outline(outline(seed), "s"), UserError) << seed;
  }
  try {
    parse_outline("{\"" + std::string(5000, 'k') + std::string(1, '\0'), "s");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no JSON from byte 5003"));
    EXPECT_LT(std::string(error.what()).size(), 200);
  }
}

TEST(StudyWorker, LinesReadBack) {
  const Progress progress{12, 300, "loss 0.5 and more"};
  EXPECT_EQ(progress_from(to_line(progress)), progress);
  EXPECT_EQ(progress_from(to_line(Progress{0, 0, ""})), (Progress{0, 0, ""}));
  const Failure failure{"no such file"};
  EXPECT_EQ(failure_from(to_line(failure)), failure);
  EXPECT_EQ(to_line(Failure{"two\nlines"}), "failed two lines");
  EXPECT_LE(to_line(Failure{std::string(100000, 'x')}).size(), 4095u)
      << "one write to a pipe is whole up to 4096 bytes";
  for (const char* bad : {"", "at", "at 1", "at 1 2", "at x 2 y", "at 1 x y", "at -1 2 y", "failure"}) {
    EXPECT_FALSE(progress_from(bad)) << bad;
    EXPECT_FALSE(failure_from(bad)) << bad;
  }
}

}  // namespace
}  // namespace precsim::study
