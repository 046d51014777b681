// The audit of lanes: the vectorized parts of the simulation of integer products, and the instruction sets that have
// them.
#pragma once

#include <cstdint>
#include <span>

#include "sim/arith/accumulator.hpp"
#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels {

/// A line: the lanes of one row and one panel. Lanes of a tile lie in slots, [slot][line][line_lanes]; a slot is one
/// moment, the end of a segment.
inline constexpr int line_lanes = native::panel_lanes;
inline constexpr int most_lines = native::most_rows * native::most_panels;

inline constexpr int block_codes = 16;

/// The pieces of a span, one per slot, and the norms of theirs, rounded up. A piece begins with the lanes of the slot
/// before its own, or with zero.
struct WatchedLines {
  const std::int32_t* lanes;  ///< of slot 0
  std::int64_t slot_lanes;    ///< lanes from a slot to the next
  int lines, panels;          ///< line = row * panels + panel
  int pieces;
  std::uint32_t from_zero;     ///< bit by piece
  const float* largest_norms;  ///< [piece]: at least those of all rows
  const float* row_norms;      ///< [row][piece], next_row apart
  std::int64_t next_row;
  const float* lane_norms;  ///< [panel][piece][line_lanes], next_panel apart
  std::int64_t next_panel;
};

/// A lane whose |start| + |a| * |b|, in FP32, stays below this bound cannot leave the range within a piece: the
/// distance to 2^31 - 1 is more than the roundings.
inline constexpr float piece_bound = 2147483648.0f - 1024.0f;

/// Stepping through pieces of a chain. The true sum is low + 2^32 * high; `low` is the lane under `wrap`, `clamped` the
/// lane under `saturate`.
struct SteppedLine {
  alignas(64) std::uint32_t low[line_lanes];
  alignas(64) std::uint32_t clamped[line_lanes];
  alignas(64) std::int32_t high[line_lanes];
  alignas(64) std::uint32_t events[line_lanes];
  std::int64_t first[line_lanes];  ///< k of the first product of the first event, -1: none
};

/// Consecutive steps of one line: words of the row, [step][line_lanes] of the panel, k of the first product.
struct SteppedPiece {
  const native::Word* row;
  const native::Word* panel;
  std::int64_t steps, k;
  arith::Atom atom;
  arith::OverflowRule rule;
};

/// Chain ends counted by the highest bit of their zigzag code, 2x for x >= 0 and -2x-1 for x < 0: bit b of planes[p]
/// stands for 2^p sums that need b + 1 bits; a carry out of three planes waits until there are eight, and each stands
/// for 8 * 8^tier sums. Sums of zero leave no trace. At most 2^26 vectors.
struct ChainCounts {
  static constexpr int tiers = 9;
  static constexpr int together = 8;
  alignas(64) std::uint32_t planes[3 * tiers][line_lanes];
  alignas(64) std::uint32_t carries[tiers][together][line_lanes];
  std::uint32_t waiting[tiers][line_lanes / 4];   ///< carries, by vector of a line
  alignas(64) std::uint32_t largest[line_lanes];  ///< zigzag code of the sum farthest from zero
};

/// FP32 sums and exact sums of a tile. An exact sum of n <= 2^15 lanes lies from 2^16 * high to 2^16 * high + 2^16 * n
/// and is `low` mod 2^32.
struct TileSums {
  alignas(64) float c[most_lines][line_lanes];
  alignas(64) std::uint32_t low[most_lines][line_lanes];
  alignas(64) std::int32_t high[most_lines][line_lanes];
};
/// The two factors of each output's spill (see arith::spill_factors).
struct TileScale {
  alignas(64) float first[most_lines][line_lanes];
  alignas(64) float second[most_lines][line_lanes];
};

/// Chain ends of lines [first_line, last_line): the slots `ends`.
struct ChainEnds {
  const std::int32_t* lanes;
  std::int64_t slot_lanes;  ///< lanes from a slot to the next
  int first_line, last_line;
  std::span<const std::int32_t> ends;
};

/// One row of the table.
struct AuditKernel {
  /// Sums of squares of `count` blocks of block_codes codes.
  void (*squares)(const std::int16_t* codes, std::int64_t count, std::uint64_t* sums);
  /// doubts[line]: bit i, whether a lane reaches the bound in piece i. Returns whether any does.
  bool (*watch)(const WatchedLines& lines, std::uint32_t* doubts);
  /// Steps through a piece; sets `first` where it is -1.
  void (*step)(const SteppedPiece& piece, SteppedLine& line);
  /// Spills the lanes, c = fma(float(lane) * first, second, c), and counts them as true sums.
  void (*count)(const ChainEnds& ends, const TileScale& scale, TileSums& sums, ChainCounts& counts);
  /// Only spills.
  void (*spill)(const ChainEnds& ends, const TileScale& scale, TileSums& sums);
  /// Adds the exact sums of the first lines to `joined` and sets them to zero.
  void (*join)(TileSums& sums, int lines, std::int64_t (*joined)[line_lanes]);
  /// result[j] = c[j], with -0 as +0.
  void (*result)(const float* c, float* result);
  /// exact[j] = sum[j] * scale[j].
  void (*scale)(const std::int64_t* sum, const double* scale, double* exact);
  /// exact[j] = fma(a * b, scale[j], exact[j]) over the products of a piece, in order.
  void (*exact)(const SteppedPiece& piece, const double* scale, double* exact);
};

#if defined(__x86_64__)
extern const AuditKernel audit_avx512, audit_avx2;
#endif
extern const AuditKernel audit_portable;

}  // namespace precsim::kernels
