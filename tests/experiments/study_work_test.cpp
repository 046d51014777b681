// Tests of the work of a study, and of what its progress says.
#include "experiments/commands/study_work.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "experiments/commands/study_progress.hpp"

namespace precsim::experiments {
namespace {

using testing::AllOf;
using testing::HasSubstr;

void expect_amount(const StudyWork& work, double total, double done, double found) {
  const StudyWork::Amount amount = work.amount();
  EXPECT_DOUBLE_EQ(amount.total, total);
  EXPECT_DOUBLE_EQ(amount.done, done);
  EXPECT_DOUBLE_EQ(amount.found, found);
}

TEST(StudyWork, RunsAreAlikeUntilOneIsKnown) {
  StudyWork work({"a", "a", "b", "c"});
  expect_amount(work, 4, 0, 0);
  work.begin(0, 100);
  work.progress(0, 101, 0.25);
  expect_amount(work, 4, 0.25, 0);
  work.ended(0, 120, true);  // 20 s: all others are taken to be as long
  expect_amount(work, 80, 20, 0);
  work.begin(2, 120);
  work.ended(2, 220, true);  // 100 s; of c the mean, 60 s
  expect_amount(work, 20 + 20 + 100 + 60, 120, 0);
}

TEST(StudyWork, WhatWasFoundIsNoWorkOfThisProcess) {
  StudyWork work({"a", "a", "b", "b", "b"});
  work.found_ended(0, 10, true);
  work.found_ended(2, 70, true);
  work.found_begun(3);
  expect_amount(work, 2 * 10 + 3 * 70, 80, 80);
  work.begin(3, 5);
  work.progress(3, 6, 0.5);
  expect_amount(work, 230, 80 + 35, 80 + 35);
  work.progress(3, 27, 0.75);
  expect_amount(work, 230, 80 + 52.5, 80 + 35);
  work.ended(3, 51, true);  // 45 s for half of it
  expect_amount(work, 20 + 70 + 90 + 80, 10 + 70 + 90, 10 + 70 + 45);
  work.ended(1, 60, true);  // by another process
  expect_amount(work, 260, 180, 135);
}

TEST(StudyWork, RunsThatFailOrAreLeftOutDoNotMislead) {
  StudyWork work({"a", "a", "b"});
  work.leave_out(0);
  work.found_ended(0, 8, true);
  expect_amount(work, 8 + 8, 0, 0);
  work.begin(2, 0);
  work.ended(2, 0.01, false);
  expect_amount(work, 16, 8, 0);
}

TEST(StudyProgressLines, CountAllRunsOfTheStudy) {
  study::Outline outline;
  for (const char* point : {"fp32", "fp32", "dfp8", "dfp8"}) outline.runs.emplace_back().point = point;
  StudyWork work({"fp32", "fp32", "dfp8", "dfp8"});
  work.found_ended(0, 1, true);
  work.found_ended(1, 1, true);
  std::ostringstream out, err;
  cli::Streams streams{out, err};
  StudyProgress progress(streams, cli::ProgressMode::lines, outline, work, 4, 2, [] {});
  progress.on_start(2);
  study::Status status;
  status.state = study::State::finished;
  progress.on_end(2, status);
  progress.on_start(3);
  status.state = study::State::failed;
  status.message = "no";
  progress.on_end(3, status);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("3 of 4: dfp8"), HasSubstr("4 of 4: dfp8"), HasSubstr("failed: no")));
}

}  // namespace
}  // namespace precsim::experiments
