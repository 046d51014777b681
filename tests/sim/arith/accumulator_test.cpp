// The step against a 128-bit recount, for every atom and rule; names of accumulators.
#include "sim/arith/accumulator.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "tests/oracle/product_oracle.hpp"
#include "tests/support/sample.hpp"

namespace precsim::arith {
namespace {

using support::Sample;

constexpr Atom atoms[] = {Atom::single, Atom::pair, Atom::pair4};
constexpr OverflowRule rules[] = {OverflowRule::wrap, OverflowRule::saturate};

struct Run {
  std::int32_t lane = 0;
  std::uint64_t events = 0;
  std::int64_t first = -1;
};

/// One chain under the library's step.
Run run(const std::vector<std::int64_t>& products, Atom atom, OverflowRule rule) {
  Run out;
  const auto width = static_cast<std::size_t>(products_per_step(atom));
  for (std::size_t k = 0; k < products.size(); k += width) {
    std::int64_t sum = out.lane;
    for (std::size_t i = k; i < k + width && i < products.size(); ++i) {
      sum += products[i];
    }
    out.first = is_overflow(sum) && out.events == 0 ? static_cast<std::int64_t>(k) : out.first;
    out.events += is_overflow(sum) ? 1 : 0;
    out.lane = apply(rule, sum);
  }
  return out;
}

void expect_recount(const std::vector<std::int64_t>& products) {
  for (const Atom atom : atoms) {
    for (const OverflowRule rule : rules) {
      const Run here = run(products, atom, rule);
      const oracle::Lane there =
          oracle::run_lane(products, atom == Atom::single ? 1 : 2, rule == OverflowRule::saturate);
      ASSERT_EQ(here.lane, there.value);
      ASSERT_EQ(here.events, there.events);
      ASSERT_EQ(here.first, there.first);
    }
  }
}

TEST(Accumulator, ChainsOfRandomAndExtremeProductsEqualTheRecount) {
  Sample sample(1);
  const int runs = support::sample_size(40000);
  std::uint64_t with_events = 0;
  for (int i = 0; i < runs; ++i) {
    const int shift = static_cast<int>(sample.below(12));
    std::vector<std::int64_t> products(1 + sample.below(40));
    for (std::int64_t& product : products) {
      const auto code = [&] {
        const std::uint64_t kind = sample.below(6);
        return kind == 0   ? std::int64_t{-32768}
               : kind == 1 ? std::int64_t{32767}
                           : std::int64_t{static_cast<std::int16_t>(sample.word())} >> shift;
      };
      product = code() * code();
    }
    with_events += run(products, Atom::pair, OverflowRule::wrap).events != 0 ? 1 : 0;
    expect_recount(products);
  }
  EXPECT_GT(with_events, static_cast<std::uint64_t>(runs / 10));
}

TEST(Accumulator, EveryStepAroundBothEndsOfTheRange) {
  const std::int64_t edge = std::int64_t{1} << 31;
  int checked = 0;
  for (const std::int64_t base : {-2 * edge, -edge, std::int64_t{0}, edge, 2 * edge}) {
    for (std::int64_t off = -3; off <= 3; ++off) {
      const std::int64_t sum = base + off;
      EXPECT_EQ(is_overflow(sum), sum < -edge || sum >= edge) << sum;
      EXPECT_EQ(apply(OverflowRule::saturate, sum), sum < -edge ? -edge : sum >= edge ? edge - 1 : sum) << sum;
      const std::int64_t kept = apply(OverflowRule::wrap, sum);
      EXPECT_EQ((sum - kept) % (2 * edge), 0) << sum;
      ++checked;
    }
  }
  EXPECT_EQ(checked, 35);
}

TEST(Accumulator, SaturatingOncePerPairIsNotSaturatingPerProduct) {
  const std::vector<std::int64_t> products{1 << 30, 1 << 30, 1 << 30, -(1 << 30)};
  EXPECT_EQ(run(products, Atom::single, OverflowRule::saturate).lane, 1073741823);
  EXPECT_EQ(run(products, Atom::pair, OverflowRule::saturate).lane, 2147483647);
}

TEST(Accumulator, NamesReadBack) {
  int checked = 0;
  for (const Atom atom : atoms) {
    for (const OverflowRule rule : rules) {
      for (const std::int64_t chain :
           {chain_auto, chain_to_end, std::int64_t{8}, std::int64_t{4096}, std::int64_t{1} << 40}) {
        const IntegerAccumulator accumulator{atom, rule, chain};
        EXPECT_EQ(parse_integer_accumulator(accumulator.name()), accumulator) << accumulator.name();
        ++checked;
      }
    }
  }
  EXPECT_EQ(checked, 30);
  EXPECT_EQ(parse_integer_accumulator("int32"), IntegerAccumulator{});
  EXPECT_EQ(IntegerAccumulator{}.name(), "int32:chain=auto");
  EXPECT_EQ(IntegerAccumulator{}.full_name(), "int32:chain=auto,atom=pair,overflow=wrap");
  EXPECT_EQ(parse_integer_accumulator("int32:chain=auto,atom=pair,overflow=wrap"), IntegerAccumulator{});
  EXPECT_EQ((IntegerAccumulator{Atom::pair4, OverflowRule::saturate, 64}.name()),
            "int32:chain=64,atom=pair4,overflow=saturate");
}

TEST(Accumulator, MalformedNamesAreRefusedInOneSentence) {
  const std::vector<std::string> names = {"int32:chain=7",
                                          "int32:chain=0",
                                          "int32:chain=1",
                                          "int32:chain=-2",
                                          "int32:chain=12,atom=pair4",
                                          "int32:chain=4,atom=pair4",
                                          "int32:chain=1099511627778",
                                          "int32:chain=99999999999999999999",
                                          "int32:chain=+8",
                                          "int32:chain=8.0",
                                          "int32:chain=",
                                          "int32:chain",
                                          "int32:chain=INF",
                                          "int32:atom=triple",
                                          "int32:overflow=clamp",
                                          "int32:overflow",
                                          "int32:chian=8",
                                          "int32:chain=8,chain=8",
                                          "int32:",
                                          "int32 :chain=8",
                                          "int64",
                                          "",
                                          ":chain=8"};
  for (const std::string& name : names) {
    EXPECT_THROW(parse_integer_accumulator(name), UserError) << name;
  }
  try {
    parse_integer_accumulator("int32:chain=12,atom=pair4");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("multiple of 8"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("'12'"), std::string::npos) << error.what();
  }
}

TEST(FloatAccumulatorNames, ReadBack) {
  const std::vector<std::string> names = {"fp32",
                                          "fp16",
                                          "bf16@stochastic:bits=8",
                                          "bf16:product=fp16@toward_zero",
                                          "fp8_e4m3fn:overflow=saturate,product=e5m9",
                                          "fp32:product=fp16:overflow=saturate",
                                          "e6m9@to_odd"};
  for (const std::string& name : names) {
    EXPECT_EQ(parse_float_accumulator(name).name(), name);
  }
  EXPECT_TRUE(parse_float_accumulator("fp32").is_fp32_fma());
  EXPECT_TRUE(parse_float_accumulator("fp32@nearest_even").is_fp32_fma());
  EXPECT_TRUE(parse_float_accumulator("e8m23").is_fp32_fma());
  for (const char* name : {"fp32@stochastic", "fp32:product=fp32", "fp32:overflow=saturate", "fp16", "tf32"}) {
    EXPECT_FALSE(parse_float_accumulator(name).is_fp32_fma()) << name;
  }
}

TEST(FloatAccumulatorNames, MalformedAreRefused) {
  const std::vector<std::string> names = {"fp33",
                                          "fp32@",
                                          "fp32@nearest",
                                          "fp32@stochastic:bits=0",
                                          "fp32@stochastic:bits=33",
                                          "fp32:product=",
                                          "fp32:product=dfp16",
                                          "fp32:product=fp32:product=fp32",
                                          "fp32:chain=8",
                                          "dfp16",
                                          "",
                                          "@stochastic",
                                          "fp6_e3m2:product=fp8_e4m3fn",
                                          "e9m2"};
  for (const std::string& name : names) {
    EXPECT_THROW(parse_float_accumulator(name), UserError) << name;
  }
}

}  // namespace
}  // namespace precsim::arith
