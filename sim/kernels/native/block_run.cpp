// Tiles: their operands, the functions that form them, their results.
#include "sim/kernels/native/block_run.hpp"

#include <algorithm>
#include <cstring>

namespace precsim::kernels::native {

BlockRun::BlockRun(const Tiling& tiling, std::span<const Segment> segments, bool first, bool last)
    : tiling_(tiling), segments_(segments), first_(first), last_(last) {
  factors_.factor = tiling.factor;
  factors_.next_row = tiling.chains;
  factors_.next_lanes = tiling.chains * panel_lanes;
  if (tiling.loops == nullptr && tiling.spill == Spill::blocked) {
    number_spill_ = native::number_spill(*tiling.kernel);
  }
}

void BlockRun::prefetch_result(const RowTile& rows, std::int64_t panel) const {
  if (!rows.spaced_result) {
    return;
  }
  const std::int64_t width =
      std::min<std::int64_t>(tiling_.columns - panel * panel_lanes, tiling_.kernel->panels * panel_lanes);
  const float* row = tiling_.result + rows.result + panel * panel_lanes;
  for (int r = 0; r < rows.rows; ++r, row += rows.distance) {
    for (std::int64_t lane = 0; lane < width; lane += panel_lanes) {
      __builtin_prefetch(row + lane, 1, 2);
    }
    __builtin_prefetch(row + width - 1, 1, 2);  // rows may begin inside a line
  }
}

void BlockRun::run(const RowTile& rows, std::int64_t panel, int panels, const Word* ahead) {
  place(rows, panel, panels);
  tile_.ahead = ahead != nullptr ? ahead : tile_.panel;
  const std::int64_t first_column = panel * panel_lanes;
  const std::int64_t columns = std::min<std::int64_t>(tiling_.columns - first_column, panels * panel_lanes);
  float* const result = tiling_.result + first_column;
  if (columns == panels * panel_lanes && rows.spaced_result) {
    form(rows.rows, panels, {reinterpret_cast<Word*>(result + rows.result), rows.distance});
    return;
  }
  const auto at = [&](int r) {
    return result + rows.result + (rows.spaced_result ? r * rows.distance : rows.results[r]);
  };
  alignas(64) Word aside[most_rows * tile_distance];
  const auto bytes = static_cast<std::size_t>(columns) * sizeof(Word);
  for (int r = 0; r < rows.rows && !first_; ++r) {
    std::memcpy(aside + r * tile_distance, at(r), bytes);
  }
  form(rows.rows, panels, {aside, tile_distance});
  for (int r = 0; r < rows.rows; ++r) {
    std::memcpy(at(r), aside + r * tile_distance, bytes);
  }
}

void BlockRun::place(const RowTile& rows, std::int64_t panel, int panels) {
  tile_ = rows.tile;
  tile_.row_step = tiling_.row_step;
  const std::int64_t* const start = tiling_.panel_starts.data() + panel;
  tile_.panel = tiling_.panels + start[0];
  tile_.next_panel = panels > 1 ? start[1] - start[0] : 0;
  if (tiling_.row_factors != nullptr) {
    row_factors_ = tiling_.row_factors + rows.first * tiling_.chains;
    lane_factors_ = tiling_.lane_factors + panel * factors_.next_lanes;
  }
  const auto choose = [&](const Loops& loops) { return loops.of[panels - 1][rows.rows - 1]; };
  lanes_ = choose(tiling_.loops == nullptr ? tiling_.kernel->fma : tiling_.loops->lanes);
  if (tiling_.loops != nullptr) {
    chains_ = choose(tiling_.loops->chains);
    spill_ = tiling_.kernel->spill[static_cast<std::size_t>(tiling_.spill)][panels - 1][rows.rows - 1];
  }
}

/// Sums that are scaled at the end wait in a buffer of their own.
void BlockRun::form(int rows, int panels, Target result) {
  alignas(64) Word sums[most_rows * tile_distance];
  alignas(64) Word between[most_rows * tile_distance];
  const bool scales = last_ && tiling_.last_factor != 1;
  const Source before = first_ ? Source{no_lanes, 0} : Source(result);
  const Target after = scales ? Target{sums, tile_distance} : result;
  tile_.sums = between;
  if (tiling_.spill == Spill::blocked) {
    spill_apart(rows, panels, before, after);
  } else if (tiling_.loops == nullptr) {
    lanes_(tile_, segments_, nullptr, before, after);
  } else {
    chains_(tile_, segments_, &factors_.factor, before, after);
  }
  if (scales) {
    tiling_.kernel->finish(rows, panels, after, result, tiling_.last_factor);
  }
}

/// Sums wait in a buffer of their own between spills: the rows of `after` may all fall into one set of the cache.
void BlockRun::spill_apart(int rows, int panels, Source before, Target after) {
  alignas(64) Word lanes_words[most_rows * tile_distance];
  const Target lanes{lanes_words, tile_distance};
  for (std::span<const Segment> left = segments_; !left.empty();) {
    const std::size_t count = segments_of_chain(left);
    lanes_(tile_, left.first(count), nullptr, {no_lanes, 0}, lanes);
    factors_.rows = row_factors_ + left.front().chain;
    factors_.lanes = lane_factors_ + left.front().chain * panel_lanes;
    left = left.subspan(count);
    const Target sums = left.empty() ? after : Target{tile_.sums, tile_distance};
    if (number_spill_ != nullptr) {
      number_spill_(rows, panels, lanes, before, sums, factors_);
    } else {
      spill_(lanes, before, sums, factors_);
    }
    before = sums;
  }
}

}  // namespace precsim::kernels::native
