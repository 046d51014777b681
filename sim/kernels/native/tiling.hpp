// A product as tiles: rows read in place, lanes packed in panels.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "sim/kernels/native/row_tiles.hpp"
#include "sim/kernels/native/segments.hpp"

namespace precsim::kernels::native {

/// Memory that will be read.
struct MemoryRange {
  const void* begin;
  std::int64_t bytes;
};

/// What all tiles of one product share.
struct Tiling {
  const NativeKernel* kernel = nullptr;
  const IntegerLoops* loops = nullptr;  ///< null: FP32
  Spill spill = Spill::uniform;
  const Word* words = nullptr;  ///< what the starts of runs count from
  std::span<const RowRun> runs;
  std::int64_t row_step = 1;
  const Word* panels = nullptr;  ///< panel p: [step][panel_lanes] from panels + panel_starts[p] on
  std::span<const std::int64_t> panel_starts;
  std::int64_t columns = 0;
  std::span<const std::vector<Segment>> blocks;
  float* result = nullptr;              ///< what the results of runs count from; columns side by side
  float factor = 1;                     ///< uniform spills
  float last_factor = 1;                ///< of the sums at the very end
  bool begins = true, ends = true;      ///< the blocks are the first, the last of the reduction
  const float* row_factors = nullptr;   ///< blocked spills: [row][chain]
  const float* lane_factors = nullptr;  ///< blocked spills: [panel][chain][panel_lanes]
  std::int64_t chains = 0;              ///< of those

  std::int64_t rows() const {
    std::int64_t rows = 0;
    for (const RowRun& run : runs) {
      rows += run.rows;
    }
    return rows;
  }
  /// Of one tile, where all tiles are at most `width` panels wide.
  std::int64_t most_rows(std::int64_t width) const {
    return (loops == nullptr ? kernel->fma : loops->lanes).rows[std::min<std::int64_t>(width, kernel->panels) - 1];
  }
};

/// Words of panels that stay in the second-level cache.
inline constexpr std::int64_t cached_panel_words = 196608;

/// Fills the result rows [first_row, last_row), columns [first_panel, last_panel) * panel_lanes from the first block
/// alone, all panels of a tile's rows before the next rows: for panels that stay in the second-level cache, which tiles
/// read as fast as the first. Asks meanwhile, a cache line every step, for what is read next.
void run_rows(const Tiling& tiling, std::int64_t first_row, std::int64_t last_row, std::int64_t first_panel,
              std::int64_t last_panel, std::span<const MemoryRange> read_next = {});

/// Fills the whole result from all blocks, shared among the OpenMP threads by rows where there are enough of them, else
/// by panels.
void run_split(const Tiling& tiling);

}  // namespace precsim::kernels::native
