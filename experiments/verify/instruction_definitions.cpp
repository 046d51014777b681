// The atoms against their definitions in 128-bit integers; see instruction_cases.hpp.
#include <fmt/format.h>

#include <algorithm>

#include "experiments/verify/instruction_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "sim/arith/reduce.hpp"

namespace precsim::verify {
namespace {

using arith::Atom;
using arith::OverflowRule;
using support::Sample;

constexpr OverflowRule rules[] = {OverflowRule::wrap, OverflowRule::saturate};

/// Steps of one or two products from a lane, in 128 bits and by the library's reduction.
void check_chain(Tally& tally, std::int32_t start, const std::vector<std::int16_t>& a,
                 const std::vector<std::int16_t>& b, Atom atom) {
  const auto width = static_cast<std::size_t>(arith::products_per_step(atom));
  for (const OverflowRule rule : rules) {
    const LaneStart prefix = start_of(start);
    std::vector<std::int64_t> products;
    for (std::size_t i = 0; i < prefix.a.size(); ++i) {
      products.push_back(std::int64_t{prefix.a[i]} * prefix.b[i]);
    }
    for (std::size_t k = 0; k < a.size(); ++k) {
      products.push_back(std::int64_t{a[k]} * b[k]);
    }
    const oracle::Lane expected = oracle::run_lane(products, static_cast<int>(width), rule == OverflowRule::saturate);
    const Reduction reduction = reduce_from(start, a, b, atom, rule, expected.value);
    const std::int64_t first = expected.first < 0 ? -1 : expected.first - 4;
    const std::int64_t untraced = lane_from(start, a, b, atom, rule, expected.value);
    const bool equal = reduction.lane == expected.value && untraced == expected.value &&
                       reduction.events == expected.events && reduction.first == first;
    tally.check(equal, [&] {
      return Mismatch{fmt::format("lane {} + {} * {}, {}", start, list_text(a), list_text(b),
                                  arith::IntegerAccumulator{atom, rule, arith::chain_to_end}.name()),
                      fmt::format("lane {}, {} events, first {}", expected.value, expected.events, first),
                      fmt::format("lane {} (without events: {}), {} events, first {}", reduction.lane, untraced,
                                  reduction.events, reduction.first)};
    });
  }
}

std::vector<std::int16_t> draw_codes(std::size_t count, Sample& sample) {
  return adverse_codes(adversaries[sample.below(4)], count, sample);
}

std::int32_t draw_lane(Sample& sample) {
  const auto any = static_cast<std::int32_t>(sample.word());
  return sample.below(2) == 0 ? any : lane_ends[sample.below(lane_ends.size())];
}

/// Seeded chains of up to 16 products from any lane.
void random_chains(Run& run, std::uint32_t stream, Atom atom) {
  constexpr std::uint64_t chains = 400;
  const std::uint64_t parts = run.by_depth<std::uint64_t>(64, 960, 32000);
  run.parallel(parts, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, stream, part);
    for (std::uint64_t i = 0; i < chains; ++i) {
      const std::size_t count = 1 + sample.below(16);
      check_chain(tally, draw_lane(sample), draw_codes(count, sample), draw_codes(count, sample), atom);
    }
  });
  run.covers(
      fmt::format("extreme codes from every telling lane; {} seeded chains of up to 16 products", parts * chains));
}

std::string text(const oracle::FourRegisters& registers, const std::array<std::int16_t, 8>& memory, std::size_t lane) {
  std::string words;
  for (const auto& words_of_register : registers.words) {
    words += fmt::format("{} {} ", words_of_register[2 * lane], words_of_register[2 * lane + 1]);
  }
  return fmt::format("[{}] * [{}]", words, fmt::join(memory, " "));
}

/// Sixteen lanes through one VP4DPWSSD and one VP4DPWSSDS.
void check_four_pairs(Tally& tally, const std::array<std::int32_t, 16>& lanes, const oracle::FourRegisters& registers,
                      const std::array<std::int16_t, 8>& memory) {
  for (const OverflowRule rule : rules) {
    const auto expected = oracle::vp4dpwssd(lanes, registers, memory, rule == OverflowRule::saturate);
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      std::array<std::int16_t, 8> codes{};
      for (std::size_t k = 0; k < 8; ++k) {
        codes[k] = registers.words[k / 2][2 * lane + k % 2];
      }
      const Reduction reduction = reduce_from(lanes[lane], codes, memory, Atom::pair4, rule, expected[lane]);
      tally.check(reduction.lane == expected[lane], [&] {
        return Mismatch{fmt::format("lane {} + {}, {}", lanes[lane], text(registers, memory, lane),
                                    rule == OverflowRule::wrap ? "VP4DPWSSD" : "VP4DPWSSDS"),
                        std::to_string(expected[lane]), std::to_string(reduction.lane)};
      });
    }
  }
}

std::int64_t reduced_lane(std::int32_t lane, std::span<const std::int16_t> a, std::span<const std::int16_t> b,
                          Atom atom, OverflowRule rule, std::int32_t expected, arith::OutputTrace* trace) {
  static constexpr std::int16_t zero = 0;
  const LaneStart start = start_of(lane);
  std::array<std::int16_t, 23> left;
  std::array<std::int16_t, 23> right;
  std::copy(start.a.begin(), start.a.end(), left.begin());
  std::copy(start.b.begin(), start.b.end(), right.begin());
  std::copy(a.begin(), a.end(), left.begin() + 4);
  std::copy(b.begin(), b.end(), right.begin() + 4);
  std::size_t size = 4 + a.size();
  if (size % static_cast<std::size_t>(arith::products_per_step(atom)) != 0) {
    left[size] = right[size] = 0;
    ++size;
  }
  const auto high = static_cast<std::int16_t>(expected >> 16);
  left[size] = left[size + 1] = high;
  right[size] = right[size + 1] = -32768;
  size += 2;
  const arith::Chain chain{0, static_cast<std::int64_t>(size), 0, 0};
  const float left_over = arith::reduce({{left.data(), size}, &zero, 0}, {{right.data(), size}, &zero, 0}, {&chain, 1},
                                        {atom, rule, arith::chain_to_end}, trace);
  return static_cast<std::int64_t>(left_over) + std::int64_t{high} * 65536;
}

}  // namespace

LaneStart start_of(std::int32_t lane) {
  const std::int64_t floor = (std::int64_t{lane} - (lane & 0x7fff)) / 32768;
  const std::int64_t high = std::max<std::int64_t>(floor, -65534);
  const std::int64_t low = lane - high * 32768;
  const std::int64_t first_high = std::clamp<std::int64_t>(high, -32767, 32767);
  const std::int64_t first_low = std::max<std::int64_t>(low, -32768);
  const auto code = [](std::int64_t value) { return static_cast<std::int16_t>(value); };
  return {{-32768, -32768, 1, 1}, {code(-first_high), code(first_high - high), code(first_low), code(low - first_low)}};
}

Reduction reduce_from(std::int32_t lane, std::span<const std::int16_t> a, std::span<const std::int16_t> b, Atom atom,
                      OverflowRule rule, std::int32_t expected) {
  arith::OutputTrace trace;
  const std::int64_t found = reduced_lane(lane, a, b, atom, rule, expected, &trace);
  return {found, trace.overflow_events, trace.first_overflow < 0 ? -1 : trace.first_overflow - 4};
}

std::int64_t lane_from(std::int32_t lane, std::span<const std::int16_t> a, std::span<const std::int16_t> b, Atom atom,
                       OverflowRule rule, std::int32_t expected) {
  return reduced_lane(lane, a, b, atom, rule, expected, nullptr);
}

std::vector<std::int32_t> telling_lanes(std::int64_t products) {
  std::vector<std::int32_t> lanes(lane_ends.begin(), lane_ends.end());
  for (const std::int64_t end : {std::int64_t{INT32_MIN}, std::int64_t{INT32_MAX}}) {
    for (std::int64_t off = -2; off <= 2; ++off) {
      const std::int64_t lane = end - products + off;
      if (lane >= INT32_MIN && lane <= INT32_MAX) {
        lanes.push_back(static_cast<std::int32_t>(lane));
      }
    }
  }
  return lanes;
}

void single_definition(Run& run) {
  run.parallel(7, [](std::uint64_t part, Tally& tally) {
    for (const std::int16_t b : extreme_codes) {
      for (const std::int32_t lane : telling_lanes(std::int64_t{extreme_codes[part]} * b)) {
        check_chain(tally, lane, {extreme_codes[part]}, {b}, Atom::single);
      }
    }
  });
  random_chains(run, 11, Atom::single);
}

void pair_definition(Run& run) {
  run.parallel(49, [](std::uint64_t part, Tally& tally) {
    const std::int16_t a0 = extreme_codes[part / 7];
    const std::int16_t b0 = extreme_codes[part % 7];
    for (const std::int16_t a1 : extreme_codes) {
      for (const std::int16_t b1 : extreme_codes) {
        for (const std::int32_t lane : telling_lanes(std::int64_t{a0} * b0 + std::int64_t{a1} * b1)) {
          check_chain(tally, lane, {a0, a1}, {b0, b1}, Atom::pair);
        }
      }
    }
  });
  random_chains(run, 12, Atom::pair);
}

void four_pairs(Run& run) {
  constexpr int blocks = 60;
  const std::uint64_t parts = run.by_depth<std::uint64_t>(64, 1280, 42000);
  run.parallel(parts, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 13, part);
    for (int i = 0; i < blocks; ++i) {
      std::array<std::int32_t, 16> lanes;
      for (std::int32_t& lane : lanes) {
        lane = draw_lane(sample);
      }
      oracle::FourRegisters registers;
      for (auto& words : registers.words) {
        const std::vector<std::int16_t> codes = draw_codes(words.size(), sample);
        std::copy(codes.begin(), codes.end(), words.begin());
      }
      std::array<std::int16_t, 8> memory;
      const std::vector<std::int16_t> codes = draw_codes(memory.size(), sample);
      std::copy(codes.begin(), codes.end(), memory.begin());
      check_four_pairs(tally, lanes, registers, memory);
    }
  });
  run.covers(fmt::format("{} seeded blocks of sixteen lanes, extremes and bursts among them", parts * blocks));
}

}  // namespace precsim::verify
