// The loops around the tiles.
#include "sim/kernels/native/tiling.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>

#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

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

/// Memory that will be wanted in the second-level cache, asked for in `times` shares.
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
        row_words(block.back().row - row + block.back().steps * row_step),
        panel(block.front().panel * panel_lanes),
        panel_words((block.back().panel + block.back().steps) * panel_lanes - panel) {}
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
      __builtin_prefetch(row + most_panels * panel_lanes - 1, 1, 2);  // rows may begin inside a line
    }
  }

  /// A tile whose result does not fill its lanes, or whose rows are not equally far apart, is formed aside.
  void run(const RowTile& rows, std::int64_t panel, int panels, const Word* ahead) {
    place(rows, panel, panels);
    tile_.ahead = ahead != nullptr ? ahead : tile_.panel;
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

  /// Sums that are scaled at the end wait in a buffer of their own.
  void form(int rows, int panels, Target result) {
    alignas(64) Word sums_words[most_rows * tile_distance];
    const bool scales = last_ && tiling_.last_factor != 1;
    const Source before = first_ ? Source{no_lanes, 0} : Source(result);
    const Target after = scales ? Target{sums_words, tile_distance} : result;
    if (tiling_.loops == nullptr) {
      lanes_(tile_, segments_, nullptr, before, after);
    } else if (tiling_.spill == Spill::uniform) {
      chains_(tile_, segments_, &factors_.factor, before, after);
    } else {
      spill_apart(before, after);
    }
    if (scales) {
      tiling_.kernel->finish(rows, panels, after, result, tiling_.last_factor);
    }
  }

  /// Sums wait in a buffer of their own between spills: the rows of `after` may all fall into one set of the cache.
  void spill_apart(Source before, Target after) {
    alignas(64) Word lanes_words[most_rows * tile_distance];
    alignas(64) Word sums_words[most_rows * tile_distance];
    const Target lanes{lanes_words, tile_distance};
    for (std::span<const Segment> left = segments_; !left.empty();) {
      const std::size_t count = segments_of_chain(left);
      lanes_(tile_, left.first(count), nullptr, {no_lanes, 0}, lanes);
      factors_.rows = row_factors_ + left.front().chain;
      factors_.lanes = lane_factors_ + left.front().chain * panel_lanes;
      left = left.subspan(count);
      const Target sums = left.empty() ? after : Target{sums_words, tile_distance};
      spill_(lanes, before, sums, factors_);
      before = sums;
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

/// What the loops over a tile ask for, a cache line every step, while `passes` pairs of panels pass: first the words of
/// the tile that comes next if they lie side by side, then, where there are steps enough, its rows of the result if
/// those do.
class LinesAhead {
 public:
  LinesAhead(const Tiling& tiling, const RowTile& next, const Extent& extent, std::int64_t passes) {
    const std::int64_t steps = extent.panel_words / panel_lanes;
    const Word* const words = next.tile.rows[0] + extent.row;
    const std::int64_t lines = tiling.row_step > 1 ? extent.row_words / line_words + 1 : 0;
    const std::int64_t result_lines = (next.rows * tiling.columns + line_words - 1) / line_words;
    const std::int64_t few = (lines + steps - 1) / steps;
    const bool both =
        next.spaced_result && next.distance == tiling.columns && few < passes && (passes - few) * steps >= result_lines;
    rows_ = {words, lines, both || lines == 0 ? few : passes};
    if (both) {
      result_ = {reinterpret_cast<const Word*>(tiling.result + next.result), result_lines, passes - few};
    }
  }
  /// The first line for the next pair of panels, or null.
  const Word* take() { return rows_.passes > 0 ? rows_.take() : result_.passes > 0 ? result_.take() : nullptr; }

 private:
  static constexpr std::int64_t line_words = 64 / sizeof(Word);
  struct Lines {
    const Word* at = nullptr;
    std::int64_t lines = 0, passes = 0;

    const Word* take() {
      const Word* const now = at;
      const std::int64_t share = (lines + passes - 1) / passes;
      at += share * line_words;
      lines -= share;
      --passes;
      return now;
    }
  };
  Lines rows_, result_;
};

/// One block: all panels of a tile's rows before the next rows.
void run_block(const Tiling& tiling, std::span<const RowTile> tiles, std::size_t block, std::int64_t first_panel,
               std::int64_t last_panel, std::span<const MemoryRange> read_next) {
  const bool last = block + 1 == tiling.blocks.size();
  BlockRun run(tiling, tiling.blocks[block], tiling.begins && block == 0, tiling.ends && last);
  const Extent extent(tiling.blocks[block], tiling.row_step);
  const std::int64_t most = tiling.kernel->panels;
  const std::int64_t passes = (last_panel - first_panel + most - 1) / most;
  PrefetchRanges others(read_next, static_cast<std::int64_t>(tiles.size()) * passes);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const RowTile& next = tiles[i + 1 == tiles.size() ? i : i + 1];
    LinesAhead ahead(tiling, next, extent, passes);
    for (std::int64_t panel = first_panel; panel < last_panel; panel += most) {
      const bool right = panel + most < last_panel;
      run.prefetch_result(right ? tiles[i] : next, right ? panel + most : first_panel);
      others.ask();
      run.run(tiles[i], panel, static_cast<int>(std::min(most, last_panel - panel)), ahead.take());
    }
  }
}

/// As many panels at a time as the second-level cache holds beside rows; of those one block after the other, so that
/// sums are read again soon.
void run_tiles(const Tiling& tiling, std::int64_t first_row, std::int64_t last_row, std::int64_t first_panel,
               std::int64_t last_panel) {
  if (first_panel == last_panel) {
    return;
  }
  const std::vector<RowTile> tiles = cut_rows(tiling, first_row, last_row);
  const std::int64_t most = tiling.kernel->panels;
  std::int64_t words = 1;
  for (const std::vector<Segment>& block : tiling.blocks) {
    words = std::max(words, most * Extent(block, tiling.row_step).panel_words);
  }
  const std::int64_t passes = (last_panel - first_panel + most - 1) / most;
  const std::int64_t groups = (passes - 1) / std::max<std::int64_t>(1, cached_panel_words / words) + 1;
  for (std::int64_t group = 0; group < groups; ++group) {
    const std::int64_t begin = first_panel + passes * group / groups * most;
    const std::int64_t end = std::min(first_panel + passes * (group + 1) / groups * most, last_panel);
    for (std::size_t block = 0; block < tiling.blocks.size(); ++block) {
      run_block(tiling, tiles, block, begin, end, {});
    }
  }
}

}  // namespace

void run_rows(const Tiling& tiling, std::int64_t first_row, std::int64_t last_row, std::int64_t first_panel,
              std::int64_t last_panel, std::span<const MemoryRange> read_next) {
  run_block(tiling, cut_rows(tiling, first_row, last_row), 0, first_panel, last_panel, read_next);
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
