// Tests of progress and terminals.
#include "experiments/cli/progress.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <sstream>

#include "experiments/cli/terminal.hpp"
#include "formats/error.hpp"

namespace precsim::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// ---- progress

/// A Progress on a string stream with a clock that the test moves.
struct ProgressBench {
  explicit ProgressBench(ProgressMode mode, std::size_t width = 80)
      : progress(stream,
                 {.mode = mode, .width = width, .label = "train", .unit = "steps", .clock = [this] { return now; }}) {}

  std::string take() {
    std::string text = stream.str();
    stream.str("");
    return text;
  }

  double now = 1000.0;
  std::ostringstream stream;
  Progress progress;
};

TEST(CliProgress, BarShowsShareRateTimeAndExtra) {
  ProgressBench bench(ProgressMode::bar);
  bench.progress.update(0, 200, "loss 2.3");
  EXPECT_THAT(bench.take(), AllOf(HasSubstr("\rtrain   0%  [ "), HasSubstr("loss 2.3"), Not(HasSubstr("ETA"))));
  bench.now += 2.0;
  bench.progress.update(50, 200, "loss 1.5");
  EXPECT_THAT(bench.take(), AllOf(HasSubstr("\rtrain  25%  [======  "), HasSubstr("ETA 0:06"), HasSubstr("loss 1.5"),
                                  HasSubstr("25 steps/s"), Not(HasSubstr("\n"))));
}

TEST(CliProgress, BarIsRedrawnAtMostTenTimesASecond) {
  ProgressBench bench(ProgressMode::bar);
  for (std::uint64_t step = 0; step < 1000; ++step) {
    bench.progress.update(step, 1000);
    bench.now += 0.001;
  }
  const std::string text = bench.take();
  EXPECT_THAT(std::ranges::count(text, '\r'), testing::AllOf(testing::Ge(9), testing::Le(11)));
}

TEST(CliProgress, BarNeverExceedsTheWidth) {
  std::size_t drawn = 0;
  for (std::size_t width = 0; width <= 120; ++width) {
    ProgressBench bench(ProgressMode::bar, width);
    for (const std::uint64_t done : {0, 333333, 1000000}) {
      bench.progress.update(done, 1000000, "loss 0.1234 µ");
      bench.now += 1.0;
      std::istringstream lines(bench.take());
      for (std::string line; std::getline(lines, line, '\r'); ++drawn) {
        EXPECT_LT(display_width(line), std::max<std::size_t>(width, 1)) << line;
      }
    }
  }
  EXPECT_GT(drawn, 300u);
}

TEST(CliProgress, BarIsClearedAtTheEndAndBeforeALine) {
  ProgressBench bench(ProgressMode::bar, 40);
  bench.progress.update(1, 2);
  const std::size_t width = bench.take().size() - 1;
  bench.progress.print("epoch 1");
  EXPECT_EQ(bench.take(), '\r' + std::string(width, ' ') + "\repoch 1\n");
  bench.progress.update(1, 2);
  EXPECT_THAT(bench.take(), HasSubstr("train  50%"));
  bench.progress.finish();
  EXPECT_EQ(bench.take(), '\r' + std::string(width, ' ') + '\r');
  bench.progress.finish();
  EXPECT_EQ(bench.take(), "");
}

TEST(CliProgress, BarIsClearedWhenAnExceptionPasses) {
  std::ostringstream stream;
  try {
    Progress progress(stream, {.mode = ProgressMode::bar, .label = "train", .unit = "steps"});
    progress.update(1, 2);
    throw UserError("stop");
  } catch (const UserError&) {
  }
  EXPECT_TRUE(stream.str().ends_with(" \r"));
}

TEST(CliProgress, LinesAreSparseAndEndWithTheLastState) {
  ProgressBench bench(ProgressMode::lines);
  for (std::uint64_t step = 0; step <= 250; ++step) {
    bench.progress.update(step, 250, "loss 0.5");
    bench.now += 0.125;
  }
  EXPECT_EQ(bench.take(),
            "train  32% 80/250 steps  loss 0.5  8.00 steps/s  ETA 0:21\n"
            "train  64% 160/250 steps  loss 0.5  8.00 steps/s  ETA 0:11\n"
            "train  96% 240/250 steps  loss 0.5  8.00 steps/s  ETA 0:01\n");
  bench.progress.finish();
  EXPECT_EQ(bench.take(), "train 100% 250/250 steps  loss 0.5  8.00 steps/s  in 0:31\n");
  bench.progress.finish();
  EXPECT_EQ(bench.take(), "");
}

TEST(CliProgress, LineComesWithTheFirstStateWhereThatTookLong) {
  ProgressBench bench(ProgressMode::lines);
  bench.now += 20.0;
  bench.progress.update(1, 50, "loss 0.5");
  EXPECT_EQ(bench.take(), "train   2% 1/50 steps  loss 0.5\n");
  bench.now += 20.0;
  bench.progress.update(2, 50);
  EXPECT_THAT(bench.take(), HasSubstr("ETA 16:00"));
}

TEST(CliProgress, LinesDoNotRepeatTheLastState) {
  ProgressBench bench(ProgressMode::lines);
  bench.progress.update(0, 2);
  bench.now += 20.0;
  bench.progress.update(2, 2);
  EXPECT_THAT(bench.take(), HasSubstr("2/2"));
  bench.progress.finish();
  EXPECT_EQ(bench.take(), "");
}

TEST(CliProgress, RateCountsFromTheFirstUpdate) {
  ProgressBench bench(ProgressMode::lines);
  bench.progress.update(900, 1000);
  bench.now += 10.0;
  bench.progress.update(950, 1000);
  EXPECT_THAT(bench.take(), AllOf(HasSubstr("5.00 steps/s"), HasSubstr("ETA 0:10")));
}

TEST(CliProgress, UnknownTotalHasNoShare) {
  ProgressBench bench(ProgressMode::bar);
  bench.progress.update(5, 0, "loss 1");
  EXPECT_EQ(bench.take(), "\rtrain 5 steps  loss 1");
}

TEST(CliProgress, NoneAndQuietPrintNothing) {
  ProgressBench bench(ProgressMode::none);
  bench.progress.update(1, 2);
  bench.progress.print("epoch 1");
  bench.now += 60.0;
  bench.progress.update(2, 2);
  bench.progress.finish();
  EXPECT_EQ(bench.take(), "");
  for (const char* value : {"auto", "bar", "lines", "none"}) {
    EXPECT_EQ(progress_mode(value, true, {.is_terminal = true}), ProgressMode::none) << value;
  }
}

TEST(CliProgress, AutoLooksAtTheTerminal) {
  EXPECT_EQ(progress_mode("auto", false, {.is_terminal = true}), ProgressMode::bar);
  EXPECT_EQ(progress_mode("auto", false, {}), ProgressMode::lines);
  EXPECT_EQ(progress_mode("bar", false, {}), ProgressMode::bar);
  EXPECT_EQ(progress_mode("lines", false, {.is_terminal = true}), ProgressMode::lines);
  EXPECT_EQ(progress_mode("none", false, {.is_terminal = true}), ProgressMode::none);
}

TEST(CliProgress, DurationsAreShort) {
  EXPECT_EQ(duration_text(0.0), "0:00");
  EXPECT_EQ(duration_text(7.9), "0:07");
  EXPECT_EQ(duration_text(754.0), "12:34");
  EXPECT_EQ(duration_text(11109.0), "3:05:09");
  EXPECT_EQ(duration_text(1e300), ">99 h");
  EXPECT_EQ(duration_text(-5.0), "0:00");
  EXPECT_EQ(duration_text(std::numeric_limits<double>::quiet_NaN()), ">99 h");
}

// ---- terminals

/// A pseudo-terminal of 100 columns.
class CliTerminal : public ::testing::Test {
 protected:
  void SetUp() override {
    master = posix_openpt(O_RDWR | O_NOCTTY);
    ASSERT_GE(master, 0);
    ASSERT_EQ(grantpt(master), 0);
    ASSERT_EQ(unlockpt(master), 0);
    terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    ASSERT_GE(terminal, 0);
    const winsize size = {24, 100, 0, 0};
    ASSERT_EQ(ioctl(terminal, TIOCSWINSZ, &size), 0);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
  }
  void TearDown() override {
    close(terminal);
    close(master);
  }

  int master = -1;
  int terminal = -1;
};

TEST_F(CliTerminal, HasColorAndWidth) {
  const Terminal found = inspect_terminal(terminal);
  EXPECT_TRUE(found.is_terminal);
  EXPECT_TRUE(found.color);
  EXPECT_EQ(found.width, 100u);
}

TEST_F(CliTerminal, HasNoColorWhereNotWanted) {
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(inspect_terminal(terminal).color);
  setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(inspect_terminal(terminal).color);
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(inspect_terminal(terminal).color);
}

TEST_F(CliTerminal, OfUnknownWidthHasEightyColumns) {
  const winsize size = {0, 0, 0, 0};
  ASSERT_EQ(ioctl(terminal, TIOCSWINSZ, &size), 0);
  EXPECT_EQ(inspect_terminal(terminal).width, 80u);
}

TEST(CliTerminals, FilesAndClosedDescriptorsAreNone) {
  const int file = open("/dev/null", O_WRONLY);
  ASSERT_GE(file, 0);
  EXPECT_FALSE(inspect_terminal(file).is_terminal);
  close(file);
  EXPECT_FALSE(inspect_terminal(-1).is_terminal);
  EXPECT_FALSE(inspect_terminal(-1).color);
}

TEST(CliTerminals, StyleIsOnlyForColor) {
  EXPECT_EQ(in_red({.is_terminal = true, .color = true}, "x"), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(in_red({.is_terminal = true}, "x"), "x");
}

}  // namespace
}  // namespace precsim::cli
