// What weight gradients read: pixels as steps, channels as lanes.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "sim/kernels/native/packing.hpp"
#include "sim/kernels/native/windows.hpp"

namespace precsim::kernels::native {

/// Consecutive steps over pixels at equal distances: a step is `per_step` of them.
struct PixelRun {
  std::int64_t start, distance, steps;
};

/// The pixels of window runs, `column` apart, one after the other; where a pair of them has only one, it stands twice.
std::vector<PixelRun> pixel_runs(std::span<const WindowRun> windows, std::int64_t column, std::int64_t per_step);

/// Whole lines of windows, which no step straddles: in every image, `more` steps go on in the lines below.
std::vector<PixelRun> pixel_runs_below(std::span<const WindowRun> windows, std::int64_t column, std::int64_t line,
                                       std::int64_t columns, std::int64_t more, std::int64_t per_step);

/// The steps of all runs as panels `next_panel` words apart: lane j of panel p is element panels[p] + j of a pixel.
template <class T>
void pack_pixels(const NativeKernel& kernel, const T* base, std::span<const PixelRun> runs,
                 std::span<const std::int64_t> panels, Word* to, std::int64_t next_panel) {
  constexpr std::int64_t strip = 16;  // steps whose lines stay in the first-level cache from panel to panel
  constexpr auto per_step = static_cast<std::int64_t>(sizeof(Word) / sizeof(T));
  for (const PixelRun& run : runs) {
    for (std::int64_t s = 0; s < run.steps; s += strip) {
      const std::int64_t steps = std::min(strip, run.steps - s);
      packing(kernel).pack({base + run.start + s * per_step * run.distance, run.distance, panels}, steps, to,
                           next_panel);
      to += steps * panel_lanes;
    }
  }
}

}  // namespace precsim::kernels::native
