// The loops around the tiles.
#include "sim/kernels/native/tiling.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>

#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

constexpr std::size_t tiles_per_block = 48;  // their rows stay in the second-level cache

/// The rows of one tile, and where they lie.
struct RowTile {
  std::int64_t first;
  int rows;
  Tile tile;              ///< but for its panel
  std::int64_t result;    ///< start of the first row of the result
  std::int64_t distance;  ///< from row to row of the result
  bool spaced_result;     ///< whether all rows are as far apart
};

/// How many rows from `first` on, at most `most`, begin at equal distances.
std::int64_t spaced_run(std::span<const std::int64_t> starts, std::int64_t first, std::int64_t most) {
  const std::int64_t* start = starts.data() + first;
  std::int64_t run = std::min<std::int64_t>(most, 2);
  const auto bend = [&](std::int64_t i) { return start[i] - start[i - 1] - (start[1] - start[0]); };
  while (run + 4 <= most && (bend(run) | bend(run + 1) | bend(run + 2) | bend(run + 3)) == 0) {
    run += 4;
  }
  while (run < most && bend(run) == 0) {
    ++run;
  }
  return run;
}

/// How many rows from `first` on, at most `most`, one tile can read: all but row_pointers of them as far behind the
/// row that is row_pointers before.
std::int64_t paired_run(std::span<const std::int64_t> starts, std::int64_t first, std::int64_t most) {
  const std::int64_t* start = starts.data() + first;
  std::int64_t run = std::min<std::int64_t>(most, row_pointers + 1);
  while (run < most && start[run] - start[run - row_pointers] == start[row_pointers] - start[0]) {
    ++run;
  }
  return run;
}

void add_row_tile(std::vector<RowTile>& tiles, const Tiling& tiling, std::int64_t first, int rows) {
  const std::int64_t* starts = tiling.row_starts.data() + first;
  const std::int64_t* results = tiling.result_starts.data() + first;
  RowTile& at = tiles.emplace_back();
  at.first = first;
  at.rows = rows;
  for (int r = 0; r < std::min(rows, row_pointers); ++r) {
    at.tile.rows[r] = tiling.words + starts[r];
  }
  at.tile.second = rows > row_pointers ? starts[row_pointers] - starts[0] : 0;
  at.tile.row_step = tiling.row_step;
  at.tile.next_panel = tiling.panel_words;
  at.result = results[0];
  at.distance = rows > 1 ? results[1] - results[0] : 0;
  at.spaced_result = spaced_run(tiling.result_starts, first, rows) == rows;
}

/// Rows [first, last) as tiles: rows at equal distances in nearly equal parts, others as many as one tile can read.
std::vector<RowTile> cut_rows(const Tiling& tiling, std::int64_t first, std::int64_t last) {
  const std::int64_t most = (tiling.loops == nullptr ? tiling.kernel->fma : tiling.loops->lanes).rows;
  std::vector<RowTile> tiles;
  tiles.reserve(static_cast<std::size_t>((last - first + most - 1) / most));
  for (std::int64_t row = first; row < last;) {
    std::int64_t run = spaced_run(tiling.row_starts, row, last - row);
    run = run < most ? std::max(run, paired_run(tiling.row_starts, row, std::min(most, last - row))) : run;
    for (std::int64_t parts = (run + most - 1) / most; parts > 0; --parts) {
      const std::int64_t rows = (run + parts - 1) / parts;
      add_row_tile(tiles, tiling, row, static_cast<int>(rows));
      row += rows;
      run -= rows;
    }
  }
  return tiles;
}

constexpr std::int64_t line_words = 64 / sizeof(Word);

/// Words that will be wanted in the second-level cache, asked for `share` lines at a time.
class Prefetch {
 public:
  Prefetch() = default;
  Prefetch(const Word* begin, std::int64_t words, std::int64_t times)
      : at_(begin), end_(begin + words), share_((words / line_words + times) / times * line_words) {}
  void ask() {
    const Word* const stop = std::min(at_ + share_, end_);
    for (; at_ < stop; at_ += line_words) {
      __builtin_prefetch(at_, 0, 2);
    }
  }

 private:
  const Word* at_ = nullptr;
  const Word* end_ = nullptr;
  std::int64_t share_ = 0;
};

/// The same for ranges of bytes, asked for in `times` shares.
class PrefetchRanges {
 public:
  PrefetchRanges(std::span<const MemoryRange> ranges, std::int64_t times) : ranges_(ranges) {
    std::int64_t bytes = 0;
    for (const MemoryRange& range : ranges) {
      bytes += (range.bytes + line_bytes - 1) / line_bytes * line_bytes;
    }
    share_ = (bytes / line_bytes + times - 1) / times * line_bytes;
  }
  void ask() {
    for (std::int64_t left = share_; left > 0 && !ranges_.empty();) {
      const MemoryRange& range = ranges_.front();
      const std::int64_t stop = std::min(at_ + left, range.bytes);
      left -= stop - at_;
      for (; at_ < stop; at_ += line_bytes) {
        __builtin_prefetch(static_cast<const char*>(range.begin) + at_, 0, 2);
      }
      if (at_ >= range.bytes) {
        ranges_ = ranges_.subspan(1);
        at_ = 0;
      }
    }
  }

 private:
  static constexpr std::int64_t line_bytes = 64;
  std::span<const MemoryRange> ranges_;
  std::int64_t at_ = 0;
  std::int64_t share_ = 0;
};

/// First and past the last word of a block, in rows (words) or panels (steps).
struct Extent {
  std::int64_t row, row_words, panel, panel_words;
  Extent(const std::vector<Segment>& block, std::int64_t row_step)
      : row(block.front().row),
        row_words(block.back().row - row + block.back().all_steps() * row_step),
        panel(block.front().panel * panel_lanes),
        panel_words((block.back().panel + block.back().all_steps()) * panel_lanes - panel) {}
};

/// The tiles of one block of the reduction.
class BlockRun {
 public:
  BlockRun(const Tiling& tiling, std::span<const Segment> segments, bool first, bool last)
      : tiling_(tiling), segments_(segments), first_(first), last_(last) {
    factors_.factor = tiling.factor;
    factors_.next_row = tiling.chains;
    factors_.next_lanes = tiling.chains * panel_lanes;
  }

  /// Asks for the result of a tile to come.
  void prefetch_result(const RowTile& rows, std::int64_t panel) const {
    if (!rows.spaced_result) {
      return;
    }
    const float* row = tiling_.result + rows.result + panel * panel_lanes;
    for (int r = 0; r < rows.rows; ++r, row += rows.distance) {
      __builtin_prefetch(row, 1, 2);
      __builtin_prefetch(row + panel_lanes, 1, 2);
    }
  }

  /// A tile whose result does not fill its lanes, or whose rows are not equally far apart, is formed aside.
  void run(const RowTile& rows, std::int64_t panel, int panels) {
    place(rows, panel, panels);
    const std::int64_t first_column = panel * panel_lanes;
    const std::int64_t columns = std::min<std::int64_t>(tiling_.columns - first_column, panels * panel_lanes);
    float* const result = tiling_.result + first_column;
    if (columns == panels * panel_lanes && rows.spaced_result) {
      form(rows.rows, panels, {reinterpret_cast<Word*>(result + rows.result), rows.distance});
      return;
    }
    alignas(64) Word aside[most_rows * tile_distance];
    const std::int64_t* starts = tiling_.result_starts.data() + rows.first;
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
    tile_ = rows.tile;
    tile_.panel = tiling_.panels + panel * tiling_.panel_words;
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

/// All tiles of rows and panels over block b; asks meanwhile for what the next panels and the next block will read.
void run_block(const Tiling& tiling, std::span<const RowTile> tiles, std::size_t b, std::int64_t first_panel,
               std::int64_t last_panel) {
  const bool last = b + 1 == tiling.blocks.size();
  BlockRun run(tiling, tiling.blocks[b], tiling.begins && b == 0, tiling.ends && last);
  const Extent here(tiling.blocks[b], tiling.row_step);
  const Extent next(tiling.blocks[last ? 0 : b + 1], tiling.row_step);
  const std::int64_t most = tiling.kernel->panels;
  const auto count = static_cast<std::int64_t>(tiles.size());
  const bool rows_side_by_side = tiling.row_step > 1;
  std::vector<Prefetch> rows_to_come(rows_side_by_side && !last ? tiles.size() : 0);
  for (std::size_t i = 0; i < rows_to_come.size(); ++i) {
    rows_to_come[i] =
        Prefetch(tiles[i].tile.rows[0] + next.row, next.row_words, (last_panel - first_panel + most - 1) / most);
  }
  for (std::int64_t panel = first_panel; panel < last_panel; panel += most) {
    const bool right = panel + most < last_panel;
    const std::int64_t next_panel = right ? panel + most : first_panel;
    const Word* to_come = tiling.panels + next_panel * tiling.panel_words + (right ? here.panel : next.panel);
    const std::int64_t words = right ? here.panel_words : next.panel_words;
    Prefetch panels_to_come[most_panels];
    for (std::int64_t p = 0; p < std::min(most, last_panel - next_panel); ++p) {
      panels_to_come[p] = Prefetch(to_come + p * tiling.panel_words, words, count);
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      for (Prefetch& prefetch : panels_to_come) {
        prefetch.ask();
      }
      if (!rows_to_come.empty()) {
        rows_to_come[at].ask();
      }
      if (i + 1 < count) {
        run.prefetch_result(tiles[at + 1], panel);
      }
      run.run(tiles[at], panel, static_cast<int>(std::min(most, last_panel - panel)));
    }
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
  if (first_panel == last_panel) {
    return;
  }
  const std::vector<RowTile> tiles = cut_rows(tiling, first_row, last_row);
  const std::size_t parts = (tiles.size() + tiles_per_block - 1) / tiles_per_block;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::size_t begin = tiles.size() * i / parts;
    const std::size_t end = tiles.size() * (i + 1) / parts;
    for (std::size_t b = 0; b < tiling.blocks.size(); ++b) {
      run_block(tiling, {tiles.data() + begin, end - begin}, b, first_panel, last_panel);
    }
  }
}

void run_rows(const Tiling& tiling, std::int64_t first_row, std::int64_t last_row, std::int64_t first_panel,
              std::int64_t last_panel, std::span<const MemoryRange> read_next) {
  const std::int64_t most = tiling.kernel->panels;
  const std::vector<RowTile> tiles = cut_rows(tiling, first_row, last_row);
  const std::int64_t count = static_cast<std::int64_t>(tiles.size()) * ((last_panel - first_panel + most - 1) / most);
  BlockRun run(tiling, tiling.blocks.front(), tiling.begins, tiling.ends);
  PrefetchRanges next(read_next, count);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    for (std::int64_t panel = first_panel; panel < last_panel; panel += most) {
      const bool right = panel + most < last_panel;
      run.prefetch_result(tiles[right || i + 1 == tiles.size() ? i : i + 1], right ? panel + most : first_panel);
      next.ask();
      run.run(tiles[i], panel, static_cast<int>(std::min(most, last_panel - panel)));
    }
  }
}

void run_split(const Tiling& tiling) {
  const auto rows = static_cast<std::int64_t>(tiling.row_starts.size());
  const std::int64_t panels = padded_columns(tiling.columns) / panel_lanes;
#pragma omp parallel if (worth_threads(rows * panels * (tiling.panel_words / panel_lanes)))
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
