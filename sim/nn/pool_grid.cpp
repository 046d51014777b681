// The windows of pooling along the sides of an image.
#include "sim/nn/pool_grid.hpp"

#include <algorithm>

namespace precsim::nn {
namespace {

/// What of the window that begins at `begin` is in the image.
Taps window_from(std::int64_t begin, std::int64_t window, std::int64_t length) {
  const std::int64_t first = std::max<std::int64_t>(begin, 0);
  return {first, std::min(begin + window, length) - first, first - begin};
}

/// The windows that hold position `at` of the image in its border.
Taps windows_with(std::int64_t at, std::int64_t window, std::int64_t stride, std::int64_t windows) {
  const std::int64_t first = at < window ? 0 : (at - window) / stride + 1;
  const std::int64_t end = std::min(at / stride + 1, windows);
  return first < end ? Taps{first, end - first, at - first * stride} : Taps{};
}

/// All results of a row in runs of alike ones.
template <class TapsOf>
std::vector<AlikeTaps> alike(std::int64_t results, std::int64_t gap, std::int64_t advance, TapsOf taps_of) {
  std::vector<AlikeTaps> runs;
  for (std::int64_t phase = 0; phase < std::min(gap, results); ++phase) {
    for (std::int64_t at = phase; at < results; at += gap) {
      const Taps taps = taps_of(at);
      AlikeTaps* const last = at == phase ? nullptr : &runs.back();
      if (last != nullptr &&
          taps == Taps{last->taps.first + last->results * advance, last->taps.count, last->taps.place}) {
        ++last->results;
      } else {
        runs.push_back({at, 1, taps});
      }
    }
  }
  return runs;
}

}  // namespace

PoolGrid windows_of_outputs(const PoolShape& s) {
  PoolGrid grid{s.out, s.in, 1, s.stride, s.columns, 1, s.columns, {}, {}};
  for (std::int64_t h = 0; h < s.out.h; ++h) {
    grid.down.push_back(window_from(h * s.stride - s.pad, s.rows, s.in.h));
  }
  grid.across = alike(s.out.w, grid.gap, grid.advance,
                      [&](std::int64_t w) { return window_from(w * s.stride - s.pad, s.columns, s.in.w); });
  return grid;
}

PoolGrid windows_of_inputs(const PoolShape& s) {
  PoolGrid grid{s.in, s.out, s.stride, 1, -s.stride * s.columns, -s.stride, s.columns, {}, {}};
  for (std::int64_t y = 0; y < s.in.h; ++y) {
    grid.down.push_back(windows_with(y + s.pad, s.rows, s.stride, s.out.h));
  }
  grid.across = alike(s.in.w, grid.gap, grid.advance,
                      [&](std::int64_t x) { return windows_with(x + s.pad, s.columns, s.stride, s.out.w); });
  return grid;
}

}  // namespace precsim::nn
