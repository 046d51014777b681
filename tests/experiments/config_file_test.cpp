// Tests of configuration files: INI text and its traps, files that are none, precedence of sources.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "experiments/config/config.hpp"
#include "formats/error.hpp"
#include "tests/experiments/cli_support.hpp"

namespace precsim::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using tests::error_of;

Config from_ini(std::string_view text) {
  Config config;
  config.read_ini(text, "test.ini");
  return config;
}

std::string ini_error(std::string_view text) {
  return error_of([&] { from_ini(text); });
}

/// A path of its own for this process, and for as long as the object lives.
class TemporaryPath {
 public:
  explicit TemporaryPath(const std::string& name)
      : path_(::testing::TempDir() + "precsim_config_test_" + std::to_string(getpid()) + "_" + name) {}
  TemporaryPath(const std::string& name, std::string_view content) : TemporaryPath(name) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  TemporaryPath(TemporaryPath&&) = delete;
  TemporaryPath& operator=(TemporaryPath&&) = delete;
  ~TemporaryPath() { unlink(path_.c_str()); }

  const std::string& text() const { return path_; }

 private:
  std::string path_;
};

std::string file_error(const std::string& path) {
  return error_of([&] { read_config_file(path); });
}

// ---- INI text

TEST(ConfigIni, ReadsSectionsDottedKeysAndComments) {
  const Config config = from_ini(
      "# a comment\nrun.threads = 2\n\n  [optimizer]  # of the run\n  lr=0.25 # peak\n\tmomentum\t=\t0.5\n"
      "[run]\nseed = 007");
  EXPECT_EQ(config.integer("run.threads"), 2);
  EXPECT_EQ(config.real("optimizer.lr"), 0.25);
  EXPECT_EQ(config.real("optimizer.momentum"), 0.5);
  EXPECT_EQ(config.integer("run.seed"), 7);
  EXPECT_EQ(config.place("optimizer.lr"), "test.ini:5");
  EXPECT_EQ(config.place("run.seed"), "test.ini:8");
  EXPECT_EQ(config.place("train.batch"), "default");
}

TEST(ConfigIni, KeepsAHashInsideAValue) {
  const Config config = from_ini("[data]\npath = /data/run#3/x#  # the third\n");
  EXPECT_EQ(config.text("data.path"), "/data/run#3/x#");
  EXPECT_EQ(from_ini("[data]\npath = #nothing\n").text("data.path"), "");
  EXPECT_THAT(ini_error("[train]\nbatch = 64#32\n"), HasSubstr("train.batch = '64#32'"));
  EXPECT_THAT(ini_error("[train]\nba#tch = 64\n"), HasSubstr("'train.ba#tch'"));
}

TEST(ConfigIni, KeepsEqualsAndBracketsInsideAValue) {
  EXPECT_EQ(from_ini("[data]\npath = a=b;c [d]\n").text("data.path"), "a=b;c [d]");
}

TEST(ConfigIni, SemicolonBeginsNoComment) {
  EXPECT_THAT(ini_error("[run]\n; seed = 3\n"), AllOf(HasSubstr("test.ini:2"), HasSubstr("';'"), HasSubstr("'#'")));
  EXPECT_THAT(ini_error("[run]\nseed = 3 ; note\n"), HasSubstr("'3 ; note'"));
}

TEST(ConfigIni, AcceptsByteOrderMarkAndCrlf) {
  const Config config = from_ini("\xEF\xBB\xBF[run]\r\nseed = 5\r\n\r\n[data]\r\npath =\r\n");
  EXPECT_EQ(config.integer("run.seed"), 5);
  EXPECT_EQ(config.text("data.path"), "");
}

TEST(ConfigIni, RefusesControlBytes) {
  EXPECT_THAT(ini_error(std::string_view("[run]\nseed = 1\0\n", 16)),
              AllOf(HasSubstr("test.ini:2"), HasSubstr("0x00")));
  EXPECT_THAT(ini_error("[run]\nseed = 1\x01\n"), HasSubstr("0x01"));
  EXPECT_THAT(ini_error("# \x1b[2J\n"), HasSubstr("0x1b"));
  EXPECT_THAT(ini_error("[run]\rseed = 1\n"), HasSubstr("0x0d"));
  EXPECT_THAT(ini_error(std::string_view("\xFF\xFE[\0r\0u\0n\0]\0", 12)), HasSubstr("0x00"));
}

TEST(ConfigIni, UnknownSectionIsAnErrorEvenWhenEmpty) {
  EXPECT_THAT(ini_error("\n[optimiser]\n"), AllOf(HasSubstr("test.ini:2"), HasSubstr("[optimiser]"),
                                                  HasSubstr("nearest is 'optimizer'"), HasSubstr("run, model, data")));
  EXPECT_THAT(ini_error("[run.extra]\n"), HasSubstr("[run.extra]"));
  EXPECT_THAT(ini_error("[plan.a.b.c]\n"), AllOf(HasSubstr("test.ini:1"), HasSubstr("plan.a.b.c")));
  EXPECT_EQ(ini_error("[run]\n[optimizer]\n[plan.conv1]\n"), "");
}

TEST(ConfigIni, MalformedLinesAreErrorsWithTheirPlace) {
  for (const char* line : {"[", "[]", "[run", "[ru n]", "[.]", "[run.]", "[a] = [b]", "[Run]", "seed", "= 3",
                           "===", "seed: 3", "[run] seed = 3"}) {
    EXPECT_THAT(ini_error(std::string("\n") + line + "\n"), HasSubstr("test.ini:2: ")) << line;
  }
}

TEST(ConfigIni, UnknownKeyNamesPlaceAndNearest) {
  EXPECT_THAT(ini_error("[run]\n\nsede = 3\n"), AllOf(HasSubstr("test.ini:3: "), HasSubstr("nearest is 'run.seed'")));
  EXPECT_THAT(ini_error("[plan.conv1]\nwieghts = dfp8\n"),
              AllOf(HasSubstr("test.ini:2: "), HasSubstr("nearest is 'weights'")));
}

TEST(ConfigIni, DuplicatesNameBothLines) {
  EXPECT_THAT(ini_error("[run]\nseed = 3\n[train]\n[run]\nseed = 3\n"),
              AllOf(HasSubstr("test.ini:5: 'run.seed'"), HasSubstr("test.ini:2")));
  EXPECT_THAT(ini_error("plan.conv1.weights = a\n[plan.conv1]\nweights = b\n"),
              AllOf(HasSubstr("test.ini:3"), HasSubstr("test.ini:1")));
}

TEST(ConfigIni, EmptyValuesAreForTextsThatMayBeEmpty) {
  EXPECT_EQ(from_ini("[run]\nout =\n").text("run.out"), "");
  EXPECT_THAT(ini_error("[run]\nseed =\n"), AllOf(HasSubstr("test.ini:2"), HasSubstr("run.seed = ''")));
  EXPECT_THAT(ini_error("[plan]\nweights =   # none\n"), HasSubstr("plan.weights = ''"));
}

// ---- files

TEST(ConfigFile, ReadsARegularFile) {
  const TemporaryPath path("good.ini", "[run]\nseed = 9\n");
  const Config config = resolve({.file = path.text()});
  EXPECT_EQ(config.integer("run.seed"), 9);
  EXPECT_EQ(config.place("run.seed"), path.text() + ":2");
}

TEST(ConfigFile, MissingDirectoryDeviceAndUnreadableAreErrors) {
  EXPECT_THAT(file_error("/nonexistent/x.ini"), AllOf(HasSubstr("/nonexistent/x.ini"), HasSubstr("does not exist")));
  EXPECT_THAT(file_error(""), HasSubstr("''"));
  EXPECT_THAT(file_error(::testing::TempDir()), HasSubstr("not a regular file"));
  EXPECT_THAT(file_error("/dev/zero"), HasSubstr("not a regular file"));
  EXPECT_THAT(file_error(std::string(10000, 'x')), HasSubstr("not a regular file"));
  EXPECT_THAT(file_error("/proc/self/mem"), HasSubstr("cannot be read"));
}

TEST(ConfigFile, APipeIsRefusedWithoutWaiting) {
  const TemporaryPath path("pipe");
  ASSERT_EQ(mkfifo(path.text().c_str(), 0600), 0);
  EXPECT_THAT(file_error(path.text()), HasSubstr("not a regular file"));
}

TEST(ConfigFile, MoreThanOneMebibyteIsRefused) {
  const TemporaryPath too_large("large.ini", std::string((1 << 20) + 1, '\n'));
  const TemporaryPath largest("largest.ini", std::string(1 << 20, '\n'));
  EXPECT_THAT(file_error(too_large.text()), HasSubstr("1 MiB"));
  EXPECT_EQ(file_error(largest.text()), "");
}

TEST(ConfigFile, OneHugeLineIsReadInReasonableTime) {
  EXPECT_THAT(ini_error("[run]\n" + std::string(1 << 20, 'x') + "=1\n"), HasSubstr("test.ini:2: unknown key"));
}

// ---- sources

TEST(ConfigSources, LaterOnesWin) {
  const TemporaryPath path("precedence.ini",
                           "[run]\nseed = 2\n[train]\nbatch = 2\nepochs = 2\n[plan]\nweights = a\nerrors = a\n");
  const Config config = resolve({.file = path.text(),
                                 .sets = {"run.seed=3", " train.batch = 3 ", "plan.weights=b:c=d"},
                                 .options = {{"run.seed", "4", "--seed"}}});
  EXPECT_EQ(config.integer("run.seed"), 4);
  EXPECT_EQ(config.place("run.seed"), "--seed");
  EXPECT_EQ(config.integer("train.batch"), 3);
  EXPECT_EQ(config.integer("train.epochs"), 2);
  EXPECT_EQ(config.integer("train.eval_batch"), 250);
  ASSERT_EQ(config.plan().size(), 2u);
  EXPECT_EQ(config.plan()[1].value, "b:c=d");
}

TEST(ConfigSources, RepeatedSetAndMalformedSetAreRefused) {
  EXPECT_THAT(error_of([] { resolve({.sets = {"run.seed=1", "run.seed=2"}}); }), HasSubstr("'run.seed' already has"));
  for (const char* text : {"", "=", "=3", "run.seed", "run.seed 3"}) {
    EXPECT_THAT(error_of([&] { resolve({.sets = {text}}); }), HasSubstr("section.key=value")) << text;
  }
  EXPECT_THAT(error_of([] {
                resolve({.options = {{"run.seed", "-1", "--seed"}}});
              }),
              AllOf(HasSubstr("--seed: run.seed = '-1'"), HasSubstr("from 0 to 4294967295")));
}

}  // namespace
}  // namespace precsim::config
