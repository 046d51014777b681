// What weight gradients read: pixels as steps, channels as lanes.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "sim/kernels/native/packing.hpp"
#include "sim/kernels/native/semantics.hpp"
#include "sim/kernels/native/windows.hpp"

namespace precsim::kernels::native {

/// Consecutive steps over pixels at equal distances: a step is `per_step` of them.
struct PixelRun {
  std::int64_t start, distance, steps;
};

/// The pixels of window runs, `column` apart, one after the other; where a pair of them has only one, it stands twice.
std::vector<PixelRun> pixel_runs(std::span<const WindowRun> windows, std::int64_t column, std::int64_t per_step);

/// Pixels [first, last) of the output, whole steps, and the segments of the reduction over them; rows and panels count
/// from the first step on, both in panels.
struct PixelBlock {
  std::int64_t first, last;
  std::int64_t steps;
  std::vector<Segment> segments;
};
template <class T>
std::vector<PixelBlock> cut_pixels(std::int64_t pixels, std::int64_t chain, std::int64_t most_steps);

/// What the block behind this one is the first to need.
template <class T>
std::vector<MemoryRange> pixels_ahead(std::span<const PixelBlock> blocks, const PixelBlock& block,
                                      const WindowBlock<T>& patches, const WindowBlock<T>& errors) {
  std::vector<MemoryRange> ranges;
  if (&block != &blocks.back()) {
    const PixelBlock& next = (&block)[1];
    const std::int64_t last = std::min(next.last, blocks.back().last - 1);  // a partner may be missing
    ranges = patches.read_next(next.first, last);
    for (const MemoryRange& range : errors.read_next(next.first, last)) {
      ranges.push_back(range);
    }
  }
  return ranges;
}

/// Clears the second half of the last step of all panels: its pixel has no partner.
void clear_partners(Word* panels, std::int64_t count, std::int64_t panel_words);

/// Steps of panels `next_panel` words apart.
template <class T>
void pack_lines(const NativeKernel& kernel, const PackedLines<T>& lines, std::int64_t steps, Word* to,
                std::int64_t next_panel) {
  constexpr std::int64_t strip = 16;  // steps whose lines stay in the first-level cache from panel to panel
  for (std::int64_t s = 0; s < steps; s += strip) {
    packing(kernel).pack({lines.first + s * lines.distance, lines.distance, lines.pair, lines.panels},
                         std::min(strip, steps - s), to + s * panel_lanes, next_panel);
  }
}

/// The steps of all runs as panels `next_panel` words apart: lane j of panel p is element panels[p] + j of a pixel.
template <class T>
void pack_pixels(const NativeKernel& kernel, const T* base, std::span<const PixelRun> runs,
                 std::span<const std::int64_t> panels, Word* to, std::int64_t next_panel) {
  for (const PixelRun& run : runs) {
    pack_lines<T>(kernel, {base + run.start, products_per_step<T> * run.distance, run.distance, panels}, run.steps, to,
                  next_panel);
    to += run.steps * panel_lanes;
  }
}

}  // namespace precsim::kernels::native
