// The functions of the simulation's kernels one by one, on chains that no whole product would meet.
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
using kernels::line_lanes;
using kernels::SteppedLine;
using kernels::SteppedPiece;
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

/// One line as a kernel gets it: pairs of codes of a row and of sixteen lanes; an odd length ends with a zero.
struct Operands {
  std::int64_t length;
  std::vector<std::int16_t> row = std::vector<std::int16_t>(at(length + length % 2));
  std::vector<std::int16_t> lanes = std::vector<std::int16_t>(at((length + length % 2) * line_lanes));

  std::int16_t& lane(std::int64_t k, int j) { return lanes[at((k / 2 * line_lanes + j) * 2 + k % 2)]; }
  std::int16_t lane(std::int64_t k, int j) const { return lanes[at((k / 2 * line_lanes + j) * 2 + k % 2)]; }
  /// From product `begin` (even) on.
  SteppedPiece piece(std::int64_t begin, Atom atom, OverflowRule rule) const {
    return {reinterpret_cast<const kernels::native::Word*>(row.data()) + begin / 2,
            reinterpret_cast<const kernels::native::Word*>(lanes.data()) + begin / 2 * line_lanes,
            (length + 1) / 2 - begin / 2,
            begin,
            atom,
            rule};
  }
  std::vector<std::int64_t> products(int j, std::int64_t begin) const {
    std::vector<std::int64_t> all;
    for (std::int64_t k = begin; k < length; ++k) {
      all.push_back(std::int64_t{row[at(k)]} * lane(k, j));
    }
    return all;
  }
};

Operands draw(std::int64_t length, Sample& sample) {
  Operands out{length};
  const std::vector<std::int16_t> row = adverse_codes(adversaries[sample.below(6)], at(length), sample);
  const std::vector<std::int16_t> lanes = adverse_codes(adversaries[sample.below(6)], at(length * line_lanes), sample);
  const std::uint64_t shift = sample.below(3);
  for (std::int64_t k = 0; k < length; ++k) {
    out.row[at(k)] = static_cast<std::int16_t>(row[at(k)] >> shift);
    for (int j = 0; j < line_lanes; ++j) {
      out.lane(k, j) = lanes[at(k * line_lanes + j)];
    }
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

std::string text(const Operands& x, std::int64_t begin, int j) {
  return fmt::format("lane {}, products {}", j, list_text(x.products(j, begin)));
}

/// Any chain, step by step; events and first overflows of earlier chains stand there already.
void check_stepped(Tally& tally, const Tested& kernel, const Operands& x, std::int64_t begin, Atom atom,
                   OverflowRule rule) {
  SteppedLine line{};
  for (int j = 0; j < line_lanes; ++j) {
    line.first[j] = j % 3 == 0 ? 5 : -1;
    line.events[j] = static_cast<std::uint32_t>(j);
  }
  kernel.audit->step(x.piece(begin, atom, rule), line);
  for (int j = 0; j < line_lanes; ++j) {
    const oracle::Lane lane =
        oracle::run_lane(x.products(j, begin), atom == Atom::single ? 1 : 2, rule == OverflowRule::saturate);
    const std::int64_t first = j % 3 == 0 ? 5 : lane.events == 0 ? -1 : begin + lane.first;
    const std::uint64_t events = static_cast<std::uint64_t>(j) + lane.events;
    const auto true_sum = static_cast<std::int64_t>(lane.true_sum);
    const auto value = static_cast<std::int32_t>(rule == OverflowRule::saturate ? line.clamped[j] : line.low[j]);
    const std::int64_t sum = line.high[j] * (std::int64_t{1} << 32) + static_cast<std::int32_t>(line.low[j]);
    tally.check(value == lane.value && sum == true_sum && line.events[j] == events && line.first[j] == first, [&] {
      return Mismatch{fmt::format("{}: step, {}, begin {}, {}", kernel.origin,
                                  arith::IntegerAccumulator{atom, rule, 0}.name(), begin, text(x, begin, j)),
                      fmt::format("lane {}, sum {}, events {}, first {}", lane.value, true_sum, events, first),
                      fmt::format("lane {}, sum {}, events {}, first {}", value, sum, line.events[j], line.first[j])};
    });
  }
}

/// Four extreme codes from every end of a lane, which four products reach first; 16 ends lie along the lanes.
void check_corners(Tally& tally, const Tested& kernel, std::uint64_t pattern) {
  Operands x{6};
  x.row[4] = extreme_codes[pattern % 7];
  x.row[5] = extreme_codes[pattern / 7 % 7];
  for (int j = 0; j < line_lanes; ++j) {
    const LaneStart start = start_of(lane_ends[at(j)]);
    std::copy(start.a.begin(), start.a.end(), x.row.begin());
    for (int k = 0; k < 4; ++k) {
      x.lane(k, j) = start.b[at(k)];
    }
    x.lane(4, j) = extreme_codes[pattern / 49 % 7];
    x.lane(5, j) = extreme_codes[pattern / 343];
  }
  for (const Atom atom : {Atom::single, Atom::pair, Atom::pair4}) {
    for (const OverflowRule rule : {OverflowRule::wrap, OverflowRule::saturate}) {
      check_stepped(tally, kernel, x, 0, atom, rule);
    }
  }
}

/// Lanes on the norm bound and near it: no piece that may leave the range is trusted, and few others are doubted.
void check_watch(Tally& tally, const Tested& kernel, Sample& sample) {
  constexpr int pieces = 4;
  std::int32_t lanes[pieces * line_lanes];
  float row[pieces];
  float norms[pieces * line_lanes];
  double reach[pieces] = {};
  const auto from_zero = static_cast<std::uint32_t>(sample.below(1 << pieces));
  for (int i = 0; i < pieces; ++i) {
    row[i] = static_cast<float>(sample.below(47000));
    for (int j = i * line_lanes; j < (i + 1) * line_lanes; ++j) {
      norms[j] = static_cast<float>(sample.below(45000));
      const double bound = static_cast<double>(row[i]) * static_cast<double>(norms[j]);
      const double edge = INT32_MAX - bound + static_cast<double>(sample.below(9)) * 1000 - 4000;
      const bool at_edge = edge > INT32_MIN && edge < INT32_MAX && sample.below(16) == 0;
      lanes[j] = at_edge                  ? static_cast<std::int32_t>(edge)
                 : sample.below(100) == 0 ? lane_ends[sample.below(lane_ends.size())]
                                          : static_cast<std::int32_t>(sample.word()) >> (4 + sample.below(27));
      lanes[j] = lanes[j] != INT32_MIN && sample.below(2) == 0 ? -lanes[j] : lanes[j];
      const double start = (from_zero >> i & 1) != 0 ? 0 : std::abs(static_cast<double>(lanes[j]));
      reach[i] = std::max(reach[i], start + bound);
    }
  }
  std::uint32_t doubts = 0;
  const bool any = kernel.audit->watch(
      {lanes + line_lanes, line_lanes, 1, 1, pieces, from_zero, row, row, pieces, norms, pieces * line_lanes}, &doubts);
  for (int i = 0; i < pieces; ++i) {
    const bool doubt = (doubts >> i & 1) != 0;
    constexpr double roundings = 2000;
    tally.check((doubt || reach[i] <= INT32_MAX) && (!doubt || (any && reach[i] > INT32_MAX - roundings)), [&] {
      return Mismatch{fmt::format("{}: watch, |start| + |a| * |b| up to {}", kernel.origin, reach[i]),
                      reach[i] > INT32_MAX ? "a doubt" : "none", doubt ? "a doubt" : "none"};
    });
  }
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
  std::int32_t lanes[line_lanes];
  kernels::TileScale scale{};
  kernels::TileSums sums{};
  kernels::ChainCounts counts{};
  float before[line_lanes];
  int exponent[line_lanes];
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float infinities[] = {infinity, -infinity};
  for (int j = 0; j < line_lanes; ++j) {
    lanes[j] = sample.below(4) == 0 ? lane_ends[sample.below(lane_ends.size())]
                                    : static_cast<std::int32_t>(sample.word()) >> sample.below(31);
    const std::uint64_t kind = sample.below(16);
    float& c = sums.c[0][j];
    before[j] = c = kind < 2 ? 0.0f : kind == 2 ? infinities[sample.below(2)] : sample.finite_float();
    const int near = (c == 0 ? -150 : kind == 2 ? 230 : std::ilogb(c)) - 31 + static_cast<int>(sample.below(64)) - 16;
    exponent[j] = sample.below(3) == 0 ? static_cast<int>(sample.below(1201)) - 600 : near;
    const arith::SpillFactors factors = arith::spill_factors(exponent[j]);
    scale.first[0][j] = factors.first;
    scale.second[0][j] = factors.second;
  }
  kernels::TileSums spilled = sums;
  const std::int32_t slot = 0;
  const kernels::ChainEnds ends{lanes, line_lanes, 0, 1, {&slot, 1}};
  kernel.audit->count(ends, scale, sums, counts);
  kernel.audit->spill(ends, scale, spilled);
  std::int64_t joined[1][line_lanes] = {};
  kernel.audit->join(sums, 1, joined);
  for (int j = 0; j < line_lanes; ++j) {
    const float expected = oracle::spill(lanes[j], exponent[j], before[j]);
    const bool equal = support::same_bits(sums.c[0][j], expected) && support::same_bits(spilled.c[0][j], expected) &&
                       joined[0][j] == lanes[j];
    tally.check(equal, [&] {
      return Mismatch{
          fmt::format("{}: spill of {} * 2^{} + {}", kernel.origin, lanes[j], exponent[j], bits_and_value(before[j])),
          fmt::format("{}, exact {}", bits_and_value(expected), lanes[j]),
          fmt::format("{}, alone {}, exact {}", bits_and_value(sums.c[0][j]), bits_and_value(spilled.c[0][j]),
                      joined[0][j])};
    });
  }
}

/// Sequential FMA in double of integer products with scales.
void check_exact(Tally& tally, const Tested& kernel, const Operands& x, Sample& sample) {
  double scale[line_lanes];
  double exact[line_lanes];
  double before[line_lanes];
  for (int j = 0; j < line_lanes; ++j) {
    scale[j] = std::ldexp(1.0, static_cast<int>(sample.below(600)) - 350);
    exact[j] = before[j] = static_cast<double>(sample.normal_float(-20, 20));
  }
  kernel.audit->exact(x.piece(0, Atom::pair, OverflowRule::wrap), scale, exact);
  for (int j = 0; j < line_lanes; ++j) {
    double fused = before[j];
    for (const std::int64_t product : x.products(j, 0)) {
      fused = std::fma(static_cast<double>(product), scale[j], fused);
    }
    tally.check(support::same_bits(exact[j], fused), [&] {
      return Mismatch{
          fmt::format("{}: exact from {:a}, scale {:a}, {}", kernel.origin, before[j], scale[j], text(x, 0, j)),
          fmt::format("{:a}", fused), fmt::format("{:a}", exact[j])};
    });
  }
}

/// A sum in BF16 with one rounding per step, and sequential FMA in double.
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
  const oracle::FloatKind bf16{7, -126, 0x1.fep127, oracle::Overflow::infinity};
  every_output([&](int r, int j) {
    std::vector<float> lane_values;
    float sum = 0;
    double wide = 0;
    for (std::int64_t k = 0; k < length; ++k) {
      const float a = rows[at(r * length + k)];
      const float b = lanes[at(k * tile_lanes + j)];
      lane_values.push_back(b);
      sum =
          oracle::round(bf16, oracle::Wide::product(a, b) + oracle::Wide::from(sum), oracle::Mode::nearest_even, 32, 0);
      wide = std::fma(static_cast<double>(a), static_cast<double>(b), wide);
    }
    const auto actual = static_cast<float>(sums.sum[r][j]);
    const bool equal = support::same_bits(actual, sum) && support::same_bits(exact_sums[r][j], wide);
    tally.check(equal, [&] {
      return Mismatch{
          fmt::format("{}: row {}, lane {}: {} * {}", kernel.origin, r, j,
                      list_text(std::span(rows).subspan(at(r * length), at(length))), list_text(lane_values)),
          fmt::format("{}, in double {:a}", bits_and_value(sum), wide),
          fmt::format("{}, in double {:a}", bits_and_value(actual), exact_sums[r][j])};
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
      const std::int64_t begin = static_cast<std::int64_t>(sample.below(static_cast<std::uint64_t>(length))) / 2 * 2;
      const auto atom = static_cast<Atom>(sample.below(3));
      const auto rule = static_cast<OverflowRule>(sample.below(2));
      check_stepped(tally, kernel, x, begin, atom, rule);
      check_watch(tally, kernel, sample);
      check_exact(tally, kernel, x, sample);
      check_spill(tally, kernel, sample);
      check_sums(tally, kernel, sample);
    }
    check_squares(tally, kernel, sample);
  });
  run.covers(fmt::format("{} pattern of extreme codes from lanes at the ends; {} seeded tiles for each function",
                         stride == 1 ? "every" : "every sixth", parts * rounds));
}

}  // namespace precsim::verify
