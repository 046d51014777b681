// Chains and spills: where reductions are cut, and what a lane becomes in FP32.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "experiments/verify/chain_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "experiments/verify/tables.hpp"
#include "sim/arith/reduce.hpp"

namespace precsim::verify {
namespace {

using arith::Atom;
using arith::OverflowRule;
using support::Sample;

/// Number of the block of product k, by counting block starts.
std::int64_t count_blocks(const arith::ReductionLayout& layout, std::int64_t block, std::int64_t k) {
  std::int64_t index = -1;
  for (std::int64_t i = 0; i <= k; ++i) {
    index += i == 0 || (block != 0 && (i % layout.period == 0 || i % layout.period % block == 0)) ? 1 : 0;
  }
  return index;
}

void check_cut(Tally& tally, const arith::ReductionLayout& layout, std::int64_t length) {
  const std::vector<arith::Chain> chains = arith::cut(layout, length);
  const std::vector<oracle::Piece> pieces =
      oracle::cut(layout.length, layout.period, layout.block_a, layout.block_b, length);
  bool equal = chains.size() == pieces.size();
  for (std::size_t i = 0; equal && i < chains.size(); ++i) {
    equal = chains[i].begin == pieces[i].begin && chains[i].end == pieces[i].end &&
            chains[i].block_a == count_blocks(layout, layout.block_a, chains[i].begin) &&
            chains[i].block_b == count_blocks(layout, layout.block_b, chains[i].begin);
  }
  const std::int64_t last = layout.length - 1;
  equal = equal && layout.blocks(layout.block_a) == count_blocks(layout, layout.block_a, last) + 1 &&
          layout.blocks(layout.block_b) == count_blocks(layout, layout.block_b, last) + 1;
  tally.check(equal, [&] {
    std::string expected;
    for (const oracle::Piece& piece : pieces) {
      expected += fmt::format("{}..{} ", piece.begin, piece.end);
    }
    std::string actual;
    for (const arith::Chain& chain : chains) {
      actual += fmt::format("{}..{} (blocks {}, {}) ", chain.begin, chain.end, chain.block_a, chain.block_b);
    }
    return Mismatch{fmt::format("{} products in periods of {}, blocks of {} and {}, chains of {}", layout.length,
                                layout.period, layout.block_a, layout.block_b, length),
                    expected, actual};
  });
}

void cuts(Run& run) {
  const std::int64_t longest = run.by_depth(12, 34, 70);
  run.parallel(static_cast<std::uint64_t>(longest), [](std::uint64_t part, Tally& tally) {
    const std::int64_t period = static_cast<std::int64_t>(part) + 1;
    for (const std::int64_t taps : {1, 2, 3, 9}) {
      for (const std::int64_t block_a : {0, 2, 4, 6, 32, 64}) {
        for (const std::int64_t block_b : {0, 2, 4, 10, 32}) {
          for (const std::int64_t length : {std::int64_t{0}, std::int64_t{2}, std::int64_t{4}, std::int64_t{6},
                                            std::int64_t{8}, std::int64_t{64}, std::int64_t{1} << 40}) {
            check_cut(tally, {taps * period, period, block_a, block_b}, length);
          }
        }
      }
    }
  });
  run.covers(fmt::format("periods of 1 to {}, 1 to 9 taps, even blocks, chains from 2 to the end", longest));
}

/// One output with an exponent for every block, from -300 to 300 on each side.
struct OneOutput {
  arith::ReductionLayout layout;
  std::vector<std::int16_t> a, b, exponents_a, exponents_b;
  std::string origin{};
};
OneOutput draw_output(Sample& sample) {
  constexpr std::int64_t blocks[] = {0, 0, 2, 4, 6, 32};
  OneOutput out;
  out.layout.period = static_cast<std::int64_t>(1 + sample.below(sample.below(3) == 0 ? 200 : 20));
  out.layout.length = out.layout.period * static_cast<std::int64_t>(1 + sample.below(9));
  out.layout.block_a = blocks[sample.below(6)];
  out.layout.block_b = blocks[sample.below(6)];
  const auto size = static_cast<std::size_t>(out.layout.length);
  out.a = adverse_codes(adversaries[sample.below(6)], size, sample);
  out.b = adverse_codes(adversaries[sample.below(6)], size, sample);
  const int center = static_cast<int>(sample.below(540)) - 270;
  const auto exponents = [&](std::int64_t block, std::vector<std::int16_t>& all) {
    for (std::int64_t i = 0; i < out.layout.blocks(block); ++i) {
      all.push_back(static_cast<std::int16_t>(center + static_cast<int>(sample.below(61)) - 30));
    }
  };
  exponents(out.layout.block_a, out.exponents_a);
  exponents(out.layout.block_b, out.exponents_b);
  return out;
}

oracle::IntegerProduct by_product(const OneOutput& x) {
  oracle::IntegerProduct product = oracle::single_output({x.a.begin(), x.a.end()}, {x.b.begin(), x.b.end()});
  product.period = x.layout.period;
  product.block_left = x.layout.block_a;
  product.block_right = x.layout.block_b;
  for (std::int64_t k = 0; k < x.layout.length; ++k) {
    const auto at = static_cast<std::size_t>(k);
    const auto a = static_cast<std::size_t>(count_blocks(x.layout, x.layout.block_a, k));
    const auto b = static_cast<std::size_t>(count_blocks(x.layout, x.layout.block_b, k));
    product.left.exponents[at] = x.exponents_a[a];
    product.right.exponents[at] = x.exponents_b[b];
  }
  return product;
}

void check_reduction(Tally& tally, const OneOutput& x, const oracle::IntegerProduct& product, Atom atom,
                     OverflowRule rule, std::int64_t chain) {
  const arith::IntegerAccumulator accumulator{atom, rule, chain};
  const arith::IntegerOperand left{x.a, x.exponents_a.data(), x.layout.block_a == 0 ? 0 : 1};
  const arith::IntegerOperand right{x.b, x.exponents_b.data(), x.layout.block_b == 0 ? 0 : 1};
  const std::vector<arith::Chain> chains = arith::cut(x.layout, chain);
  arith::OutputTrace trace;
  const float result = arith::reduce(left, right, chains, accumulator, &trace);
  const float untraced = arith::reduce(left, right, chains, accumulator, nullptr);
  const oracle::Recount expected = oracle::recount(product, support::in_oracle_words(accumulator, chain));
  const bool equal = same(result, expected.result[0]) && support::same_bits(untraced, result) &&
                     support::same_bits(trace.exact, expected.exact[0]) && trace.overflow_events == expected.events &&
                     trace.first_overflow == expected.first_k && trace.max_chain_sum == expected.largest_sum &&
                     trace.chain_bits == expected.sum_bits;
  tally.check(equal, [&] {
    return Mismatch{
        fmt::format("{}; {}: periods of {}, blocks of {} and {}, codes {} * {}", accumulator.name(), x.origin,
                    x.layout.period, x.layout.block_a, x.layout.block_b, line_text(product.left, 0, product.length),
                    line_text(product.right, 0, product.length)),
        fmt::format("{}, {} events, first {}, exact {:a}", bits_and_value(expected.result[0]), expected.events,
                    expected.first_k, expected.exact[0]),
        fmt::format("{}, {} events, first {}, exact {:a}", bits_and_value(result), trace.overflow_events,
                    trace.first_overflow, trace.exact)};
  });
}

void reductions(Run& run) {
  constexpr int outputs = 6;
  const std::uint64_t parts = run.by_depth<std::uint64_t>(64, 850, 42000);
  run.parallel(parts, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 20, part);
    for (int i = 0; i < outputs; ++i) {
      OneOutput x = draw_output(sample);
      x.origin = origin_of(run, 20, part);
      const oracle::IntegerProduct product = by_product(x);
      for (const Atom atom : {Atom::single, Atom::pair, Atom::pair4}) {
        for (const OverflowRule rule : {OverflowRule::wrap, OverflowRule::saturate}) {
          const std::int64_t multiple = arith::chain_multiple(atom);
          const auto some = multiple * static_cast<std::int64_t>(1 + sample.below(40));
          for (const std::int64_t chain : {arith::chain_to_end, multiple, some}) {
            check_reduction(tally, x, product, atom, rule, chain);
          }
        }
      }
    }
  });
  run.covers(fmt::format("{} seeded outputs under every atom and rule, three chain lengths each", parts * outputs));
}

std::vector<std::int32_t> telling_spills() {
  std::vector<std::int32_t> lanes{INT32_MIN, INT32_MIN + 1, INT32_MIN + 64, -1, 0, 1, INT32_MAX - 63, INT32_MAX};
  for (int bit = 1; bit < 31; ++bit) {
    for (int off = -1; off <= 1; ++off) {
      lanes.push_back((std::int32_t{1} << bit) + off);
      lanes.push_back(-(std::int32_t{1} << bit) + off);
    }
  }
  for (const std::int32_t tie : {16777217, 16777219, 33554434, 33554438, 33554433, 1073741888, 1073741952}) {
    lanes.push_back(tie);
    lanes.push_back(-tie);
  }
  return lanes;
}

void check_spill(Tally& tally, std::int32_t lane, int exponent, float c) {
  const float expected = oracle::spill(lane, exponent, c);
  const float found = arith::spill(lane, exponent, c);
  tally.check(support::same_bits(found, expected), [&] {
    return Mismatch{fmt::format("{} * 2^{} + {}", lane, exponent, bits_and_value(c)), bits_and_value(expected),
                    bits_and_value(found)};
  });
}

/// Lanes at every exponent with sums at the ends of FP32, infinities among them, and where they meet: ties,
/// cancellation, underflow.
void spills_at(Tally& tally, int exponent, Sample& sample, int stride, int random) {
  constexpr std::uint32_t ends[] = {0x00000000u, 0x00000001u, 0x00000002u, 0x007fffffu, 0x00800000u, 0x00800001u,
                                    0x3f7fffffu, 0x3f800000u, 0x4b800001u, 0x7f000000u, 0x7f7fffffu, 0x7f800000u};
  const std::vector<std::int32_t> lanes = telling_spills();
  for (std::size_t i = sample.below(static_cast<std::uint64_t>(stride)); i < lanes.size();
       i += static_cast<std::size_t>(stride)) {
    for (const std::uint32_t end : ends) {
      check_spill(tally, lanes[i], exponent, std::bit_cast<float>(end));
      check_spill(tally, lanes[i], exponent, std::bit_cast<float>(end | 0x80000000u));
    }
    const auto product = static_cast<float>(std::ldexp(static_cast<double>(lanes[i]), std::clamp(exponent, -400, 400)));
    for (const float scale : {-1.0f, 0x1p-25f, -0x1p-24f, 0x1p24f, -0x1p25f}) {
      const float c = product * scale;
      if (std::isfinite(c)) {
        check_spill(tally, lanes[i], exponent, c);
        check_spill(tally, lanes[i], exponent, std::nextafter(c, 0.0f));
      }
    }
  }
  for (int i = 0; i < random; ++i) {
    const auto lane = static_cast<std::int32_t>(sample.word()) >> sample.below(31);
    const int near = std::clamp(exponent + 15 + static_cast<int>(sample.below(40)) - 20, -126, 127);
    check_spill(tally, lane, exponent, sample.below(3) == 0 ? sample.finite_float() : sample.normal_float(near, near));
  }
}

void spills(Run& run) {
  const int stride = run.by_depth(9, 1, 1);
  const int random = run.by_depth(200, 3000, 200000);
  run.parallel(1201, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 21, part);
    spills_at(tally, static_cast<int>(part) - 600, sample, stride, random);
  });
  run.covers(
      fmt::format("every exponent from -600 to 600: lanes at powers of two and ties, sums at the ends of FP32, "
                  "infinities among them, and where they meet; {} seeded cases each",
                  random));
}

constexpr Section table[] = {
    {"chain/cut", "where chains end: blocks, every N products, odd tails", "brute force", nullptr, cuts},
    {"chain/reduce", "one output: lanes, spills, events under every atom, rule and chain",
     "128-bit recount, exact spills", nullptr, reductions},
    {"chain/spill", "RNE(float(lane) * 2^E + c) for E from -600 to 600, infinite c too", "long fixed point", nullptr,
     spills},
    {"chain/auto", "the longest chain that norms prove: that one, no shorter, and nothing overflows",
     "the definition in 128-bit integers", nullptr, longest_chains},
    {"chain/bound", "operands on the Cauchy-Schwarz bound and one above it", "the definition in 128-bit integers",
     nullptr, bounds},
    {"chain/convolutions", "three passes from FP32 tensors to results: the reference and every tile kernel",
     "nested loops, 128-bit recount", nullptr, convolutions},
    {"chain/float_convolutions",
     "three passes under floating-point accumulators, integer operands decoded: the reference, every tile kernel, 1 "
     "and "
     "more threads; results and telemetry",
     "nested loops, exact steps", nullptr, float_convolutions},
};

}  // namespace

std::span<const Section> chain_sections() {
  return table;
}

}  // namespace precsim::verify
