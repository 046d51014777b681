// The loops around the tiles.
#include "sim/kernels/native/tiling.hpp"

#include <omp.h>

#include <algorithm>

#include "sim/kernels/native/block_run.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

/// First and past the last word of a block, in rows (words) or panels (steps).
struct Extent {
  std::int64_t row, row_words, panel, panel_words;
  Extent(const std::vector<Segment>& block, std::int64_t row_step)
      : row(block.front().row),
        row_words(block.back().row - row + block.back().steps * row_step),
        panel(block.front().panel * panel_lanes),
        panel_words((block.back().panel + block.back().steps) * panel_lanes - panel) {}
};

/// What the loops over a tile of a block ask for, a cache line every step, while `passes` pairs of panels pass: what is
/// read next; then the words of the tile that comes next if they lie side by side, and, where there are steps enough,
/// its rows of the result if those do.
class LinesAhead {
 public:
  LinesAhead(const Tiling& tiling, const Extent& extent, std::int64_t passes, std::span<const MemoryRange> read_next)
      : tiling_(tiling),
        row_(extent.row),
        passes_(passes),
        steps_(extent.panel_words / panel_lanes),
        read_next_(read_next) {
    row_lines_ = tiling.row_step > 1 ? extent.row_words / line_words + 1 : 0;
    row_passes_ = (row_lines_ + steps_ - 1) / steps_;
    most_result_lines_ = std::max<std::int64_t>(0, passes - row_passes_) * steps_;
  }
  void begin(const RowTile& next) {
    const std::int64_t lines = (next.rows * tiling_.columns + line_words - 1) / line_words;
    asks_result_ =
        read_next_.empty() && next.spaced_result && next.distance == tiling_.columns && most_result_lines_ >= lines;
    const Word* const words = next.tile.rows[0] + row_;
    rows_ = {words, row_lines_, asks_result_ || row_lines_ == 0 ? row_passes_ : passes_};
    result_ = {reinterpret_cast<const Word*>(tiling_.result + next.result), lines,
               asks_result_ ? passes_ - row_passes_ : 0};
  }
  bool asks_result() const { return asks_result_; }
  /// The first line for the next pair of panels, or null.
  const Word* take() {
    if (!read_next_.empty()) {
      return take_next();
    }
    return rows_.passes > 0 ? rows_.take() : result_.passes > 0 ? result_.take() : nullptr;
  }

 private:
  static constexpr std::int64_t line_bytes = 64;
  static constexpr std::int64_t line_words = line_bytes / sizeof(Word);
  struct Lines {
    const Word* at = nullptr;
    std::int64_t lines = 0, passes = 0;

    const Word* take() {
      const Word* const now = at;
      const std::int64_t share = passes == 1 ? lines : (lines + passes - 1) / passes;
      at += share * line_words;
      lines -= share;
      --passes;
      return now;
    }
  };
  const Word* take_next() {
    const MemoryRange range = read_next_.front();
    const char* const lines = static_cast<const char*>(range.begin) + read_;
    read_ += steps_ * line_bytes;
    if (read_ >= range.bytes) {
      read_next_ = read_next_.subspan(1);
      read_ = 0;
    }
    return reinterpret_cast<const Word*>(lines);
  }

  const Tiling& tiling_;
  std::int64_t row_, passes_, steps_, row_lines_, row_passes_, most_result_lines_;
  std::span<const MemoryRange> read_next_;
  std::int64_t read_ = 0;
  bool asks_result_ = false;
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
  LinesAhead ahead(tiling, extent, passes, read_next);
  bool asked = false;  // for the result of this tile
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const RowTile& next = tiles[i + 1 == tiles.size() ? i : i + 1];
    ahead.begin(next);
    for (std::int64_t panel = first_panel; panel < last_panel; panel += most) {
      const bool right = panel + most < last_panel;
      if (!(right ? asked : ahead.asks_result())) {
        run.prefetch_result(right ? tiles[i] : next, right ? panel + most : first_panel);
      }
      run.run(tiles[i], panel, static_cast<int>(std::min(most, last_panel - panel)), ahead.take());
    }
    asked = ahead.asks_result();
  }
}

/// As many panels at a time as the second-level cache holds beside rows; of those one block after the other, so that
/// sums are read again soon.
void run_tiles(const Tiling& tiling, std::int64_t first_row, std::int64_t last_row, std::int64_t first_panel,
               std::int64_t last_panel) {
  if (first_panel == last_panel) {
    return;
  }
  const std::vector<RowTile> tiles =
      cut_rows(tiling.runs, first_row, last_row, tiling.most_rows(last_panel - first_panel), tiling.words);
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
  run_block(tiling,
            cut_rows(tiling.runs, first_row, last_row, tiling.most_rows(last_panel - first_panel), tiling.words), 0,
            first_panel, last_panel, read_next);
}

void run_split(const Tiling& tiling) {
  const std::int64_t rows = tiling.rows();
  const std::int64_t panels = padded_columns(tiling.columns) / panel_lanes;
#pragma omp parallel if (worth_threads(rows * panels * tiling.blocks.back().back().panel))
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
