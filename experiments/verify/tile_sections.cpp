// The tile kernels one by one, on chains that no whole product would meet.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "experiments/verify/instruction_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "sim/arith/chain.hpp"

namespace precsim::verify {
namespace {

using arith::Atom;
using arith::OverflowRule;
using kernels::IntegerTile;
using kernels::IntegerTileState;
using kernels::tile_lanes;
using kernels::tile_rows;
using kernels::TileKernel;
using support::Sample;

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

/// The row under test, and what makes its operands again.
struct Tested : TileKernel {
  std::string origin;
};

/// Operands of one integer tile as a kernel gets them.
struct Operands {
  std::int64_t length;
  std::vector<std::int16_t> rows = std::vector<std::int16_t>(at(tile_rows * length));
  std::vector<std::int32_t> lanes = std::vector<std::int32_t>(at(tile_lanes * length));

  IntegerTile tile(std::int64_t begin, Atom atom, OverflowRule rule) const {
    IntegerTile out{{}, lanes.data(), begin, length, atom, rule};
    for (int r = 0; r < tile_rows; ++r) {
      out.rows[r] = rows.data() + r * length;
    }
    return out;
  }
  std::vector<std::int64_t> products(int r, int j, std::int64_t begin) const {
    std::vector<std::int64_t> all;
    for (std::int64_t k = begin; k < length; ++k) {
      all.push_back(std::int64_t{rows[at(r * length + k)]} * lanes[at(k * tile_lanes + j)]);
    }
    return all;
  }
};

Operands draw(std::int64_t length, Sample& sample) {
  Operands out{length};
  out.rows = adverse_codes(adversaries[sample.below(6)], out.rows.size(), sample);
  const std::vector<std::int16_t> lanes = adverse_codes(adversaries[sample.below(6)], out.lanes.size(), sample);
  out.lanes.assign(lanes.begin(), lanes.end());
  const std::uint64_t shift = sample.below(3);
  for (std::int16_t& code : out.rows) {
    code = static_cast<std::int16_t>(code >> shift);
  }
  return out;
}

template <class Visit>
void every_output(const Visit& visit) {
  for (int r = 0; r < tile_rows; ++r) {
    for (int j = 0; j < tile_lanes; ++j) {
      visit(r, j);
    }
  }
}

std::string text(const Operands& x, std::int64_t begin, int r, int j) {
  return fmt::format("row {}, lane {}, products {}", r, j, list_text(x.products(r, j, begin)));
}

/// Any chain, step by step; events and first overflows of earlier chains stand there already.
void check_stepped(Tally& tally, const Tested& kernel, const Operands& x, std::int64_t begin, Atom atom,
                   OverflowRule rule) {
  IntegerTileState state{};
  every_output([&](int r, int j) {
    state.first[r][j] = j % 3 == 0 ? 5 : -1;
    state.events[r][j] = static_cast<std::uint32_t>(j);
  });
  kernel.stepped_chain(x.tile(begin, atom, rule), state);
  every_output([&](int r, int j) {
    const oracle::Lane lane =
        oracle::run_lane(x.products(r, j, begin), atom == Atom::single ? 1 : 2, rule == OverflowRule::saturate);
    const std::int64_t first = j % 3 == 0 ? 5 : lane.events == 0 ? -1 : begin + lane.first;
    const std::uint64_t events = static_cast<std::uint64_t>(j) + lane.events;
    const auto true_sum = static_cast<std::int64_t>(lane.true_sum);
    const bool equal = state.lane[r][j] == lane.value && state.true_sum[r][j] == true_sum &&
                       state.events[r][j] == events && state.first[r][j] == first;
    tally.check(equal, [&] {
      return Mismatch{fmt::format("{}: stepped_chain, {}, begin {}, {}", kernel.origin,
                                  arith::IntegerAccumulator{atom, rule, 0}.name(), begin, text(x, begin, r, j)),
                      fmt::format("lane {}, sum {}, events {}, first {}", lane.value, true_sum, events, first),
                      fmt::format("lane {}, sum {}, events {}, first {}", state.lane[r][j], state.true_sum[r][j],
                                  state.events[r][j], state.first[r][j])};
    });
  });
}

/// Four extreme codes from every end of a lane, which four products reach first; 16 ends lie along the lanes.
void check_corners(Tally& tally, const Tested& kernel, std::uint64_t pattern) {
  Operands x{6};
  for (int j = 0; j < tile_lanes; ++j) {
    const LaneStart start = start_of(lane_ends[at(j)]);
    for (int r = 0; r < tile_rows; ++r) {
      std::copy(start.a.begin(), start.a.end(), x.rows.begin() + r * x.length);
      x.rows[at(r * x.length + 4)] = extreme_codes[(pattern + at(r)) % 7];
      x.rows[at(r * x.length + 5)] = extreme_codes[pattern / 7 % 7];
    }
    for (int k = 0; k < 4; ++k) {
      x.lanes[at(k * tile_lanes + j)] = start.b[at(k)];
    }
    x.lanes[at(4 * tile_lanes + j)] = extreme_codes[pattern / 49 % 7];
    x.lanes[at(5 * tile_lanes + j)] = extreme_codes[pattern / 343];
  }
  for (const Atom atom : {Atom::single, Atom::pair, Atom::pair4}) {
    for (const OverflowRule rule : {OverflowRule::wrap, OverflowRule::saturate}) {
      check_stepped(tally, kernel, x, 0, atom, rule);
    }
  }
}

/// Chains within the norm bound: parallel vectors on it, in every row and lane, at random places and of either sign.
void check_proved(Tally& tally, const Tested& kernel, Sample& sample) {
  constexpr std::int64_t top = (std::int64_t{1} << 31) - 1;
  Operands x{static_cast<std::int64_t>(4 + sample.below(60))};
  const auto begin = static_cast<std::int64_t>(sample.below(static_cast<std::uint64_t>(x.length - 3)));
  const std::vector<std::int32_t> codes = oracle::squares_to(top - static_cast<std::int64_t>(sample.below(3)));
  std::vector<std::int64_t> places;
  while (places.size() < codes.size()) {
    const auto k = begin + static_cast<std::int64_t>(sample.below(static_cast<std::uint64_t>(x.length - begin)));
    if (std::find(places.begin(), places.end(), k) == places.end()) {
      places.push_back(k);
    }
  }
  for (std::size_t i = 0; i < codes.size(); ++i) {
    for (int r = 0; r < tile_rows; ++r) {
      x.rows[at(r * x.length + places[i])] = static_cast<std::int16_t>(r % 2 == 0 ? codes[i] : -codes[i] % 32768);
    }
    for (int j = 0; j < tile_lanes; ++j) {
      x.lanes[at(places[i] * tile_lanes + j)] = j % 4 < 2 ? codes[i] : -codes[i] % 32768;
    }
  }
  IntegerTileState state{};
  kernel.proved_chain(x.tile(begin, Atom::pair, OverflowRule::wrap), state);
  every_output([&](int r, int j) {
    oracle::Int128 sum = 0;
    for (const std::int64_t product : x.products(r, j, begin)) {
      sum += product;
    }
    const auto expected = static_cast<std::int64_t>(sum);
    tally.check(state.lane[r][j] == expected && state.true_sum[r][j] == expected && state.first[r][j] == 0, [&] {
      return Mismatch{fmt::format("{}: proved_chain, begin {}, {}", kernel.origin, begin, text(x, begin, r, j)),
                      fmt::format("lane {}", expected),
                      fmt::format("lane {}, sum {}", state.lane[r][j], state.true_sum[r][j])};
    });
  });
}

void check_squares(Tally& tally, const Tested& kernel, Sample& sample) {
  for (std::size_t count = 0; count < 130; ++count) {
    for (const Adversary adversary : adversaries) {
      const std::vector<std::int16_t> codes = adverse_codes(adversary, count + 1, sample);
      oracle::Int128 expected = 0;
      for (std::size_t k = 1; k <= count; ++k) {
        expected += std::int64_t{codes[k]} * codes[k];
      }
      const std::uint64_t found = kernel.squares(codes.data() + 1, static_cast<std::int64_t>(count));
      tally.check(found == static_cast<std::uint64_t>(expected), [&] {
        return Mismatch{fmt::format("{}: squares of {}", kernel.origin, list_text(std::span(codes).subspan(1))),
                        std::to_string(static_cast<std::uint64_t>(expected)), std::to_string(found)};
      });
    }
  }
}

void check_spill(Tally& tally, const Tested& kernel, Sample& sample) {
  IntegerTileState state{};
  kernels::SpillScale scale;
  float c[tile_rows][tile_lanes];
  float before[tile_rows][tile_lanes];
  int exponent[tile_rows][tile_lanes];
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float infinities[] = {infinity, -infinity};
  every_output([&](int r, int j) {
    state.lane[r][j] = sample.below(4) == 0 ? lane_ends[sample.below(lane_ends.size())]
                                            : static_cast<std::int32_t>(sample.word()) >> sample.below(31);
    const std::uint64_t kind = sample.below(16);
    before[r][j] = c[r][j] = kind < 2 ? 0.0f : kind == 2 ? infinities[sample.below(2)] : sample.finite_float();
    const int near = (c[r][j] == 0 ? -150
                      : kind == 2  ? 230
                                   : std::ilogb(c[r][j])) -
                     31 + static_cast<int>(sample.below(64)) - 16;
    exponent[r][j] = sample.below(3) == 0 ? static_cast<int>(sample.below(1201)) - 600 : near;
    const arith::SpillFactors factors = arith::spill_factors(exponent[r][j]);
    scale.first[r][j] = factors.first;
    scale.second[r][j] = factors.second;
  });
  kernel.spill(state, scale, c);
  every_output([&](int r, int j) {
    const float expected = oracle::spill(state.lane[r][j], exponent[r][j], before[r][j]);
    tally.check(support::same_bits(c[r][j], expected), [&] {
      return Mismatch{
          fmt::format("spill of {} * 2^{} + {}", state.lane[r][j], exponent[r][j], bits_and_value(before[r][j])),
          bits_and_value(expected), bits_and_value(c[r][j])};
    });
  });
}

/// A sum in BF16 with one rounding per step, sequential FMA in double, and the double sum of integer products with
/// scales.
void check_sums(Tally& tally, const Tested& kernel, Sample& sample) {
  const auto length = static_cast<std::int64_t>(1 + sample.below(24));
  const support::Fill fill = support::fills[sample.below(5)];
  const std::vector<float> rows = support::draw_floats(fill, at(tile_rows * length), sample);
  const std::vector<float> lanes = support::draw_floats(fill, at(tile_lanes * length), sample);
  const std::vector<double> wide_rows(rows.begin(), rows.end());
  const std::vector<double> wide_lanes(lanes.begin(), lanes.end());
  kernels::ExactTile exact_tile{{}, wide_lanes.data(), length};
  kernels::AccumulateTile<double> sum_tile;
  sum_tile.lanes = wide_lanes.data();
  sum_tile.steps = length;
  sum_tile.sum = kernels::lane_format<double>(formats::ieee_format(8, 7), {});
  for (int r = 0; r < tile_rows; ++r) {
    sum_tile.rows[r] = exact_tile.rows[r] = wide_rows.data() + r * length;
  }
  kernels::AccumulateState<double> sums;
  kernel.floats->wide[static_cast<std::size_t>(formats::RoundingMode::nearest_even)](sum_tile, sums);
  double exact_sums[tile_rows][tile_lanes] = {};
  kernel.floats->exact(exact_tile, exact_sums);
  const Operands codes = draw(length, sample);
  double scale[tile_rows][tile_lanes];
  double exact[tile_rows][tile_lanes];
  every_output([&](int r, int j) {
    scale[r][j] = std::ldexp(1.0, static_cast<int>(sample.below(600)) - 350);
    exact[r][j] = static_cast<double>(sample.normal_float(-20, 20));
  });
  double before[tile_rows][tile_lanes];
  std::copy(&exact[0][0], &exact[0][0] + tile_rows * tile_lanes, &before[0][0]);
  kernel.exact_chain(codes.tile(0, Atom::pair, OverflowRule::wrap), scale, exact);
  const oracle::FloatKind bf16{7, -126, 0x1.fep127, oracle::Overflow::infinity};
  every_output([&](int r, int j) {
    std::vector<float> lane_values;
    float sum = 0;
    double wide = 0;
    double fused = before[r][j];
    for (std::int64_t k = 0; k < length; ++k) {
      const float a = rows[at(r * length + k)];
      const float b = lanes[at(k * tile_lanes + j)];
      lane_values.push_back(b);
      sum =
          oracle::round(bf16, oracle::Wide::product(a, b) + oracle::Wide::from(sum), oracle::Mode::nearest_even, 32, 0);
      wide = std::fma(static_cast<double>(a), static_cast<double>(b), wide);
    }
    for (const std::int64_t product : codes.products(r, j, 0)) {
      fused = std::fma(static_cast<double>(product), scale[r][j], fused);
    }
    const auto actual = static_cast<float>(sums.sum[r][j]);
    const bool equal = support::same_bits(actual, sum) && support::same_bits(exact_sums[r][j], wide) &&
                       support::same_bits(exact[r][j], fused);
    tally.check(equal, [&] {
      return Mismatch{
          fmt::format("{}: row {}, lane {}: {} * {}; double sums from {:a}, scale {:a}, products {}", kernel.origin, r,
                      j, list_text(std::span(rows).subspan(at(r * length), at(length))), list_text(lane_values),
                      before[r][j], scale[r][j], list_text(codes.products(r, j, 0))),
          fmt::format("{}, in double {:a}, of codes {:a}", bits_and_value(sum), wide, fused),
          fmt::format("{}, in double {:a}, of codes {:a}", bits_and_value(actual), exact_sums[r][j], exact[r][j])};
    });
  });
}

/// Every row that a CPU may pick has a section of its own.
void check_table(Tally& tally) {
  for (const TileKernel& kernel : kernels::tile_kernels()) {
    tally.check(std::find(tile_names.begin(), tile_names.end(), kernel.name) != tile_names.end(), [&] {
      return Mismatch{fmt::format("tile kernel {}", kernel.name), "a section of this name", "none"};
    });
  }
}

}  // namespace

const TileKernel* tile_kernel(std::string_view name) {
  for (const TileKernel& kernel : kernels::tile_kernels()) {
    if (kernel.name == name) {
      return &kernel;
    }
  }
  return nullptr;
}

std::string tile_obstacle(std::string_view name) {
  const TileKernel* kernel = tile_kernel(name);
  if (kernel == nullptr) {
    return "the kernel belongs to another architecture than this build";
  }
  return kernel->usable() ? std::string() : fmt::format("the CPU cannot run the {} kernels", name);
}

void tile_functions(Run& run, std::string_view name) {
  const TileKernel& row = *tile_kernel(name);
  run.serial(check_table);
  const std::uint64_t stride = run.by_depth<std::uint64_t>(6, 1, 1);
  run.parallel(49, [&](std::uint64_t part, Tally& tally) {
    const Tested kernel{row, fmt::format("pattern of part {}", part)};
    for (std::uint64_t i = part % stride; i < 49; i += stride) {
      check_corners(tally, kernel, part * 49 + i);
    }
  });
  constexpr int rounds = 4;
  const std::uint64_t parts = run.by_depth<std::uint64_t>(32, 800, 32000);
  run.parallel(parts, [&](std::uint64_t part, Tally& tally) {
    const Tested kernel{row, origin_of(run, 14, part)};
    Sample sample = sample_of(run, 14, part);
    for (int round = 0; round < rounds; ++round) {
      const auto length = static_cast<std::int64_t>(1 + sample.below(round % 8 == 0 ? 2000 : 70));
      const Operands x = draw(length, sample);
      const auto begin = static_cast<std::int64_t>(sample.below(static_cast<std::uint64_t>(length)));
      const auto atom = static_cast<Atom>(sample.below(3));
      const auto rule = static_cast<OverflowRule>(sample.below(2));
      check_stepped(tally, kernel, x, begin, atom, rule);
      check_proved(tally, kernel, sample);
      check_spill(tally, kernel, sample);
      check_sums(tally, kernel, sample);
    }
    check_squares(tally, kernel, sample);
  });
  run.covers(fmt::format("{} pattern of extreme codes from lanes at the ends; {} seeded tiles for each function",
                         stride == 1 ? "every" : "every sixth", parts * rounds));
}

}  // namespace precsim::verify
