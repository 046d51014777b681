// Tests of the framework of `precsim verify`: what a section counts, whatever the number of threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <set>
#include <stdexcept>
#include <string>

#include "experiments/verify/section.hpp"

namespace precsim::verify {
namespace {

const Run::OnPart silent = [](std::uint64_t, std::uint64_t) {};

Report run(void (*body)(verify::Run&), int threads = 1, std::string (*obstacle)() = nullptr) {
  return run_section({"test/section", "a claim", "an oracle", obstacle, body}, Depth::quick, 1, threads, silent);
}

/// 1000 parts of ten cases each; every case of part 300 and of later multiples of 100 is wrong.
void many_parts(Run& run) {
  run.covers("all 10000");
  run.parallel(1000, [](std::uint64_t part, Tally& tally) {
    for (int i = 0; i < 10; ++i) {
      const bool wrong = part >= 300 && part % 100 == 0;
      tally.check(!wrong, [&] { return Mismatch{std::to_string(part) + "," + std::to_string(i), "right", "wrong"}; });
    }
  });
}

TEST(VerifyRun, CountsAndFirstMismatchDoNotDependOnThreads) {
  for (const int threads : {1, 2, 5}) {
    const Report report = run(many_parts, threads);
    EXPECT_EQ(report.tally.cases(), 10000u);
    EXPECT_EQ(report.tally.mismatches(), 70u);
    ASSERT_TRUE(report.tally.first().has_value());
    EXPECT_EQ(report.tally.first()->input, "300,0");
    EXPECT_EQ(report.coverage, "all 10000");
  }
}

TEST(VerifyRun, EveryPartRunsOnce) {
  static std::array<std::atomic<int>, 257> visits{};
  const Report report = run(
      [](verify::Run& run) {
        run.covers("all 257");
        run.parallel(visits.size(), [](std::uint64_t part, Tally& tally) {
          ++visits[part];
          tally.pass(1);
        });
      },
      3);
  EXPECT_EQ(report.tally.cases(), visits.size());
  for (const auto& count : visits) {
    EXPECT_EQ(count, 1);
  }
}

TEST(VerifyRun, AnErrorInAPartIsAMismatchWithItsMessage) {
  for (const int threads : {1, 3}) {
    const Report report = run(
        [](verify::Run& run) {
          run.parallel(100, [](std::uint64_t part, Tally& tally) {
            tally.pass(1);
            if (part == 40) {
              throw std::runtime_error("part 40 broke");
            }
          });
        },
        threads);
    EXPECT_EQ(report.tally.mismatches(), 1u);
    ASSERT_TRUE(report.tally.first().has_value());
    EXPECT_EQ(report.tally.first()->actual, "part 40 broke");
  }
}

TEST(VerifyRun, ASectionWithoutACaseIsAMismatch) {
  EXPECT_EQ(run([](verify::Run&) {}).tally.mismatches(), 1u);
  EXPECT_EQ(run([](verify::Run& run) { run.parallel(0, [](std::uint64_t, Tally&) {}); }).tally.mismatches(), 1u);
}

TEST(VerifyRun, ASectionThatDoesNotStateWhatItVisitedIsAMismatch) {
  const Report silent_one = run([](verify::Run& run) { run.serial([](Tally& tally) { tally.pass(3); }); });
  EXPECT_EQ(silent_one.tally.mismatches(), 1u);
  ASSERT_TRUE(silent_one.tally.first().has_value());
  EXPECT_EQ(silent_one.tally.first()->expected, "it states what it visited");
  EXPECT_EQ(run([](verify::Run& run) {
              run.serial([](Tally& tally) { tally.pass(3); });
              run.covers("all 3");
            }).tally.mismatches(),
            0u);
}

TEST(VerifyRun, AnObstacleIsReportedAndNothingRuns) {
  const Report report =
      run([](verify::Run&) { throw std::logic_error("must not run"); }, 1, [] { return std::string("no such unit"); });
  EXPECT_EQ(report.not_run, "no such unit");
  EXPECT_EQ(report.tally.cases(), 0u);
  EXPECT_EQ(report.tally.mismatches(), 0u);
}

TEST(VerifySections, AreNamedOnceAndSayWhatTheyClaim) {
  std::set<std::string_view> names;
  for (const Section& section : sections()) {
    EXPECT_TRUE(names.insert(section.name).second) << section.name;
    EXPECT_THAT(std::string(section.name), testing::MatchesRegex("[a-z0-9_]+(/[a-z0-9_]+)+"));
    EXPECT_FALSE(section.what.empty()) << section.name;
    EXPECT_FALSE(section.oracle.empty()) << section.name;
    EXPECT_NE(section.run, nullptr) << section.name;
  }
  EXPECT_GE(names.size(), 7u);
}

TEST(VerifySections, SayInHalfASentenceWhatKeepsThemFromRunning) {
  int with_obstacles = 0;
  for (const Section& section : sections()) {
    if (section.obstacle != nullptr) {
      const std::string reason = section.obstacle();
      EXPECT_FALSE(reason.ends_with('.') || reason.ends_with('\n')) << section.name << ": " << reason;
      EXPECT_TRUE(reason.empty() || reason.find(' ') != reason.npos) << section.name << ": " << reason;
      ++with_obstacles;
    }
  }
  EXPECT_GT(with_obstacles, 10);
}

}  // namespace
}  // namespace precsim::verify
