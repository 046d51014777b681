// Runs of rows to tiles.
#include "sim/kernels/native/row_tiles.hpp"

#include <algorithm>

namespace precsim::kernels::native {
namespace {

/// A place among the rows [first, last) of runs.
class RowCursor {
 public:
  RowCursor(std::span<const RowRun> runs, std::int64_t first, std::int64_t last)
      : runs_(runs), row_(0), last_(last), skipped_(0) {
    advance(first);
  }
  bool at_end() const { return row_ >= last_; }
  std::int64_t row() const { return row_; }
  /// What is left of the run at this place.
  RowRun run() const {
    const RowRun& run = runs_.front();
    return {std::min(run.rows - skipped_, last_ - row_), run.start + skipped_ * run.distance, run.distance,
            run.result + skipped_ * run.result_distance, run.result_distance};
  }
  void advance(std::int64_t rows) {
    row_ += rows;
    skipped_ += rows;
    while (!runs_.empty() && skipped_ >= runs_.front().rows) {
      skipped_ -= runs_.front().rows;
      runs_ = runs_.subspan(1);
    }
  }

 private:
  std::span<const RowRun> runs_;
  std::int64_t row_, last_, skipped_;
};

/// Rows of neighboring runs.
struct LooseRows {
  std::int64_t starts[most_rows], results[most_rows];
  std::int64_t rows = 0;

  LooseRows(RowCursor at, std::int64_t most) {
    for (; rows < most && !at.at_end(); ++rows) {
      const RowRun run = at.run();
      starts[rows] = run.start;
      results[rows] = run.result;
      at.advance(1);
    }
    while (rows > row_pointers + 1 && !paired()) {
      --rows;
    }
  }

 private:
  /// Whether one tile can read them: all but row_pointers as far behind the row that is row_pointers before.
  bool paired() const {
    for (std::int64_t r = row_pointers; r < rows; ++r) {
      if (starts[r] - starts[r - row_pointers] != starts[row_pointers] - starts[0]) {
        return false;
      }
    }
    return true;
  }
};

void add_tile(std::vector<RowTile>& tiles, std::int64_t first, const RowRun& run, const Word* words) {
  RowTile& tile = tiles.emplace_back();
  tile.first = first;
  tile.rows = static_cast<int>(run.rows);
  for (int r = 0; r < row_pointers; ++r) {
    tile.tile.rows[r] = words + run.start + std::min<std::int64_t>(r, run.rows - 1) * run.distance;
  }
  tile.tile.second = row_pointers * run.distance;
  tile.result = run.result;
  tile.distance = run.result_distance;
  tile.spaced_result = true;
}

void add_tile(std::vector<RowTile>& tiles, std::int64_t first, const LooseRows& at, const Word* words) {
  RowTile& tile = tiles.emplace_back();
  tile.first = first;
  tile.rows = static_cast<int>(at.rows);
  for (std::int64_t r = 0; r < std::min<std::int64_t>(at.rows, row_pointers); ++r) {
    tile.tile.rows[r] = words + at.starts[r];
  }
  tile.tile.second = at.rows > row_pointers ? at.starts[row_pointers] - at.starts[0] : 0;
  tile.result = at.results[0];
  tile.distance = at.rows > 1 ? at.results[1] - at.results[0] : 0;
  tile.spaced_result = true;
  for (std::int64_t r = 0; r < at.rows; ++r) {
    tile.results[r] = at.results[r] - tile.result;
    tile.spaced_result = tile.spaced_result && tile.results[r] == r * tile.distance;
  }
}

}  // namespace

void append_run(std::vector<RowRun>& runs, const RowRun& run) {
  if (!runs.empty()) {
    RowRun& last = runs.back();
    const std::int64_t distance = run.start - last.start - (last.rows - 1) * last.distance;
    const std::int64_t result_distance = run.result - last.result - (last.rows - 1) * last.result_distance;
    const auto as_far = [&](const RowRun& one) {
      return one.rows == 1 || (one.distance == distance && one.result_distance == result_distance);
    };
    if (as_far(last) && as_far(run)) {
      last = {last.rows + run.rows, last.start, distance, last.result, result_distance};
      return;
    }
  }
  runs.push_back(run);
}

std::vector<RowTile> cut_rows(std::span<const RowRun> runs, std::int64_t first, std::int64_t last, std::int64_t most,
                              const Word* words) {
  std::vector<RowTile> tiles;
  tiles.reserve(static_cast<std::size_t>(2 * ((last - first + most - 1) / most)));
  for (RowCursor at(runs, first, last); !at.at_end();) {
    RowRun run = at.run();
    if (run.rows < most) {
      const LooseRows rows(at, most);
      if (rows.rows > run.rows) {
        add_tile(tiles, at.row(), rows, words);
        at.advance(rows.rows);
        continue;
      }
    }
    std::int64_t left = run.rows;
    for (std::int64_t parts = (left + most - 1) / most; parts > 0; --parts) {
      run = at.run();
      run.rows = (left + parts - 1) / parts;
      add_tile(tiles, at.row(), run, words);
      at.advance(run.rows);
      left -= run.rows;
    }
  }
  return tiles;
}

}  // namespace precsim::kernels::native
