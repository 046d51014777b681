// A product as tiles: rows read in place, lanes packed in panels, the reduction cut into segments.
#pragma once

#include <span>
#include <vector>

#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

/// k in [begin, begin + count) of a reduction lies at words `row` and following of every row.
struct Stretch {
  std::int64_t begin, count;  ///< products; both even for pairs
  std::int64_t row;
};

/// Segments of a reduction in blocks, so that a block of a panel stays in the first-level cache. Each block but the
/// last ends at the end of a chain, where lanes are empty and sums wait in the result.
std::vector<std::vector<Segment>> cut_segments(std::span<const Stretch> stretches,
                                               std::span<const std::int64_t> chain_ends, std::int64_t products_per_step,
                                               std::int64_t steps_per_block);

/// Makes one segment of neighboring chains of equal length that have one segment each.
void join_chains(std::vector<Segment>& block);

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
  const Word* words = nullptr;  ///< rows begin at words + row_starts[i]
  std::span<const std::int64_t> row_starts;
  std::int64_t row_step = 1;
  const Word* panels = nullptr;  ///< [panel][step][panel_lanes]
  std::int64_t panel_words = 0;
  std::int64_t columns = 0;
  std::span<const std::vector<Segment>> blocks;
  float* result = nullptr;  ///< row i at result + result_starts[i], columns side by side
  std::span<const std::int64_t> result_starts;
  float factor = 1;                     ///< uniform spills
  float last_factor = 1;                ///< of the sums at the very end
  bool begins = true, ends = true;      ///< the blocks are the first, the last of the reduction
  const float* row_factors = nullptr;   ///< blocked spills: [row][chain]
  const float* lane_factors = nullptr;  ///< blocked spills: [panel][chain][panel_lanes]
  std::int64_t chains = 0;              ///< of those
};

/// Fills the result rows [first_row, last_row), columns [first_panel, last_panel) * panel_lanes.
void run_tiles(const Tiling& tiling, std::int64_t first_row, std::int64_t last_row, std::int64_t first_panel,
               std::int64_t last_panel);

/// The same for one block, all panels of a tile's rows before the next rows: for panels that stay in the second-level
/// cache, which tiles read as fast as the first. Asks meanwhile, a little before every tile, for what is read next.
void run_rows(const Tiling& tiling, std::int64_t first_row, std::int64_t last_row, std::int64_t first_panel,
              std::int64_t last_panel, std::span<const MemoryRange> read_next = {});

/// Fills the whole result, shared among the OpenMP threads by rows where there are enough of them, else by panels.
void run_split(const Tiling& tiling);

}  // namespace precsim::kernels::native
