// The register tiles of the native kernels, and the table of instruction sets that have them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace precsim::kernels::native {

/// Operands are read in words of 4 bytes: an FP32 number, or a pair of INT16 codes at neighboring places of the
/// reduction, the earlier one in the low half. A step is one word of every row and lane: one product or one pair.
/// Tensors of codes may begin at any code.
using Word [[gnu::may_alias, gnu::aligned(2)]] = std::uint32_t;
inline constexpr int panel_lanes = 16;
inline constexpr int most_panels = 2;
inline constexpr int row_pointers = 8;
inline constexpr int most_rows = 2 * row_pointers;
inline constexpr int tile_distance = most_panels * panel_lanes;  ///< words from row to row in buffers of lanes and sums
alignas(64) inline constexpr std::uint32_t no_lanes[tile_distance] = {};

/// Consecutive steps of a reduction whose words lie at equal distances in every row.
struct Segment {
  std::int64_t row = 0;    ///< word of the first step, from the start of a row
  std::int64_t panel = 0;  ///< step of the panel
  std::int64_t steps = 0;  ///< at least 1
  std::int64_t chain = 0;
  bool ends_chain = false;
};
// Assembly reads these.
static_assert(offsetof(Segment, row) == 0 && offsetof(Segment, panel) == 8 && offsetof(Segment, steps) == 16 &&
              offsetof(Segment, ends_chain) == 32 && sizeof(Segment) == 40);

/// How many of the segments, the last of which ends a chain, belong to the chain of the first one.
inline std::size_t segments_of_chain(std::span<const Segment> segments) {
  std::size_t count = 1;
  while (!segments[count - 1].ends_chain) {
    ++count;
  }
  return count;
}

/// Where the operands of one tile lie.
struct Tile {
  const Word* rows[row_pointers] = {};  ///< rows anywhere; row 8 + i lies `second` words behind row i
  std::int64_t second = 0;
  std::int64_t row_step = 1;    ///< words between the steps of a segment
  const Word* panel = nullptr;  ///< [step][panel_lanes]
  std::int64_t next_panel = 0;  ///< words from a panel to its right neighbor
  Word* sums = nullptr;         ///< chains: room for most_rows * tile_distance words, on a cache line
  const Word* ahead = nullptr;  ///< a cache line of these for every step: what later tiles will read
};

/// INT32 lanes or FP32 sums of a tile: rows of panels * panel_lanes words, `distance` words apart.
struct Source {
  const Word* words;
  std::int64_t distance;
};
struct Target {
  Word* words;
  std::int64_t distance;
  operator Source() const { return {words, distance}; }
};

/// The segments (at least one) one after the other. Lanes: `to` = `from` after their steps, whatever chain they belong
/// to: INT32 lanes, or FP32 sums, with -0 as +0 at the end. Chains: INT32 lanes begin at zero and spill at the end of
/// each chain, FP32 FMA by `factor`, from sums `from` into sums `to`; the last segment ends a chain.
using LoopFunction = void (*)(const Tile&, std::span<const Segment>, const float* factor, Source from, Target to);

/// Functions by [panels - 1][rows - 1], up to the largest tiles: `rows` of them by [panels - 1].
struct Loops {
  int rows[most_panels];
  LoopFunction of[most_panels][most_rows];
};

/// The two kinds of loops over INT16 codes.
struct IntegerLoops {
  Loops lanes, chains;
};

/// How a lane joins the FP32 sum at the end of its chain. All are c = RNE(float(lane) * 2^e + c) of numerics 4.
enum class Spill : std::uint8_t {
  uniform,  ///< one FP32 FMA with 2^e, a normal number; 1 where sums are kept in units of 2^e
  blocked,  ///< the same with 2^e = row factor * lane factor of the chain
};

/// The factors of one spill.
struct SpillFactors {
  float factor = 1;              ///< uniform
  const float* rows = nullptr;   ///< blocked: of the tile's rows, next_row apart
  const float* lanes = nullptr;  ///< blocked: [panel_lanes], next_lanes to the right neighbor
  std::int64_t next_row = 0, next_lanes = 0;
};
/// to = spill of `lanes` into `from`; `from` and `to` may be the same.
using SpillFunction = void (*)(Source lanes, Source from, Target to, const SpillFactors&);
/// to = from * factor, with -0 as +0.
using FinishFunction = void (*)(int rows, int panels, Source from, Target to, float factor);

/// The native functions of one instruction set.
struct NativeKernel {
  int panels;  ///< of the largest tile
  IntegerLoops wrap, saturate;
  Loops fma;                                       ///< FP32 lanes
  SpillFunction spill[2][most_panels][most_rows];  ///< by Spill, panels - 1 and rows - 1
  FinishFunction finish;
};

/// Which of them a CPU can run, says the table of kernels (sim/kernels/tile.hpp).
#if defined(__x86_64__)
extern const NativeKernel avx512_vnni, avx512, avx_vnni, avx2;
#endif
extern const NativeKernel portable;

}  // namespace precsim::kernels::native
