// The simulation equals the reference in every result bit and every field of the telemetry, on every tile kernel.
#include "sim/kernels/multiply.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"
#include "tests/support/operand_support.hpp"

namespace precsim::kernels {
namespace {

using arith::Atom;
using arith::OverflowRule;
using support::draw_codes;
using support::draw_floats;
using support::Fill;
using support::fills;
using support::integer_operand;
using support::operand_size;
using support::result_size;
using support::same;
using support::same_bits;
using support::Sample;
using support::Sharing;
using support::small_shapes;
using support::text;

/// Shapes that fill tiles, leave some short, and cross the bounds of panels and tasks; then small ones.
constexpr std::size_t large = 7;
std::vector<ConvShape> shapes() {
  std::vector<ConvShape> all = {{2, 7, 7, 5, 18, 3, 3, 1, 1, 1},   {1, 9, 9, 2, 3, 5, 5, 2, 2, 1},
                                {3, 1, 1, 130, 19, 1, 1, 1, 0, 1}, {270, 1, 1, 6, 17, 1, 1, 1, 0, 1},
                                {2, 5, 6, 6, 8, 2, 3, 1, 1, 2},    {1, 12, 12, 1, 16, 3, 3, 1, 0, 1},
                                {4, 1, 1, 33, 4, 1, 1, 1, 0, 1}};
  const std::vector<ConvShape> small = small_shapes();
  all.insert(all.end(), small.begin(), small.end());
  return all;
}

constexpr std::uint32_t poison = 0x7fc0deadu;
constexpr std::size_t guard = 16;

/// What the shorter level leaves of full telemetry.
Telemetry without_full(Telemetry telemetry) {
  telemetry.full = false;
  telemetry.max_chain_sum = 0;
  telemetry.chain_bits = {};
  telemetry.sqnr_db = telemetry.max_abs_error = telemetry.mean_error = 0;
  return telemetry;
}

/// Runs every usable tile kernel, the levels in turn, and compares with the reference.
class Comparison {
 public:
  void run(const Product& product, std::size_t outputs) {
    std::vector<float> expected(outputs);
    Telemetry telemetry;
    multiply_reference(product, expected, TelemetryLevel::full, telemetry);
    events_ += telemetry.overflow_events;
    proved_ += telemetry.proved ? 1 : 0;
    const bool full = products_++ % 2 == 0;
    for (const TileKernel& kernel : tile_kernels()) {
      if (!kernel.usable()) {
        continue;
      }
      if (full) {
        compare(product, TelemetryLevel::full, kernel, expected, telemetry);
      } else {
        compare(product, TelemetryLevel::events, kernel, expected, without_full(telemetry));
      }
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << kernel.name;
    }
  }
  std::uint64_t events() const { return events_; }
  std::uint64_t proved() const { return proved_; }
  std::uint64_t runs() const { return runs_; }
  const std::set<std::string_view>& kernels() const { return kernels_; }

 private:
  void compare(const Product& product, TelemetryLevel level, const TileKernel& kernel,
               const std::vector<float>& expected, const Telemetry& expected_telemetry) {
    std::vector<float> memory(expected.size() + 2 * guard, std::bit_cast<float>(poison));
    Telemetry telemetry;
    multiply(product, {memory.data() + guard, expected.size()}, level, telemetry, &kernel);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_TRUE(same_bits(memory[guard + i], expected[i]))
          << "output " << i << " is " << memory[guard + i] << ", not " << expected[i];
    }
    ASSERT_TRUE(same(telemetry, expected_telemetry)) << "telemetry differs";
    for (std::size_t i = 0; i < guard; ++i) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(memory[i]), poison);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(memory[memory.size() - 1 - i]), poison);
    }
    kernels_.insert(kernel.name);
    ++runs_;
  }

  std::set<std::string_view> kernels_;
  std::uint64_t events_ = 0, proved_ = 0, products_ = 0, runs_ = 0;
};

void print_and_check(const Comparison& comparison) {
  std::cout << comparison.runs() << " products on:";
  std::size_t usable = 0;
  for (const TileKernel& kernel : tile_kernels()) {
    usable += kernel.usable() ? 1 : 0;
    std::cout << ' ' << kernel.name << (kernel.usable() ? "" : " (not on this CPU)");
  }
  std::cout << '\n';
  EXPECT_EQ(comparison.kernels().size(), usable);
  EXPECT_TRUE(comparison.kernels().contains("portable"));
}

TEST(Multiply, IntegersOfEveryPassSharingChainRuleAtomAndFillEqualTheReference) {
  Sample sample(101);
  Comparison comparison;
  const std::vector<ConvShape> all = shapes();
  std::set<std::size_t> used;
  std::size_t turn = 0;
  for (const Pass pass : passes) {
    for (const auto& [left_sharing, right_sharing] :
         {std::pair<Sharing, Sharing>{0, 0}, {4, 4}, {32, 32}, {-1, -1}, {0, 4}, {6, 32}, {-1, 4}, {0, -1}}) {
      for (const std::int64_t chain :
           {std::int64_t{2}, std::int64_t{8}, std::int64_t{64}, arith::chain_to_end, arith::chain_auto}) {
        for (const OverflowRule rule : {OverflowRule::wrap, OverflowRule::saturate}) {
          for (const Atom atom : {Atom::single, Atom::pair, Atom::pair4}) {
            for (const Fill fill : fills) {
              if (chain == 2 && atom == Atom::pair4) {
                continue;
              }
              if (turn++ % (support::slow_build ? 7 : 1) != 0) {
                continue;
              }
              const std::size_t at =
                  turn % 4 == 0 ? sample.below(all.size()) : large + sample.below(all.size() - large);
              used.insert(at);
              const Matrix left = integer_operand(all[at], pass, Side::left, left_sharing, fill, sample);
              const Matrix right = integer_operand(all[at], pass, Side::right, right_sharing, fill, sample);
              const Accumulators accumulators{{atom, rule, chain}, {}};
              comparison.run({all[at], pass, left, right, accumulators, {}}, result_size(all[at], pass));
              ASSERT_FALSE(HasFatalFailure())
                  << text(all[at]) << ' ' << name(pass) << ' ' << accumulators.integer.name() << ", sharing "
                  << left_sharing << ' ' << right_sharing << ", fill " << static_cast<int>(fill);
            }
          }
        }
      }
    }
  }
  print_and_check(comparison);
  EXPECT_EQ(used.size(), all.size());
  EXPECT_GT(comparison.events(), 1000u);
  EXPECT_GT(comparison.proved(), 10u);
}

/// Reductions of several spans of pieces (16 of 16 products), in which a few lanes overflow: late, early, with a way
/// back, and never in the chains between.
TEST(Multiply, LongChainsThatOverflowHereAndThere) {
  Sample sample(107);
  Comparison comparison;
  for (const std::int64_t length : {600, 1534}) {
    const ConvShape shape = ConvShape::gemm(support::slow_build ? 5 : 17, 35, length);
    for (const int shift : {1, 2, 3}) {
      std::vector<std::int16_t> x = draw_codes(Fill::uniform, operand_size(shape, Pass::forward, Side::left), sample);
      std::vector<std::int16_t> w = draw_codes(Fill::uniform, operand_size(shape, Pass::forward, Side::right), sample);
      for (std::int16_t& code : x) {
        code = static_cast<std::int16_t>(code >> shift);
      }
      for (std::int16_t& code : w) {
        code = static_cast<std::int16_t>(code >> 1);
      }
      const Matrix left = lower(shape, Pass::forward, Side::left, x, -3);
      const Matrix right = lower(shape, Pass::forward, Side::right, w, -7);
      for (const std::int64_t chain :
           {std::int64_t{16}, std::int64_t{64}, std::int64_t{128}, std::int64_t{512}, arith::chain_to_end}) {
        for (const OverflowRule rule : {OverflowRule::wrap, OverflowRule::saturate}) {
          for (const Atom atom : {Atom::single, Atom::pair}) {
            const Accumulators accumulators{{atom, rule, chain}, {}};
            comparison.run({shape, Pass::forward, left, right, accumulators, {}}, result_size(shape, Pass::forward));
            ASSERT_FALSE(HasFatalFailure()) << length << ' ' << shift << ' ' << accumulators.integer.name();
          }
        }
      }
    }
  }
  print_and_check(comparison);
  EXPECT_GT(comparison.events(), 1000u);
  EXPECT_GT(comparison.proved(), 1u);
}

/// Steps that just reach an end of the lane, and just leave it: 2^31 - 1, -2^31, one beyond, and the way back.
TEST(Multiply, LanesAtTheEndsOfTheirRange) {
  // Each pair of lists gives, product by product, the sums that follow it.
  struct Case {
    std::vector<std::int16_t> a, b;
    std::uint64_t events;  ///< of `single`
  };
  const Case cases[] = {
      {{-32768, -32768, -1, 0}, {-32768, -32767, -32767, 0}, 0},      // 2^30, 2^31 - 2^15, 2^31 - 1
      {{-32768, -32768, -1, -1}, {-32768, -32767, -32767, -1}, 1},    // one beyond
      {{-32768, -32768, -1, -32768}, {-32768, -32768, 1, 32767}, 1},  // 2^31, then back
      {{-32768, -32768, -2, -2}, {32767, 32767, 32767, 1}, 0},        // -2^31 itself
      {{-32768, -32768, -2, -3}, {32767, 32767, 32767, 1}, 1},        // one below
  };
  Comparison comparison;
  int checked = 0;
  for (const Case& at : cases) {
    for (const std::size_t begin : {std::size_t{0}, std::size_t{14}, std::size_t{60}, std::size_t{510}}) {
      const auto length = static_cast<std::int64_t>(begin + 40);
      const ConvShape shape = ConvShape::gemm(3, 19, length);
      // The chain is reached by zeros; one row and one column of many.
      std::vector<std::int16_t> x(operand_size(shape, Pass::forward, Side::left));
      std::vector<std::int16_t> w(operand_size(shape, Pass::forward, Side::right));
      std::copy(at.a.begin(), at.a.end(), x.begin() + length + static_cast<std::ptrdiff_t>(begin));
      std::copy(at.b.begin(), at.b.end(), w.begin() + 17 * length + static_cast<std::ptrdiff_t>(begin));
      const Matrix left = lower(shape, Pass::forward, Side::left, x, 0);
      const Matrix right = lower(shape, Pass::forward, Side::right, w, 0);
      for (const OverflowRule rule : {OverflowRule::wrap, OverflowRule::saturate}) {
        for (const Atom atom : {Atom::single, Atom::pair}) {
          const Accumulators accumulators{{atom, rule, arith::chain_to_end}, {}};
          const Product product{shape, Pass::forward, left, right, accumulators, {}};
          comparison.run(product, result_size(shape, Pass::forward));
          ASSERT_FALSE(HasFatalFailure()) << begin << ' ' << accumulators.integer.name();
          std::vector<float> result(result_size(shape, Pass::forward));
          Telemetry telemetry;
          multiply(product, result, TelemetryLevel::full, telemetry);
          if (atom == Atom::single && rule == OverflowRule::saturate) {
            EXPECT_EQ(telemetry.overflow_events, at.events) << checked;
            EXPECT_EQ(telemetry.first_output, at.events == 0 ? -1 : 19 + 17);
          }
          ++checked;
        }
      }
    }
  }
  EXPECT_EQ(checked, 5 * 4 * 4);
}

TEST(Multiply, MixedTilesOfProvedAndUnprovedChains) {
  Sample sample(102);
  Comparison comparison;
  const ConvShape shape = ConvShape::gemm(40, 50, 300);
  for (int i = 0; i < support::sample_size(40); ++i) {
    std::vector<std::int16_t> x = draw_codes(Fill::tiny, operand_size(shape, Pass::forward, Side::left), sample);
    const std::vector<std::int16_t> w =
        draw_codes(Fill::uniform, operand_size(shape, Pass::forward, Side::right), sample);
    for (int burst = 0; burst < 6; ++burst) {
      std::fill_n(x.begin() + static_cast<std::ptrdiff_t>(sample.below(x.size() - 40)), 40, std::int16_t{-32768});
    }
    const Matrix left = lower(shape, Pass::forward, Side::left, x, -3);
    const Matrix right = lower(shape, Pass::forward, Side::right, w, -7);
    const Accumulators accumulators{
        {Atom::pair, i % 2 == 0 ? OverflowRule::wrap : OverflowRule::saturate, i % 4 < 2 ? arith::chain_to_end : 32},
        {}};
    comparison.run({shape, Pass::forward, left, right, accumulators, {}}, result_size(shape, Pass::forward));
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_GT(comparison.events(), 100u);
}

TEST(Multiply, FloatsOfEveryPassAccumulatorAndFillEqualTheReference) {
  Sample sample(103);
  Comparison comparison;
  const formats::RandomBits bits{3, formats::Stream::rounding, 9, 1234, 1};
  const std::vector<ConvShape> all = shapes();
  std::size_t turn = 0;
  for (const char* accumulator : {"fp32", "fp16", "bf16@stochastic", "bf16:product=fp16", "fp32@toward_zero",
                                  "fp8_e4m3fn:product=bf16@stochastic:bits=5"}) {
    const Accumulators accumulators{{}, arith::parse_float_accumulator(accumulator)};
    const std::size_t stride = (accumulators.floating.is_fp32_fma() ? 1 : 5) * (support::slow_build ? 11 : 1);
    for (const ConvShape& shape : all) {
      for (const Pass pass : passes) {
        for (const Fill fill : fills) {
          if (turn++ % stride != 0) {
            continue;
          }
          const Matrix left =
              lower(shape, pass, Side::left, draw_floats(fill, operand_size(shape, pass, Side::left), sample));
          const Matrix right =
              lower(shape, pass, Side::right, draw_floats(fill, operand_size(shape, pass, Side::right), sample));
          comparison.run({shape, pass, left, right, accumulators, bits}, result_size(shape, pass));
          ASSERT_FALSE(HasFatalFailure()) << text(shape) << ' ' << name(pass) << ' ' << accumulator;
        }
      }
    }
  }
  print_and_check(comparison);
}

TEST(Multiply, AnIntegerOperandMeetsAFloatOneByItsValues) {
  Sample sample(104);
  Comparison comparison;
  const ConvShape shape{2, 6, 6, 3, 5, 3, 3, 1, 1, 1};
  for (const Pass pass : passes) {
    const std::vector<float> tensor = draw_floats(Fill::uniform, operand_size(shape, pass, Side::left), sample);
    const BlockedOperand left =
        convert_blocked(shape, pass, Side::left, tensor, {formats::parse_conversion("dfp8:block=4"), {}, "x"},
                        formats::OperandKind::floating);
    const Matrix right =
        lower(shape, pass, Side::right, draw_floats(Fill::uniform, operand_size(shape, pass, Side::right), sample));
    for (const char* accumulator : {"fp32", "fp16", "bf16@stochastic"}) {
      const Accumulators accumulators{{}, arith::parse_float_accumulator(accumulator)};
      comparison.run({shape, pass, left.matrix, right, accumulators, {}}, result_size(shape, pass));
      ASSERT_FALSE(HasFatalFailure()) << name(pass) << ' ' << accumulator;
    }
  }
  print_and_check(comparison);
}

/// Large enough that loops are really shared among threads.
TEST(Multiply, ThreadsDoNotChangeABit) {
  Sample sample(105);
  const ConvShape shape{support::slow_build ? 4 : 8, 12, 12, 6, 20, 5, 5, 1, 2, 1};
  int products = 0;
  for (const Pass pass : passes) {
    for (const bool integer : {true, false}) {
      const auto meet = integer ? formats::OperandKind::integer : formats::OperandKind::floating;
      const std::vector<float> a = draw_floats(Fill::uniform, operand_size(shape, pass, Side::left), sample);
      const std::vector<float> b = draw_floats(Fill::uniform, operand_size(shape, pass, Side::right), sample);
      const Accumulators accumulators{
          {Atom::pair, OverflowRule::saturate, pass == Pass::forward ? arith::chain_to_end : arith::chain_auto}, {}};
      std::vector<float> results[3];  // 1 and 2 threads, and the reference
      Telemetry telemetry[3];
      for (int i = 0; i < 3; ++i) {
        omp_set_num_threads(i + 1);
        Sample codes(106);
        const OperandConversion how{formats::parse_conversion("dfp16:block=4@stochastic"), {}, "x"};
        const Matrix left = convert_blocked(shape, pass, Side::left, a, how, meet).matrix;
        const Matrix right = integer ? lower(shape, pass, Side::right, draw_codes(Fill::extremes, b.size(), codes), 0)
                                     : lower(shape, pass, Side::right, b);
        results[i].resize(result_size(shape, pass));
        const Product product{shape, pass, left, right, accumulators, {}};
        if (i < 2) {
          multiply(product, results[i], TelemetryLevel::full, telemetry[i]);
        } else {
          multiply_reference(product, results[i], TelemetryLevel::full, telemetry[i]);
        }
      }
      ASSERT_TRUE(worth_threads(static_cast<std::int64_t>(telemetry[0].products) / 16));
      for (int i = 1; i < 3; ++i) {
        EXPECT_TRUE(std::equal(results[0].begin(), results[0].end(), results[i].begin(),
                               [](float x, float y) { return same_bits(x, y); }));
        EXPECT_TRUE(same(telemetry[0], telemetry[i]));
      }
      ++products;
    }
  }
  EXPECT_EQ(products, 6);
}

}  // namespace
}  // namespace precsim::kernels
