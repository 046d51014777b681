// The register tiles of the native kernels, and the table of instruction sets that have them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace precsim::kernels::native {

/// Operands are read in words of 4 bytes: an FP32 number, or a pair of INT16 codes at neighboring places of the
/// reduction, the earlier one in the low half. A step is one word of every row and lane: one product or one pair.
using Word [[gnu::may_alias]] = std::uint32_t;
inline constexpr int panel_lanes = 16;
inline constexpr int most_rows = 7;
inline constexpr int most_panels = 2;

/// Consecutive steps of a reduction whose words lie at equal distances in every row.
struct Segment {
  std::int64_t row = 0;    ///< word of the first step, from the start of a row
  std::int64_t panel = 0;  ///< step of the panel
  std::int64_t steps = 0;
  std::int64_t chain = 0;
  bool ends_chain = false;
};

/// How a lane joins the FP32 sum at the end of its chain. All are c = RNE(float(lane) * 2^e + c) of numerics 4.
enum class Spill : std::uint8_t {
  unscaled,  ///< sums are kept in units of 2^e and scaled once at the end: exact while 2^e and the sum are in range
  scaled,    ///< one FP32 FMA with 2^e, a normal number
  blocked,   ///< the same with 2^e = row factor * lane factor of the chain
};

/// One tile: rows x lanes sums over the segments.
struct Tile {
  const Word* rows[most_rows] = {};
  std::int64_t row_step = 1;    ///< words between the steps of a segment
  const Word* panel = nullptr;  ///< [step][panel_lanes]
  std::int64_t next_panel = 0;  ///< words from a panel to its right neighbor
  std::span<const Segment> segments;
  float* sums = nullptr;  ///< [row][lane], sums_row apart; read unless `first`
  std::int64_t sums_row = 0;
  bool first = true;
  float factor = 1;                          ///< unscaled: applied to the sums before they are stored; scaled: 2^e
  const float* row_factors[most_rows] = {};  ///< blocked: [chain]
  const float* lane_factors = nullptr;       ///< blocked: [chain][panel_lanes], next_lane_factors to the right neighbor
  std::int64_t next_lane_factors = 0;
};
using TileFunction = void (*)(const Tile&);

/// Functions by [panels - 1][rows - 1]; those beyond the row's `rows` and `panels` are null.
struct TileFunctions {
  TileFunction of[most_panels][most_rows];
};

/// The native functions of one instruction set.
struct NativeKernel {
  int rows, panels;       ///< of the largest tile
  TileFunctions wrap[3];  ///< by Spill
  TileFunctions saturate[3];
  TileFunctions fma;  ///< FP32
};

/// Which of them a CPU can run, says the table of kernels (sim/kernels/tile.hpp).
#if defined(__x86_64__)
extern const NativeKernel avx512_vnni, avx512, avx_vnni, avx2;
#endif
extern const NativeKernel portable;

}  // namespace precsim::kernels::native
