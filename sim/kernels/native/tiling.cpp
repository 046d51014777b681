// The loops around the tiles.
#include "sim/kernels/native/tiling.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>

#include "sim/kernels/native/pack.hpp"

namespace precsim::kernels::native {
namespace {

constexpr std::int64_t rows_per_block = 448;

/// Rows of one tile.
struct RowTile {
  std::int64_t first = 0;
  int rows = 0;
  bool spaced = false;
};

/// How many rows from `first` on, at most `most`, begin at equal distances.
std::int64_t spaced_run(std::span<const std::int64_t> starts, std::int64_t first, std::int64_t most) {
  const std::int64_t* start = starts.data() + first;
  std::int64_t run = std::min<std::int64_t>(most, 2);
  while (run < most && start[run] - start[run - 1] == start[1] - start[0]) {
    ++run;
  }
  return run;
}

/// Rows [first, last) as tiles: rows at equal distances in nearly equal parts, others in the largest tiles there are.
std::vector<RowTile> cut_rows(const Tiling& tiling, std::int64_t first, std::int64_t last) {
  const Loops& loops = tiling.loops == nullptr ? tiling.kernel->fma : tiling.loops->lanes;
  const std::int64_t scattered = loops.scattered_rows;
  const std::int64_t spaced = loops.spaced_rows;
  std::vector<RowTile> tiles;
  for (std::int64_t row = first; row < last;) {
    const std::int64_t run = spaced_run(tiling.row_starts, row, last - row);
    if (run < scattered && run < last - row) {
      tiles.push_back({row, static_cast<int>(std::min(scattered, last - row)), false});
      row += tiles.back().rows;
      continue;
    }
    const std::int64_t parts = (run + spaced - 1) / spaced;
    for (std::int64_t i = 0; i < parts; ++i) {
      const std::int64_t begin = run * i / parts;
      tiles.push_back({row + begin, static_cast<int>(run * (i + 1) / parts - begin), true});
    }
    row += run;
  }
  return tiles;
}

/// Asks for part `part` of `parts` of the words in the second-level cache.
void prefetch(const Word* words, std::int64_t count, std::int64_t part, std::int64_t parts) {
  constexpr std::int64_t line = 64 / sizeof(Word);
  const std::int64_t lines = (count + line - 1) / line;
  for (std::int64_t i = lines * part / parts; i < lines * (part + 1) / parts; ++i) {
    __builtin_prefetch(words + i * line, 0, 2);
  }
}

/// One tile of one block of the reduction, its sums in `sums`.
class TileRun {
 public:
  TileRun(const Tiling& tiling, std::span<const Segment> segments, bool first, bool last)
      : tiling_(tiling), segments_(segments), first_(first), last_(last) {
    tile_.row_step = tiling.row_step;
    tile_.next_panel = tiling.panel_words;
    factors_.factor = tiling.factor;
    factors_.next_row = tiling.chains;
    factors_.next_lanes = tiling.chains * panel_lanes;
  }

  /// Asks for the result of a tile to come.
  void prefetch_result(const RowTile& rows, std::int64_t panel) const {
    const float* result = tiling_.result + panel * panel_lanes;
    for (int r = 0; r < rows.rows; ++r) {
      const float* row = result + tiling_.result_starts[static_cast<std::size_t>(rows.first + r)];
      __builtin_prefetch(row);
      __builtin_prefetch(row + panel_lanes);
    }
  }

  /// A tile whose result does not fill its lanes, or whose rows are not equally far apart, is formed aside.
  void run(const RowTile& rows, std::int64_t panel, int panels) {
    place(rows, panel, panels);
    const std::int64_t first_column = panel * panel_lanes;
    const std::int64_t columns = std::min<std::int64_t>(tiling_.columns - first_column, panels * panel_lanes);
    const std::int64_t* starts = tiling_.result_starts.data() + rows.first;
    float* const result = tiling_.result + first_column;
    if (columns == panels * panel_lanes && spaced_run(tiling_.result_starts, rows.first, rows.rows) == rows.rows) {
      const std::int64_t distance = rows.rows > 1 ? starts[1] - starts[0] : 0;
      form(rows.rows, panels, {reinterpret_cast<Word*>(result + starts[0]), distance});
      return;
    }
    alignas(64) Word aside[most_rows * tile_distance];
    const auto bytes = static_cast<std::size_t>(columns) * sizeof(Word);
    for (int r = 0; r < rows.rows && !first_; ++r) {
      std::memcpy(aside + r * tile_distance, result + starts[r], bytes);
    }
    form(rows.rows, panels, {aside, tile_distance});
    for (int r = 0; r < rows.rows; ++r) {
      std::memcpy(result + starts[r], aside + r * tile_distance, bytes);
    }
  }

 private:
  void place(const RowTile& rows, std::int64_t panel, int panels) {
    const std::int64_t* starts = tiling_.row_starts.data() + rows.first;
    const int pointers = rows.spaced ? 1 : rows.rows;
    for (int r = 0; r < pointers; ++r) {
      tile_.rows[r] = tiling_.words + starts[r];
    }
    tile_.distance = rows.rows > 1 ? starts[1] - starts[0] : 0;
    tile_.panel = tiling_.panels + panel * tiling_.panel_words;
    if (tiling_.row_factors != nullptr) {
      row_factors_ = tiling_.row_factors + rows.first * tiling_.chains;
      lane_factors_ = tiling_.lane_factors + panel * factors_.next_lanes;
    }
    const auto choose = [&](const Loops& loops) {
      return rows.spaced ? loops.spaced[panels - 1][rows.rows - 1] : loops.scattered[panels - 1][rows.rows - 1];
    };
    lanes_ = choose(tiling_.loops == nullptr ? tiling_.kernel->fma : tiling_.loops->lanes);
    if (tiling_.loops != nullptr) {
      chains_ = choose(tiling_.loops->chains);
      spill_ = tiling_.kernel->spill[static_cast<std::size_t>(tiling_.spill)][panels - 1][rows.rows - 1];
    }
  }

  /// Sums wait in a buffer of their own between spills: the rows of `result` may all fall into one set of the cache.
  void form(int rows, int panels, Target result) {
    alignas(64) Word lanes_words[most_rows * tile_distance];
    alignas(64) Word sums_words[most_rows * tile_distance];
    const Target lanes{lanes_words, tile_distance};
    const Target sums{sums_words, tile_distance};
    const Source empty{no_lanes, 0};
    const bool finishes = last_ && (tiling_.loops == nullptr || tiling_.last_factor != 1);
    Source before = first_ ? empty : Source(result);
    Source open = empty;
    for (const Segment& segment : segments_) {
      const Target after = &segment == &segments_.back() && !finishes ? result : sums;
      if (tiling_.loops == nullptr) {
        lanes_(tile_, segment, nullptr, before, after);
        before = after;
      } else if (segment.ends_chain && open.words == no_lanes && tiling_.spill == Spill::uniform) {
        chains_(tile_, segment, &factors_.factor, before, after);
        before = after;
      } else {
        lanes_(tile_, segment, nullptr, open, lanes);
        open = lanes;
        if (segment.ends_chain) {
          factors_.rows = row_factors_ + segment.chain;
          factors_.lanes = lane_factors_ + segment.chain * panel_lanes;
          spill_(lanes, before, after, factors_);
          before = after;
          open = empty;
        }
      }
    }
    if (finishes) {
      tiling_.kernel->finish(rows, panels, sums, result, tiling_.last_factor);
    }
  }

  const Tiling& tiling_;
  std::span<const Segment> segments_;
  bool first_, last_;
  Tile tile_;
  SpillFactors factors_;
  const float* row_factors_ = nullptr;
  const float* lane_factors_ = nullptr;
  LoopFunction lanes_ = nullptr, chains_ = nullptr;
  SpillFunction spill_ = nullptr;
};

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

void join_chains(std::vector<Segment>& block) {
  std::vector<Segment> joined;
  bool begins = true;  // the segment begins a chain
  bool joins = false;  // the one before is made of whole chains
  for (const Segment& segment : block) {
    const bool whole = begins && segment.ends_chain;
    Segment* const before = joined.empty() ? nullptr : &joined.back();
    if (whole && joins && segment.steps == before->steps && segment.row == before->row + before->all_steps() &&
        segment.panel == before->panel + before->all_steps()) {
      ++before->chains;
    } else {
      joined.push_back(segment);
    }
    begins = segment.ends_chain;
    joins = whole;
  }
  block = std::move(joined);
}

void run_tiles(const Tiling& tiling, std::int64_t first_row, std::int64_t last_row, std::int64_t first_panel,
               std::int64_t last_panel) {
  const std::int64_t most = tiling.kernel->panels;
  for (std::int64_t row = first_row; row < last_row; row += rows_per_block) {
    const std::vector<RowTile> tiles = cut_rows(tiling, row, std::min(row + rows_per_block, last_row));
    const auto count = static_cast<std::int64_t>(tiles.size());
    for (std::size_t b = 0; b < tiling.blocks.size(); ++b) {
      TileRun run(tiling, tiling.blocks[b], tiling.begins && b == 0, tiling.ends && b + 1 == tiling.blocks.size());
      for (std::int64_t panel = first_panel; panel < last_panel; panel += most) {
        const int panels = static_cast<int>(std::min(most, last_panel - panel));
        const bool right = panel + most < last_panel;
        const std::int64_t next_panel = right ? panel + most : first_panel;
        const auto& next_block = tiling.blocks[right ? b : (b + 1) % tiling.blocks.size()];
        const Word* next = tiling.panels + next_panel * tiling.panel_words + next_block.front().panel * panel_lanes;
        const std::int64_t words =
            (next_block.back().panel + next_block.back().all_steps() - next_block.front().panel) * panel_lanes;
        for (std::int64_t i = 0; i < count; ++i) {
          const bool below = i + 1 < count;
          run.prefetch_result(tiles[static_cast<std::size_t>(below ? i + 1 : 0)], below ? panel : next_panel);
          for (std::int64_t p = next_panel; p < std::min(next_panel + most, last_panel); ++p) {
            prefetch(next + (p - next_panel) * tiling.panel_words, words, i, count);
          }
          const RowTile& rows = tiles[static_cast<std::size_t>(i)];
          if (b + 1 < tiling.blocks.size() && rows.spaced && tiling.row_step >= rows.rows) {
            const std::vector<Segment>& following = tiling.blocks[b + 1];
            prefetch(tiling.words + tiling.row_starts[static_cast<std::size_t>(rows.first)] + following.front().row,
                     following.back().row + following.back().all_steps() * tiling.row_step - following.front().row,
                     (panel - first_panel) / most, (last_panel - first_panel + most - 1) / most);
          }
          run.run(rows, panel, panels);
        }
      }
    }
  }
}

void run_split(const Tiling& tiling) {
  const auto rows = static_cast<std::int64_t>(tiling.row_starts.size());
  const std::int64_t panels = padded_columns(tiling.columns) / panel_lanes;
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
