// Which pixels of its operand each pixel of a pooling, forward or backward, is formed from.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/kernels/elementwise.hpp"
#include "sim/nn/tensor.hpp"

namespace precsim::nn {

/// A pooling of one mini-batch: its images, and windows of rows x columns pixels.
struct PoolShape {
  Shape in, out;
  std::int64_t rows, columns, stride, pad;
};

/// The pixels that one result is formed from, along one side: `count` from `first` on, none where that is 0. `place`:
/// that of the first one in its window forward, of the result in the first window backward.
struct Taps {
  std::int64_t first, count, place;
  friend bool operator==(const Taps&, const Taps&) = default;
};

/// Results along a row, PoolGrid::gap from one to the next, with taps alike: those of the next are PoolGrid::advance
/// further.
struct AlikeTaps {
  std::int64_t at, results;
  Taps taps;  ///< of result `at`
};

struct PoolGrid {
  Shape results, operand;
  std::int64_t gap, advance;
  std::int64_t row_places, column_places;  ///< between taps
  std::int64_t columns;                    ///< of a window
  std::vector<Taps> down;                  ///< by row of the results
  std::vector<AlikeTaps> across;           ///< all results of a row

  /// Calls f(run, its first tap's place in the operand, its first result's place) for rows first ... first + count - 1
  /// of the results, those of all images counted one after another; all distances are in elements.
  template <class F>
  void for_rows(std::int64_t first, std::int64_t count, F f) const {
    const std::int64_t c = results.c;
    kernels::WindowRun run{.channels = c,
                           .distance = gap * c,
                           .advance = advance * c,
                           .row_distance = operand.w * c,
                           .column_distance = c,
                           .row_places = static_cast<std::int32_t>(row_places),
                           .column_places = static_cast<std::int32_t>(column_places)};
    for (std::int64_t row = first; row < first + count; ++row) {
      const Taps& rows = down[static_cast<std::size_t>(row % results.h)];
      const std::int64_t line = row / results.h * operand.h + rows.first;
      run.rows = rows.count;
      for (const AlikeTaps& part : across) {
        run.pixels = part.results;
        run.columns = part.taps.count;
        run.place = static_cast<std::int32_t>(rows.place * columns + part.taps.place);
        f(run, (line * operand.w + part.taps.first) * c, (row * results.w + part.at) * c);
      }
    }
  }
};

/// Forward: the image's pixels in the window of every pixel of the output.
PoolGrid windows_of_outputs(const PoolShape& shape);
/// Backward: the windows, in order, that hold each pixel of the input.
PoolGrid windows_of_inputs(const PoolShape& shape);

}  // namespace precsim::nn
