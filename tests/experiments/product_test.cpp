// Tests of `precsim gemm` and `precsim conv`: options, a case counted by hand, equal bits, and what is printed.
#include "experiments/product/product.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "experiments/cli/table.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/product_report.hpp"
#include "tests/experiments/cli_support.hpp"

namespace precsim::experiments {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using tests::error_of;

using RunCommand = cli::ExitCode (*)(std::span<const std::string>, cli::Streams&);

std::string run(RunCommand command, const std::string& line) {
  std::istringstream words(line);
  const std::vector<std::string> arguments{std::istream_iterator<std::string>(words), {}};
  std::ostringstream out;
  std::ostringstream err;
  cli::Streams streams{out, err};
  EXPECT_EQ(command(arguments, streams), cli::ExitCode::ok) << line;
  EXPECT_EQ(err.str(), "");
  return out.str();
}
json run_json(RunCommand command, const std::string& line) {
  return json::parse(run(command, line + " --json"));
}
std::string refusal(RunCommand command, const std::string& line) {
  return error_of([&] { run(command, line); });
}

TEST(ProductCommands, ReportACaseCountedByHand) {
  // Codes of -32768 under exponent -14: each pair sums to 2^31, wraps to -2^31, and spills -8 where 8 is exact.
  const json report = run_json(run_gemm,
                               "--shape 2x3x4 --a dfp16 --b dfp16 --fill-a lowest --fill-b lowest "
                               "--accumulator int32:chain=2");
  EXPECT_EQ(report["macs"], 24);
  EXPECT_EQ(report["a"]["exponents"]["smallest"], -14);
  const json& telemetry = report["telemetry"];
  EXPECT_EQ(telemetry["outputs"], 6);
  EXPECT_EQ(telemetry["products"], 24);
  EXPECT_EQ(telemetry["chains"], 12);
  EXPECT_EQ(telemetry["chain_length"], "2");
  EXPECT_EQ(telemetry["proved"], false);
  EXPECT_EQ(telemetry["overflow_events"], 12);
  EXPECT_EQ(telemetry["overflow_outputs"], 6);
  EXPECT_EQ(telemetry["first_overflow"], json({{"output", 0}, {"k", 0}}));
  EXPECT_EQ(telemetry["max_chain_sum"], 2147483648);
  EXPECT_EQ(telemetry["chain_sum_bits"], json({{"33", 12}}));
  EXPECT_EQ(telemetry["longest_chain"], 2);
  const json& error = telemetry["error_of_accumulation"];
  EXPECT_EQ(error["exact"], "int64");
  EXPECT_EQ(error["max_abs_error"], 32);
  EXPECT_EQ(error["mean_error"], -32);
  EXPECT_NEAR(error["sqnr_db"].get<double>(), -6.0206, 1e-4);
  EXPECT_FALSE(telemetry.contains("whole_error")) << "codes are not converted";
  EXPECT_EQ(report["result_hash"], "9c2721baa774def5");
}

TEST(ProductCommands, TheSameHashForEveryEngineKernelAndNumberOfThreads) {
  const std::pair<RunCommand, const char*> products[] = {
      {run_gemm, "--shape 45x34x77"},
      {run_gemm, "--shape 31x17x64 --a dfp16:block=6 --b dfp12:block=8@stochastic --accumulator int32:chain=8"},
      {run_gemm, "--shape 13x5x33 --a bf16 --b dfp8 --fill-b wide"},
      {run_gemm, "--shape 13x5x33 --a fp16 --b fp16 --float-accumulator fp16@stochastic"},
      {run_conv, "--input 2x9x8x6 --channels 10 --filter 3x2 --stride 2 --pad 1 --groups 2 --fill-a extremes"},
      {run_conv, "--input 2x9x8x6 --channels 10 --filter 3x3 --pad 1 --pass input_gradient --fill-b one_hot"},
      {run_conv, "--input 2x9x8x6 --channels 10 --filter 3x3 --pass weight_gradient --fill-a lowest"},
      {run_conv, "--input 1x9x8x6 --channels 4 --a fp32 --b fp32 --pass weight_gradient"}};
  std::set<std::string> all;
  for (const auto& [command, line] : products) {
    const std::string words = line;
    std::set<std::string> hashes;
    for (const kernels::EngineEntry& engine : kernels::engines()) {
      for (const kernels::TileKernel& kernel : kernels::tile_kernels()) {
        if (kernel.usable()) {
          const json report = run_json(command, words + " --engine " + std::string(engine.name) + " --kernel " +
                                                    std::string(kernel.name) + " --threads 2");
          hashes.insert(report["result_hash"].get<std::string>());
          EXPECT_EQ(report["kernel"], kernel.name);
          EXPECT_EQ(report.contains("differing_bits"), engine.engine == kernels::Engine::check);
        }
      }
    }
    hashes.insert(run_json(command, words + " --threads 1 --repeat 3")["result_hash"].get<std::string>());
    EXPECT_EQ(hashes.size(), 1u) << words;
    all.insert(hashes.begin(), hashes.end());
    EXPECT_NE(run_json(command, words + " --seed 2")["result_hash"], *hashes.begin()) << words;
  }
  EXPECT_EQ(all.size(), std::size(products));
  omp_set_num_threads(omp_get_num_procs());
}

TEST(ProductCommands, AGemmIsAConvolutionOfOnePixel) {
  EXPECT_EQ(run_json(run_gemm, "--m 5 --n 7 --k 12")["result_hash"],
            run_json(run_conv, "--input 5x1x1x12 --channels 7")["result_hash"]);
}

TEST(ProductCommands, WhatWasNotMeasuredIsAbsent) {
  const json native = run_json(run_gemm, "--shape 5x6x7 --engine native");
  EXPECT_EQ(native["telemetry"].size(), 6u) << native;
  EXPECT_EQ(native["telemetry"]["chains"], 30);
  const json floats = run_json(run_gemm, "--shape 5x6x7 --a fp16 --b bf16");
  EXPECT_EQ(floats["accumulator"], "fp32");
  EXPECT_FALSE(floats["telemetry"].contains("chains"));
  EXPECT_FALSE(floats["telemetry"].contains("overflow_events"));
  EXPECT_EQ(floats["telemetry"]["error_of_accumulation"]["exact"], "double_fma");
  EXPECT_FALSE(floats["a"].contains("exponents"));
  const std::string text = run(run_gemm, "--shape 5x6x7 --engine native");
  EXPECT_THAT(text, AllOf(HasSubstr("GMAC/s"), HasSubstr("proved not to overflow"), HasSubstr("result hash"),
                          Not(HasSubstr("overflow events")), Not(HasSubstr("SQNR")), Not(HasSubstr("check"))));
  const std::string check = run(run_gemm, "--shape 5x6x7 --engine check --repeat 2");
  EXPECT_THAT(check,
              AllOf(HasSubstr("no differing bit"), HasSubstr("SQNR"), HasSubstr("of 2\n"), Not(HasSubstr("GMAC/s"))));
}

TEST(ProductCommands, TellTheLongestChainThereIs) {
  const std::pair<const char*, const char*> lines[] = {
      {"--shape 4x4x64 --a dfp8:block=32 --b dfp8:block=32", "32 of 32 products"},
      {"--shape 4x4x64 --a dfp8:block=32 --b dfp8", "32 of 32 products"},
      {"--shape 4x4x64 --a dfp8:block=24 --b dfp8:block=32", "64 of up to 24 products"},
      {"--shape 4x4x64 --a dfp8 --b dfp8", "16 of 64 products"},
      {"--shape 4x4x64 --a dfp8 --b dfp8 --engine native", "16 of 64 products"},
      {"--shape 4x4x63 --accumulator int32:chain=inf", "16 of 64 products"},
      {"--shape 4x4x40 --accumulator int32:chain=16", "48 of up to 16 products"},
      {"--shape 4x4x40 --a dfp8:block=32 --b dfp8 --accumulator int32:chain=16 --engine check",
       "48 of up to 16 products"}};
  for (const auto& [line, says] : lines) {
    EXPECT_THAT(run(run_gemm, line), HasSubstr(says)) << line;
  }
  // 9 taps of 6 channels: chains go on from tap to tap, blocks do not.
  const std::string conv = "--input 1x3x3x6 --channels 1 --filter 3x3 --accumulator int32:chain=16 --b dfp8 --a dfp8";
  EXPECT_EQ(run_json(run_conv, conv)["telemetry"]["longest_chain"], 16);
  EXPECT_EQ(run_json(run_conv, conv + ":block=4")["telemetry"]["longest_chain"], 4);
}

TEST(ProductCommands, TheWholeErrorIsThatOfConversionToo) {
  const json told = run_json(run_gemm, "--shape 1x1x64 --a dfp8 --b dfp8")["telemetry"];
  EXPECT_EQ(told["error_of_accumulation"]["max_abs_error"], 0);
  EXPECT_GT(told["whole_error"]["max_abs_error"], 0);
  EXPECT_EQ(told["whole_error"]["exact"], "double_fma");
  const json same = run_json(run_gemm, "--shape 1x1x64 --a fp32 --b fp32")["telemetry"];
  EXPECT_FALSE(same.contains("whole_error"));
  const std::string wide = "--shape 5x6x64 --a dfp16:block=16 --b mxfp8_e4m3 --threads ";
  EXPECT_EQ(run_json(run_gemm, wide + "1")["telemetry"], run_json(run_gemm, wide + "2")["telemetry"]);
  EXPECT_THAT(run(run_gemm, wide + "1 --engine check"),
              AllOf(HasSubstr("error of accumulation  SQNR"), HasSubstr("whole error            SQNR")));
  EXPECT_THAT(run(run_gemm, "--shape 5x6x7 --accumulator int32:chain=2"),
              HasSubstr("int32:chain=2,atom=pair,overflow=wrap\n"));
  EXPECT_EQ(cli::cell(-0.04, 1), "0.0");
  EXPECT_EQ(cli::cell(-0.06, 1), "-0.1");
}

TEST(ProductCommands, BlocksHaveManyExponents) {
  const json report = run_json(run_gemm, "--shape 3x4x10 --a dfp16:block=4 --b dfp8:channel --fill-a wide");
  EXPECT_EQ(report["a"]["exponents"]["count"], 9);
  EXPECT_LT(report["a"]["exponents"]["smallest"], report["a"]["exponents"]["largest"]);
  EXPECT_EQ(report["b"]["exponents"]["count"], 4);
  EXPECT_EQ(run_json(run_gemm, "--shape 3x4x10 --a dfp4 --b fix2.6 --fill-b wide")["b"]["exponents"]["largest"], -6);
}

TEST(ProductCommands, RefuseWhatCannotBeInASentence) {
  const std::pair<const char*, const char*> lines[] = {
      {"", "--shape MxNxK"},
      {"--shape 2x3", "MxNxK"},
      {"--shape 2x3x4x5", "MxNxK"},
      {"--shape 2x3x0", "from 1"},
      {"--shape 2x3x-1", "from 1"},
      {"--shape 2x3x", "MxNxK"},
      {"--shape 2x3x4 --k 5", "either as"},
      {"--m 2 --n 3", "--k K"},
      {"--m 2 --n 3 --k x", "--k must be"},
      {"--shape 2x3x4 --a fp61", "fp16"},
      {"--shape 2x3x4 --a fix20.12", "at most 16 bits"},
      {"--shape 2x3x4 --a dfp16:channel", "reduces over that channel"},
      {"--shape 2x3x4 --b fp16 --accumulator int32", "--float-accumulator"},
      {"--shape 2x3x4 --float-accumulator fp32", "--accumulator"},
      {"--shape 2x3x4 --accumulator int32:chain=3", "chain"},
      {"--shape 2x3x4 --fill-a lowset", "'lowest'"},
      {"--shape 2x3x4 --a fp16 --fill-a lowest", "has none"},
      {"--shape 2x3x4 --a dfp16:block=2 --fill-a on_bound", "exponent per block"},
      {"--shape 8x8x64 --a fp16 --fill-a wide", "overflow=saturate"},
      {"--shape 2x3x64 --b dfp8 --fill-b on_bound", "end at 127"},
      {"--shape 2x3x4 --a fp6_e3m2 --b fp6_e3m2 --fill-b wide --float-accumulator fp17", "fp16"},
      {"--shape 2x3x4 --seed 4294967296", "--seed"},
      {"--shape 2x3x4 --repeat 0", "--repeat"},
      {"--shape 2x3x4 --threads 1e3", "--threads"},
      {"--shape 2x3x4 --engine fast", "simulate"},
      {"--shape 2x3x4 --kernel avx1024", "portable"}};
  for (const auto& [line, says] : lines) {
    EXPECT_THAT(refusal(run_gemm, line), HasSubstr(says)) << line;
  }
  EXPECT_THAT(refusal(run_conv, "--input 1x2x2x3"), HasSubstr("--channels"));
  EXPECT_THAT(refusal(run_conv, "--input 1x2x2x3 --channels 4 --groups 2"), HasSubstr("groups"));
  EXPECT_THAT(refusal(run_conv, "--input 1x2x2x3 --channels 4 --filter 3x3 --pad 3"), HasSubstr("pad"));
  EXPECT_THAT(refusal(run_conv, "--input 1x2x2x3 --channels 4 --pass backward"), HasSubstr("input_gradient"));
  EXPECT_THAT(refusal(run_conv, "--input 1x2x2x3 --channels 4 --stride 0"), HasSubstr("--stride"));
}

TEST(ProductCommands, ListTheFills) {
  const std::string text = run(run_conv, "--list-fills");
  for (const product::FillEntry& row : product::fills()) {
    EXPECT_THAT(text, HasSubstr(std::string(row.name) + " "));
  }
}

/// A kernel whose wrapping chains saturate.
TEST(Products, ADifferingBitIsReportedWithBothValuesAndExitCodeOne) {
  kernels::native::NativeKernel wrong = kernels::native::portable;
  std::swap(wrong.wrap.chains, wrong.saturate.chains);
  kernels::TileKernel kernel = kernels::tile_kernels().back();
  kernel.native = &wrong;
  const product::SideRequest side{formats::parse_conversion("dfp16"),
                                  std::make_shared<product::FilledOperand>(product::parse_fill("lowest"))};
  product::ProductRequest request;
  request.shape = kernels::ConvShape::gemm(3, 5, 4);
  request.sides = {side, side};
  request.accumulators.integer.chain = 2;
  request.engine = kernels::Engine::check;
  request.kernel = &kernel;
  const product::ProductReport report = product::run_product(request);
  ASSERT_TRUE(report.difference.has_value());
  EXPECT_EQ(report.difference->index, 0);
  EXPECT_EQ(report.difference->simulated, -16.0f);
  EXPECT_EQ(report.difference->other, 16.0f);
  EXPECT_EQ(product_exit_code(report), cli::ExitCode::mismatch);
  const ProductRun run{"gemm 3x5x4", request, 1, report};
  EXPECT_THAT(product_text(run), HasSubstr("output 0: 0xc1800000 (-16) by simulation, 0x41800000 (16) by the native "
                                           "kernel\n"));
  const json printed = json::parse(product_json(run));
  EXPECT_EQ(
      printed["first_difference"],
      json({{"index", 0}, {"simulated", "0xc1800000"}, {"other", "0x41800000"}, {"other_is", "the native kernel"}}));
  EXPECT_FALSE(printed.contains("telemetry"));
}

TEST(Products, TheMedianIsTheMiddle) {
  product::ProductReport report;
  report.seconds = {1, 2, 4};
  report.macs = 8000000000;
  EXPECT_EQ(report.best(), 1);
  EXPECT_EQ(report.median(), 2);
  EXPECT_EQ(report.gmacs(), 4);
  report.seconds = {1, 2, 4, 9};
  EXPECT_EQ(report.median(), 3);
}

}  // namespace
}  // namespace precsim::experiments
