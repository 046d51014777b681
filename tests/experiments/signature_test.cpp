// The golden signature: every weight bit of the pinned runs, for any number of threads.
#include "experiments/run/signature.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace precsim::experiments {
namespace {

std::string golden() {
  std::ifstream file(PRECSIM_GOLDEN_DIR "/signature.txt");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<RunSignature> run_all(std::int64_t threads) {
  std::vector<RunSignature> runs;
  for (const PinnedRun& run : pinned_runs()) {
    runs.push_back(run_pinned(run, threads));
  }
  return runs;
}

/// The text of tests/golden/signature.txt; its git log is the numerical changelog.
std::string text_of(const std::vector<RunSignature>& runs) {
  std::string text;
  for (const RunSignature& run : runs) {
    text += fmt::format("{} {}\n", run.name, run.state_hash);
  }
  return text + "Signature: " + signature(runs) + "\n";
}

TEST(Signature, IsTheGoldenOneWithOneThreadAndWithTwo) {
  const std::vector<RunSignature> one = run_all(1);
  ASSERT_GE(one.size(), 15u);
  EXPECT_EQ(text_of(one), golden()) << "bits moved: if that is meant, raise formats::numerics_version, update the file "
                                       "and say why in the commit message";
  EXPECT_EQ(text_of(run_all(2)), text_of(one));
}

TEST(Signature, RunsTouchWhatTheyAreNamedFor) {
  std::size_t seen = 0;
  for (const PinnedRun& run : pinned_runs()) {
    if (run.name == "fp16_skips") {
      const RunSignature result = run_pinned(run, 1);
      EXPECT_GT(result.skipped_steps, 0);
      EXPECT_LT(result.skipped_steps, result.steps);
      ++seen;
    }
    if (run.name == "dfp16_inf_wrap" || run.name == "dfp16_saturate") {
      EXPECT_GT(run_pinned(run, 1).overflow_events, 0u);
      ++seen;
    }
  }
  EXPECT_EQ(seen, 3u);
}

}  // namespace
}  // namespace precsim::experiments
