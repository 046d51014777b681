// The loops around the tiles.
#include "sim/kernels/native/tiling.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>

namespace precsim::kernels::native {
namespace {

constexpr std::int64_t rows_per_block = 448;

/// A tile whose result does not fill its lanes, or whose rows are not equally far apart, is formed aside.
void run_tile(const Tiling& tiling, Tile& tile, std::int64_t row, int rows, std::int64_t panel, int panels) {
  const std::int64_t first_column = panel * panel_lanes;
  const std::int64_t columns = std::min<std::int64_t>(tiling.columns - first_column, panels * panel_lanes);
  bool direct = columns == panels * panel_lanes;
  const std::int64_t* starts = tiling.result_starts.data() + row;
  const std::int64_t distance = rows > 1 ? starts[1] - starts[0] : 0;
  for (int r = 0; r < rows; ++r) {
    tile.rows[r] = tiling.words + tiling.row_starts[static_cast<std::size_t>(row + r)];
    tile.row_factors[r] = tiling.row_factors == nullptr ? nullptr : tiling.row_factors + (row + r) * tiling.chains;
    direct = direct && starts[r] == starts[0] + r * distance;
  }
  tile.panel = tiling.panels + panel * tiling.panel_words;
  tile.next_lane_factors = tiling.chains * panel_lanes;
  tile.lane_factors = tiling.lane_factors == nullptr ? nullptr : tiling.lane_factors + panel * tile.next_lane_factors;
  const TileFunction function = tiling.functions->of[panels - 1][rows - 1];
  if (direct) {
    tile.sums = tiling.result + starts[0] + first_column;
    tile.sums_row = distance;
    function(tile);
    return;
  }
  alignas(64) float aside[most_rows][most_panels * panel_lanes];
  const auto bytes = static_cast<std::size_t>(columns) * sizeof(float);
  if (!tile.first) {
    for (int r = 0; r < rows; ++r) {
      std::memcpy(aside[r], tiling.result + starts[r] + first_column, bytes);
    }
  }
  tile.sums = aside[0];
  tile.sums_row = most_panels * panel_lanes;
  function(tile);
  for (int r = 0; r < rows; ++r) {
    std::memcpy(tiling.result + starts[r] + first_column, aside[r], bytes);
  }
}

/// Tiles of nearly equal heights over [first, last).
template <class Body>
void for_each_height(std::int64_t first, std::int64_t last, int most, Body body) {
  const std::int64_t rows = last - first;
  const std::int64_t tiles = (rows + most - 1) / most;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t begin = first + rows * i / tiles;
    body(begin, static_cast<int>(first + rows * (i + 1) / tiles - begin));
  }
}

}  // namespace

std::vector<std::vector<Segment>> cut_segments(std::span<const Stretch> stretches,
                                               std::span<const std::int64_t> chain_ends, std::int64_t products_per_step,
                                               std::int64_t steps_per_block) {
  std::vector<std::vector<Segment>> blocks(1);
  std::int64_t chain = 0;
  std::int64_t steps = 0;
  for (const Stretch& stretch : stretches) {
    std::int64_t k = stretch.begin;
    const std::int64_t end = stretch.begin + stretch.count;
    while (k < end) {
      while (chain_ends[static_cast<std::size_t>(chain)] <= k) {
        if (!blocks.back().empty() && !blocks.back().back().ends_chain) {
          blocks.back().back().ends_chain = true;
        }
        ++chain;
        if (steps >= steps_per_block) {
          blocks.emplace_back();
          steps = 0;
        }
      }
      const std::int64_t stop = std::min(end, chain_ends[static_cast<std::size_t>(chain)]);
      Segment segment;
      segment.row = stretch.row + (k - stretch.begin) / products_per_step;
      segment.panel = k / products_per_step;
      segment.steps = (stop - k) / products_per_step;
      segment.chain = chain;
      blocks.back().push_back(segment);
      steps += segment.steps;
      k = stop;
    }
  }
  if (!blocks.back().empty()) {
    blocks.back().back().ends_chain = true;
  } else if (blocks.size() > 1) {
    blocks.pop_back();
  }
  return blocks;
}

void run_tiles(const Tiling& tiling, std::int64_t first_row, std::int64_t last_row, std::int64_t first_panel,
               std::int64_t last_panel) {
  const NativeKernel& kernel = *tiling.kernel;
  for (std::int64_t row = first_row; row < last_row; row += rows_per_block) {
    const std::int64_t end_row = std::min(row + rows_per_block, last_row);
    for (std::size_t b = 0; b < tiling.blocks.size(); ++b) {
      Tile tile;
      tile.row_step = tiling.row_step;
      tile.next_panel = tiling.panel_words;
      tile.segments = tiling.blocks[b];
      tile.first = tiling.begins && b == 0;
      const bool last = tiling.ends && b + 1 == tiling.blocks.size();
      tile.factor = !tiling.unscaled || last ? tiling.factor : 1.0f;
      for (std::int64_t panel = first_panel; panel < last_panel; panel += kernel.panels) {
        const int panels = static_cast<int>(std::min<std::int64_t>(kernel.panels, last_panel - panel));
        for_each_height(row, end_row, kernel.rows,
                        [&](std::int64_t at, int rows) { run_tile(tiling, tile, at, rows, panel, panels); });
      }
    }
  }
}

void run_split(const Tiling& tiling) {
  const auto rows = static_cast<std::int64_t>(tiling.row_starts.size());
  const std::int64_t panels = (tiling.columns + panel_lanes - 1) / panel_lanes;
#pragma omp parallel if (rows * panels > 64)
  {
    const std::int64_t parts = omp_get_num_threads();
    const std::int64_t part = omp_get_thread_num();
    if (rows >= 16 * parts) {
      run_tiles(tiling, rows * part / parts, rows * (part + 1) / parts, 0, panels);
    } else {
      run_tiles(tiling, 0, rows, panels * part / parts, panels * (part + 1) / parts);
    }
  }
}

}  // namespace precsim::kernels::native
