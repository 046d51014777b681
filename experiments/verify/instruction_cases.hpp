// One-chain reductions that start and end a lane where a case wants it, so that the model is tested as products use it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/verify/section.hpp"
#include "sim/arith/accumulator.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::verify {

/// The codes that overflow first.
inline constexpr std::array<std::int16_t, 7> extreme_codes{-32768, -32767, -1, 0, 1, 32766, 32767};

/// Lanes at both ends of the range and around zero.
inline constexpr std::array<std::int32_t, 16> lane_ends{INT32_MIN,
                                                        INT32_MIN + 1,
                                                        INT32_MIN + 2,
                                                        INT32_MIN + 65535,
                                                        INT32_MIN + 65536,
                                                        INT32_MIN + 65537,
                                                        -65536,
                                                        -1,
                                                        0,
                                                        1,
                                                        65536,
                                                        INT32_MAX - 65536,
                                                        INT32_MAX - 65535,
                                                        INT32_MAX - 2,
                                                        INT32_MAX - 1,
                                                        INT32_MAX};

/// Products whose sum is `lane`, none of whose prefixes leaves the range: a[i] * b[i], four of them.
struct LaneStart {
  std::array<std::int16_t, 4> a, b;
};
LaneStart start_of(std::int32_t lane);

/// What arith::reduce makes of a chain: `lane` by start_of, then at most 16 codes, then two products that take the high
/// half of `expected` away again. FP32 holds what is then left, so that a lane is found to be `expected` iff it was.
struct Reduction {
  std::int64_t lane = 0;  ///< up to a rounding to 24 bits where it is not `expected`
  std::uint64_t events = 0;
  std::int64_t first = -1;  ///< counted from the first of the codes
};
Reduction reduce_from(std::int32_t lane, std::span<const std::int16_t> a, std::span<const std::int16_t> b,
                      arith::Atom atom, arith::OverflowRule rule, std::int32_t expected);
/// Its lane alone, as the library forms it where nobody asks for events.
std::int64_t lane_from(std::int32_t lane, std::span<const std::int16_t> a, std::span<const std::int16_t> b,
                       arith::Atom atom, arith::OverflowRule rule, std::int32_t expected);

/// Starts of a lane from which `products` just stays in the range, just leaves it, and lane_ends.
std::vector<std::int32_t> telling_lanes(std::int64_t products);

/// A tile kernel by its name; null where this build has no such row.
const kernels::TileKernel* tile_kernel(std::string_view name);
/// Why it cannot run here, a half sentence; empty where it can.
std::string tile_obstacle(std::string_view name);
/// Its chains, spills, sums of squares and floating-point sums.
void tile_functions(Run& run, std::string_view name);
/// The names of the rows that have sections.
inline constexpr std::array<std::string_view, 5> tile_names{"avx512_vnni", "avx512", "avx_vnni", "avx2", "portable"};

/// single, pair and pair4 against their definitions.
void single_definition(Run& run);
void pair_definition(Run& run);
void four_pairs(Run& run);

}  // namespace precsim::verify
