// The rows of a product, and tiles of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

/// Consecutive rows at equal distances: words of the operand, numbers of the result.
struct RowRun {
  std::int64_t rows;
  std::int64_t start, distance;
  std::int64_t result, result_distance;
};

/// Adds a run behind the others, or makes the last one longer where it goes on at its distances.
void append_run(std::vector<RowRun>& runs, const RowRun& run);

/// The rows of one tile, and where they lie.
struct RowTile {
  RowTile() {}  // most results are not looked at
  std::int64_t first;
  int rows;
  Tile tile;                        ///< but for its panel
  std::int64_t result;              ///< start of the first row of the result
  std::int64_t distance;            ///< from row to row of the result
  bool spaced_result;               ///< whether all rows are as far apart; if not:
  std::int64_t results[most_rows];  ///< rows behind the first one
};

/// Rows [first, last) of the runs, which begin at `words`, as tiles of at most `most` rows: a run in nearly equal
/// parts, short ones together where one tile can read them.
std::vector<RowTile> cut_rows(std::span<const RowRun> runs, std::int64_t first, std::int64_t last, std::int64_t most,
                              const Word* words);

}  // namespace precsim::kernels::native
