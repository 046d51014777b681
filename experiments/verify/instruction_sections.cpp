// The multiply-accumulate step against the instructions it stands for.
#include <fmt/format.h>

#include "experiments/verify/instruction_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "experiments/verify/tables.hpp"
#include "tests/support/hardware_mac.hpp"

namespace precsim::verify {
namespace {

using arith::OverflowRule;
using support::hardware_mac;
using support::HardwareMac;
using support::Mac;
using support::mac_lanes;
using support::MacCodes;
using support::MacLanes;
using support::Sample;

std::int64_t products(const MacCodes& a, const MacCodes& b, std::size_t lane) {
  return std::int64_t{a[2 * lane]} * b[2 * lane] + std::int64_t{a[2 * lane + 1]} * b[2 * lane + 1];
}

Mismatch told(const MacLanes& lanes, const MacCodes& a, const MacCodes& b, std::size_t j, std::int32_t hardware,
              std::string_view actual) {
  return {fmt::format("lane 0x{:08x} + {} * {} + {} * {}", static_cast<std::uint32_t>(lanes[j]), a[2 * j], b[2 * j],
                      a[2 * j + 1], b[2 * j + 1]),
          fmt::format("0x{:08x}", static_cast<std::uint32_t>(hardware)), std::string(actual)};
}

/// One step on all lanes, lane by lane through arith::reduce; returns the hardware's.
MacLanes check_step(Tally& tally, const HardwareMac& mac, const MacLanes& lanes, const MacCodes& a, const MacCodes& b) {
  MacLanes hardware = lanes;
  mac.step(hardware, a, b);
  for (std::size_t j = 0; j < mac_lanes; ++j) {
    const std::int64_t lane =
        lane_from(lanes[j], {&a[2 * j], 2}, {&b[2 * j], 2}, arith::Atom::pair, mac.rule, hardware[j]);
    tally.check(lane == hardware[j], [&] {
      return told(lanes, a, b, j, hardware[j], fmt::format("0x{:08x}", static_cast<std::uint32_t>(lane)));
    });
  }
  return hardware;
}

/// The same with its events: one iff the exact sum leaves the range.
void check_events(Tally& tally, const HardwareMac& mac, const MacLanes& lanes, const MacCodes& a, const MacCodes& b) {
  MacLanes hardware = lanes;
  mac.step(hardware, a, b);
  for (std::size_t j = 0; j < mac_lanes; ++j) {
    const Reduction reduction =
        reduce_from(lanes[j], {&a[2 * j], 2}, {&b[2 * j], 2}, arith::Atom::pair, mac.rule, hardware[j]);
    const std::int64_t sum = lanes[j] + products(a, b, j);
    const std::uint64_t events = sum < INT32_MIN || sum > INT32_MAX ? 1 : 0;
    tally.check(reduction.lane == hardware[j] && reduction.events == events, [&] {
      return told(lanes, a, b, j, hardware[j],
                  fmt::format("0x{:08x}, {} events instead of {}", static_cast<std::uint32_t>(reduction.lane),
                              reduction.events, events));
    });
  }
}

/// All lanes with one set of codes.
MacCodes everywhere(std::int16_t first, std::int16_t second) {
  MacCodes codes;
  for (std::size_t i = 0; i < codes.size(); i += 2) {
    codes[i] = first;
    codes[i + 1] = second;
  }
  return codes;
}

/// Every combination of four extreme codes from every telling lane; one part for each first pair.
void directed(Tally& tally, const HardwareMac& mac, std::uint64_t part) {
  const std::int16_t a0 = extreme_codes[part / 7];
  const std::int16_t b0 = extreme_codes[part % 7];
  for (const std::int16_t a1 : extreme_codes) {
    for (const std::int16_t b1 : extreme_codes) {
      const MacCodes a = everywhere(a0, a1);
      const MacCodes b = everywhere(b0, b1);
      const std::vector<std::int32_t> starts = telling_lanes(products(a, b, 0));
      for (std::size_t at = 0; at < starts.size(); at += mac_lanes) {
        MacLanes lanes;
        for (std::size_t j = 0; j < mac_lanes; ++j) {
          lanes[j] = starts[std::min(at + j, starts.size() - 1)];
        }
        check_step(tally, mac, lanes, a, b);
        check_events(tally, mac, lanes, a, b);
      }
    }
  }
}

/// All 2^16 codes against every extreme one, the second pair at a corner, from lanes near the ends.
void slice(Tally& tally, const HardwareMac& mac, std::uint64_t part, int stride) {
  constexpr std::int16_t corners[][2] = {{-32768, -32768}, {32767, -32768}, {32767, 32767}, {0, 0}};
  const std::int16_t b0 = extreme_codes[part % 7];
  const auto& corner = corners[part / 7];
  for (int code = -32768; code <= 32767; code += stride) {
    const MacCodes a = everywhere(static_cast<std::int16_t>(code), corner[0]);
    const MacCodes b = everywhere(b0, corner[1]);
    const std::int64_t sum = products(a, b, 0);
    MacLanes lanes = lane_ends;
    for (std::int64_t off = -2; off <= 2; ++off) {
      lanes[static_cast<std::size_t>(off + 8)] =
          static_cast<std::int32_t>(static_cast<std::uint32_t>((sum < 0 ? INT32_MIN : INT32_MAX) - sum + off));
    }
    check_step(tally, mac, lanes, a, b);
    check_step(tally, mac, lanes, b, a);
  }
}

/// Lanes that go on from step to step, over codes that are random, extreme or mixed.
void random_steps(Tally& tally, const HardwareMac& mac, Sample& sample, std::uint64_t steps) {
  MacLanes lanes{};
  MacCodes a, b;
  for (std::uint64_t step = 0; step < steps; ++step) {
    for (MacCodes* codes : {&a, &b}) {
      const std::uint64_t small = sample.below(4) == 0 ? sample.below(12) : 0;
      for (std::size_t i = 0; i < codes->size(); i += 4) {
        std::uint64_t bits = sample.next();
        for (std::size_t j = i; j < i + 4; ++j, bits >>= 16) {
          (*codes)[j] = static_cast<std::int16_t>(static_cast<std::int16_t>(bits) >> small);
        }
      }
      if (step % 3 == 0) {
        (*codes)[sample.below(codes->size())] = extreme_codes[sample.below(7)];
        (*codes)[sample.below(codes->size())] = -32768;
      }
    }
    if (step % 64 == 0) {
      check_events(tally, mac, lanes, a, b);
    }
    lanes = check_step(tally, mac, lanes, a, b);
    if (step % 97 == 0) {
      lanes[sample.below(mac_lanes)] = lane_ends[sample.below(lane_ends.size())];
    }
  }
}

/// Part `part` of 2^16: all lanes with this high half, or all pairs with this first code.
void exhaustive(Tally& tally, const HardwareMac& mac, std::uint64_t part) {
  constexpr std::int16_t pairs[][4] = {
      {-32768, -32768, -32768, -32768}, {-32768, 32767, -32768, 32767}, {32767, 32767, 1, 1}, {0, 0, 0, 0}};
  const auto code = static_cast<std::int16_t>(part);
  MacCodes a = everywhere(code, -32768);
  MacCodes b{};
  for (std::uint32_t low = 0; low < 65536; low += mac_lanes) {
    MacLanes lanes;
    for (std::size_t j = 0; j < mac_lanes; ++j) {
      lanes[j] =
          static_cast<std::int32_t>(static_cast<std::uint32_t>(part) << 16 | (low + static_cast<std::uint32_t>(j)));
      b[2 * j] = static_cast<std::int16_t>(low + static_cast<std::uint32_t>(j));
      b[2 * j + 1] = static_cast<std::int16_t>(code ^ static_cast<std::int16_t>(low));
    }
    const auto& pair = pairs[(low / mac_lanes + part) % std::size(pairs)];
    check_step(tally, mac, lanes, everywhere(pair[0], pair[2]), everywhere(pair[1], pair[3]));
    check_step(tally, mac, lane_ends, a, b);
  }
}

template <Mac row>
std::string obstacle() {
  return hardware_mac(row).obstacle();
}

template <Mac row>
void against(Run& run) {
  const HardwareMac& mac = hardware_mac(row);
  const int stride = run.by_depth(31, 5, 1);
  const std::uint64_t random_parts = run.by_depth<std::uint64_t>(8, 32, 1024);
  run.parallel(49, [&](std::uint64_t part, Tally& tally) { directed(tally, mac, part); });
  run.parallel(28, [&](std::uint64_t part, Tally& tally) { slice(tally, mac, part, stride); });
  run.parallel(random_parts, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 10, part);
    random_steps(tally, mac, sample, 1 << 14);
  });
  if (run.depth() == Depth::full) {
    run.parallel(1 << 16, [&](std::uint64_t part, Tally& tally) { exhaustive(tally, mac, part); });
  }
  run.covers(fmt::format(
      "extreme codes from lanes at the ends; {} against extremes; {} seeded steps of a lane{}",
      stride == 1 ? "every code" : fmt::format("one code in {}", stride), random_parts * mac_lanes << 14,
      run.depth() == Depth::full ? "; all 2^32 lanes, each with one of four pairs, and all 2^32 pairs of codes" : ""));
}

template <std::size_t row>
std::string no_tile() {
  return tile_obstacle(tile_names[row]);
}

template <std::size_t row>
void tile(Run& run) {
  tile_functions(run, tile_names[row]);
}

constexpr std::string_view tiles = "the tile kernel: chains, spills, sums of squares, floating-point sums";
constexpr std::string_view tile_oracle = "128-bit integers, long fixed point";

constexpr std::string_view wraps = "atom pair, wrap: steps of arith::reduce from any lane, and their events";
constexpr std::string_view clamps = "atom pair, saturate: steps of arith::reduce from any lane, and their events";
constexpr std::string_view madds = "atom pair, wrap: steps of arith::reduce, also where the pair's own sum is 2^31";

constexpr Section table[] = {
    {"instruction/single", "atom single, both rules: lanes and events", "128-bit integers", nullptr, single_definition},
    {"instruction/pair", "atom pair, both rules: lanes and events", "128-bit integers", nullptr, pair_definition},
    {"instruction/vpdpwssd/avx512", wraps, "VPDPWSSD zmm (AVX512-VNNI)", obstacle<Mac::vpdpwssd_avx512>,
     against<Mac::vpdpwssd_avx512>},
    {"instruction/vpdpwssd/avx512vl", wraps, "VPDPWSSD ymm (AVX512-VNNI)", obstacle<Mac::vpdpwssd_avx512vl>,
     against<Mac::vpdpwssd_avx512vl>},
    {"instruction/vpdpwssd/avx_vnni", wraps, "VPDPWSSD ymm (AVX-VNNI)", obstacle<Mac::vpdpwssd_avx_vnni>,
     against<Mac::vpdpwssd_avx_vnni>},
    {"instruction/vpdpwssds/avx512", clamps, "VPDPWSSDS zmm (AVX512-VNNI)", obstacle<Mac::vpdpwssds_avx512>,
     against<Mac::vpdpwssds_avx512>},
    {"instruction/vpdpwssds/avx512vl", clamps, "VPDPWSSDS ymm (AVX512-VNNI)", obstacle<Mac::vpdpwssds_avx512vl>,
     against<Mac::vpdpwssds_avx512vl>},
    {"instruction/vpdpwssds/avx_vnni", clamps, "VPDPWSSDS ymm (AVX-VNNI)", obstacle<Mac::vpdpwssds_avx_vnni>,
     against<Mac::vpdpwssds_avx_vnni>},
    {"instruction/vpmaddwd/avx512", madds, "VPMADDWD + VPADDD zmm", obstacle<Mac::vpmaddwd_avx512>,
     against<Mac::vpmaddwd_avx512>},
    {"instruction/vpmaddwd/avx2", madds, "VPMADDWD + VPADDD ymm", obstacle<Mac::vpmaddwd_avx2>,
     against<Mac::vpmaddwd_avx2>},
    {"instruction/pmaddwd/sse2", madds, "PMADDWD + PADDD xmm", obstacle<Mac::pmaddwd_sse2>, against<Mac::pmaddwd_sse2>},
    {"instruction/vp4dpwssd", "atom pair4, wrap and saturate (VP4DPWSSDS): four pair steps in order",
     "the manual's definition; no CPU since 2018 has it", nullptr, four_pairs},
    {"tile/avx512_vnni", tiles, tile_oracle, no_tile<0>, tile<0>},
    {"tile/avx512", tiles, tile_oracle, no_tile<1>, tile<1>},
    {"tile/avx_vnni", tiles, tile_oracle, no_tile<2>, tile<2>},
    {"tile/avx2", tiles, tile_oracle, no_tile<3>, tile<3>},
    {"tile/portable", tiles, tile_oracle, no_tile<4>, tile<4>},
};

}  // namespace

std::span<const Section> instruction_sections() {
  return table;
}

}  // namespace precsim::verify
