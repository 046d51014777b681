// Tests of what `precsim verify` prints about mismatches and about sections that could not run.
#include "experiments/commands/verify_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace precsim::experiments {
namespace {

using testing::HasSubstr;
using testing::Not;

verify::Report report(std::string_view name) {
  verify::Report report{{name, "a claim", "an oracle", nullptr, nullptr}, "", {}, "all of it", 1.25};
  report.tally.pass(1000);
  return report;
}

verify::Report with_mismatches() {
  verify::Report bad = report("group/bad");
  for (const char* input : {"0x3f800000", "0x40000000"}) {
    bad.tally.check(false, [&] { return verify::Mismatch{input, "0x3c00", "0x3c01"}; });
  }
  return bad;
}

verify::Report not_run() {
  verify::Report report{
      {"group/absent", "a claim", "an oracle", nullptr, nullptr}, "the CPU has no such unit", {}, "", 0};
  return report;
}

TEST(VerifyReport, MismatchesDecideTheExitCode) {
  EXPECT_EQ(verify_exit_code({report("group/good")}), cli::ExitCode::ok);
  EXPECT_EQ(verify_exit_code({report("group/good"), not_run()}), cli::ExitCode::ok);
  EXPECT_EQ(verify_exit_code({with_mismatches(), report("group/good")}), cli::ExitCode::mismatch);
}

TEST(VerifyReport, TextShowsTheFirstMismatchAndWhatDidNotRun) {
  const std::string text = verify_text({}, {report("group/good"), with_mismatches(), not_run()});
  EXPECT_THAT(text, HasSubstr("group/bad: first of 2 mismatches\n  input     0x3f800000\n  expected  0x3c00\n"
                              "  actual    0x3c01\n"));
  EXPECT_THAT(text, Not(HasSubstr("0x40000000")));
  EXPECT_THAT(text, HasSubstr("not run: the CPU has no such unit"));
  EXPECT_THAT(text, HasSubstr("2 sections ran, 1 not run; 2002 cases, 2 mismatches; 2.5 s\n"));
}

TEST(VerifyReport, JsonHasTheSameAndTheClaims) {
  const auto json = nlohmann::json::parse(verify_json({verify::Depth::quick, 7, 3}, {with_mismatches(), not_run()}));
  EXPECT_EQ(json["depth"], "quick");
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["mismatches"], 2);
  EXPECT_EQ(json["not_run"], 1);
  const auto& bad = json["sections"][0];
  EXPECT_EQ(bad["claim"], "a claim");
  EXPECT_EQ(bad["cases"], 1002);
  EXPECT_EQ(bad["first"]["input"], "0x3f800000");
  EXPECT_EQ(json["sections"][1]["not_run"], "the CPU has no such unit");
  EXPECT_FALSE(json["sections"][1].contains("cases"));
}

}  // namespace
}  // namespace precsim::experiments
