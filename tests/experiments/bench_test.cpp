// Tests of the benchmarks' tables, of their arithmetic, and of what a wrong result leads to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "experiments/bench/ceiling.hpp"
#include "experiments/bench/data.hpp"
#include "experiments/bench/measure.hpp"
#include "experiments/bench/networks.hpp"
#include "experiments/bench/products.hpp"
#include "experiments/bench/totals.hpp"
#include "experiments/commands/bench_report.hpp"

namespace precsim::bench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<Case> catalogue() {
  std::vector<Case> cases;
  for (const Group& group : groups()) {
    std::ranges::move(group.cases(), std::back_inserter(cases));
  }
  return cases;
}

Setup setup() {
  return {kernels::best_tile_kernel()};
}

/// Adds a number to a sum `calls` times; its check says `wrong`.
Contender counting(std::string name, int& calls, std::string wrong) {
  Contender contender;
  contender.what = {std::move(name), 1000, [&calls] { ++calls; }};
  contender.check = [wrong] { return wrong; };
  return contender;
}

constexpr MeasureOptions short_options{.rounds = 3, .threads = 1, .seconds = 1e-4};

TEST(BenchTables, EveryGroupHasCasesOfItsOwnAndATinyOne) {
  std::set<std::string> names;
  for (const Group& group : groups()) {
    bool tiny = false;
    const std::vector<Case> cases = group.cases();
    EXPECT_GE(cases.size(), 8u) << group.name;
    for (const Case& one : cases) {
      EXPECT_TRUE(one.name.starts_with(std::string(group.name) + "/")) << one.name;
      EXPECT_TRUE(names.insert(one.name).second) << one.name;
      tiny = tiny || one.name.find("tiny") != std::string::npos;
    }
    EXPECT_TRUE(tiny) << group.name;
  }
}

TEST(BenchTables, EveryKernelHasItsCeilings) {
  int run = 0;
  for (const kernels::TileKernel& kernel : kernels::tile_kernels()) {
    const KernelCeilings& ceilings = ceilings_of(kernel);
    EXPECT_EQ(ceilings.kernel, kernel.name);
    if (!kernel.usable()) {
      std::printf("not usable here: %s\n", std::string(kernel.name).c_str());
      continue;
    }
    for (const RegisterLoop& loop : {ceilings.integer, ceilings.floating}) {
      if (loop.run != nullptr) {
        EXPECT_GT(loop.work, 0) << loop.instruction;
        loop.run(10);
        ++run;
      }
    }
  }
#if defined(__x86_64__)
  EXPECT_GT(run, 0);
#endif
}

/// Forward GMAC of a network; without the first layer, as its input gradients are.
double gmac(const Network& network, bool with_first) {
  double sum = 0;
  for (const Layer& layer : network.layers) {
    if (with_first || &layer != network.layers.data()) {
      sum += 1e-9 * layer.multiplicity * static_cast<double>(conv_shape(layer, network.batch).macs());
    }
  }
  return sum;
}

TEST(BenchTables, NetworksHaveTheWorkOfTheirPapers) {
  EXPECT_NEAR(gmac(networks[0], true), 65.39, 0.01);
  EXPECT_NEAR(gmac(networks[0], false), 63.51, 0.01);
  EXPECT_NEAR(2 * gmac(networks[1], true) + gmac(networks[1], false), 15.51, 0.01);
  for (const Network& network : networks) {
    for (const Layer& layer : network.layers) {
      conv_shape(layer, network.batch).check(layer.name);
    }
  }
}

TEST(BenchData, CodesHaveTheRatioOfTheLargestToTheDeviation) {
  constexpr std::int64_t count = 100003;
  double squares = 0;
  int largest = 0;
  for (const std::int16_t code : normal_codes(count, 1, 16383, 3.4)) {
    squares += double{1} * code * code;
    largest = std::max(largest, std::abs(code));
  }
  EXPECT_EQ(largest, 16383);
  EXPECT_NEAR(largest / std::sqrt(squares / count), 3.4, 0.05);
  EXPECT_NE(filled_values("normal", 8, 1), filled_values("normal", 8, 2));
}

TEST(BenchMeasure, EveryContenderRunsAndIsChecked) {
  int calls = 0;
  int peer_calls = 0;
  const Case what{"a/b", Unit::elements, false, {}, [&](const bench::Setup&) {
                    Contender peer = counting("peer", peer_calls, "");
                    peer.against = {"own"};
                    return std::vector{counting("own", calls, ""), peer};
                  }};
  Measurements measurements;
  measure_case(what, setup(), short_options, measurements);
  ASSERT_EQ(measurements.rows.size(), 2u);
  EXPECT_GE(calls, 1 + short_options.rounds);
  EXPECT_GE(peer_calls, 1 + short_options.rounds);
  EXPECT_EQ(measurements.rows[0].wrong, "");
  EXPECT_GT(measurements.rows[0].rate, 0);
  EXPECT_TRUE(std::isnan(measurements.rows[0].fraction));
  EXPECT_FALSE(measurements.rows[0].is_peer);
  EXPECT_TRUE(measurements.rows[1].is_peer);
  ASSERT_EQ(measurements.comparisons.size(), 1u);
  EXPECT_EQ(measurements.comparisons[0].contender, "own");
  EXPECT_EQ(measurements.comparisons[0].peer, "peer");
  EXPECT_GT(measurements.comparisons[0].ratio, 0);
}

TEST(BenchMeasure, AWrongResultEndsWithExitCodeOneAndASentence) {
  int calls = 0;
  const Case cases[] = {
      {"a/right", Unit::macs, false, {}, [&](const bench::Setup&) { return std::vector{counting("own", calls, "")}; }},
      {"a/wrong", Unit::macs, false, {}, [&](const bench::Setup&) {
         return std::vector{counting("own", calls, "output 3 is 5, the reference has 4")};
       }}};
  const experiments::BenchRequest request{"portable", short_options};
  const Measurements right = measure({cases, 1}, setup(), short_options, [](std::size_t) { return true; });
  EXPECT_EQ(experiments::bench_exit_code(right), cli::ExitCode::ok);
  EXPECT_THAT(bench_text(request, cases, right),
              AllOf(HasSubstr("1 results, 0 wrong"), Not(HasSubstr("wrong result"))));
  const Measurements wrong = measure(cases, setup(), short_options, [](std::size_t) { return true; });
  EXPECT_EQ(experiments::bench_exit_code(wrong), cli::ExitCode::mismatch);
  EXPECT_THAT(bench_text(request, cases, wrong),
              HasSubstr("a/wrong, own: wrong result: output 3 is 5, the reference has 4."));
  EXPECT_THAT(bench_json(request, cases, wrong), HasSubstr("\"wrong\": 1"));
}

TEST(BenchMeasure, EndsBeforeTheCaseThatIsNotWanted) {
  int calls = 0;
  const auto prepare = [&](const bench::Setup&) { return std::vector{counting("own", calls, "")}; };
  const Case cases[] = {{"a/first", Unit::macs, false, {}, prepare}, {"a/second", Unit::macs, false, {}, prepare}};
  const Measurements measured = measure(cases, setup(), short_options, [](std::size_t i) { return i < 1; });
  ASSERT_EQ(measured.rows.size(), 1u);
  EXPECT_EQ(measured.rows[0].case_name, "a/first");
}

TEST(BenchProducts, AnOutputThatNobodyWroteIsWrongAndSoIsOneWrongBit) {
  const auto shape = kernels::ConvShape::gemm(9, 8, 70);
  for (const bool integer : {true, false}) {
    ProductRun run(normal_operands(shape, kernels::Pass::forward), integer, integer_accumulators(64));
    EXPECT_THAT(run.check(), HasSubstr("nan"));
    run.multiply(kernels::Engine::native, kernels::TelemetryLevel::events, setup().kernel);
    EXPECT_EQ(run.check(), "");
    float& last = run.result.back();
    last = std::nextafter(last, INFINITY);
    EXPECT_THAT(run.check(), HasSubstr("output 71 is"));
  }
}

TEST(BenchProducts, ExactOutputsAreSumsOfTheProducts) {
  const OperandsPtr operands = normal_operands(kernels::ConvShape::gemm(3, 2, 5), kernels::Pass::forward);
  const ExactOutput output = exact_output(*operands, {0, 2, 1, 5});
  double sum = 0;
  double magnitude = 0;
  for (std::size_t k = 0; k < 5; ++k) {
    const double term =
        static_cast<double>(operands->left_values[10 + k]) * static_cast<double>(operands->right_values[5 + k]);
    sum += term;
    magnitude += std::abs(term);
  }
  EXPECT_EQ(output.sum, sum);
  EXPECT_EQ(output.magnitude, magnitude);
}

Row layer_row(std::string name, double work, double seconds, double fraction) {
  Row row;
  row.case_name = std::move(name);
  row.contender = "own";
  row.part = {"net", "forward", 1, false};
  row.work = work;
  row.seconds = seconds;
  row.fraction = fraction;
  return row;
}

TEST(BenchTotals, WeighLayersByTheirNumberAndNeedAllOfThem) {
  const std::vector<Case> cases{{"first", Unit::macs, false, {"net", "forward", 1, true}, {}},
                                {"second", Unit::macs, false, {"net", "forward", 3, false}, {}}};
  const std::vector<Row> rows{layer_row("first", 10, 1, 0.5), layer_row("second", 20, 2, 0.8)};
  const std::vector<Total> sums = totals(cases, rows);
  ASSERT_EQ(sums.size(), 4u);  // without and with the first layer, of the pass and of all passes
  EXPECT_FALSE(sums[0].with_first);
  EXPECT_EQ(sums[0].work, 60);
  EXPECT_EQ(sums[0].seconds, 6);
  EXPECT_DOUBLE_EQ(sums[0].fraction, 0.8);
  EXPECT_EQ(sums[1].pass, "all");
  EXPECT_TRUE(sums[2].with_first);
  EXPECT_EQ(sums[2].work, 70);
  EXPECT_EQ(sums[2].seconds, 7);
  EXPECT_DOUBLE_EQ(sums[2].fraction, (0.5 + 6 * 0.8) / 7);
  EXPECT_TRUE(totals(cases, {rows.data(), 1}).empty());
}

TEST(BenchTotals, EveryNetworkHasOneInTheCatalogue) {
  std::vector<Row> rows;
  for (const Case& one : catalogue()) {
    if (!one.part.network.empty()) {
      Row row = layer_row(one.name, 1, 1, 1);
      row.part = one.part;
      rows.push_back(row);
    }
  }
  EXPECT_EQ(totals(catalogue(), rows).size(), std::size(networks) * 2 * 4);
}

}  // namespace
}  // namespace precsim::bench
