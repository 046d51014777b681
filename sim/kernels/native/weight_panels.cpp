// Windows to runs of pixels.
#include "sim/kernels/native/weight_panels.hpp"

namespace precsim::kernels::native {
namespace {

void append(std::vector<PixelRun>& runs, const PixelRun& run, std::int64_t per_step) {
  if (!runs.empty() && runs.back().distance == run.distance &&
      runs.back().start + runs.back().steps * per_step * run.distance == run.start) {
    runs.back().steps += run.steps;
  } else if (run.steps > 0) {
    runs.push_back(run);
  }
}

}  // namespace

std::vector<PixelRun> pixel_runs(std::span<const WindowRun> windows, std::int64_t column, std::int64_t per_step) {
  std::vector<PixelRun> runs;
  bool half = false;
  std::int64_t first = 0;  // of a pair, if half
  for (WindowRun window : windows) {
    if (half) {
      append(runs, {first, window.start - first, 1}, per_step);
      window.start += column;
      --window.count;
    }
    const std::int64_t steps = window.count / per_step;
    append(runs, {window.start, column, steps}, per_step);
    half = window.count % per_step != 0;
    first = window.start + steps * per_step * column;
  }
  if (half) {
    append(runs, {first, 0, 1}, per_step);
  }
  return runs;
}

template <class T>
std::vector<PixelBlock> cut_pixels(std::int64_t pixels, std::int64_t chain, std::int64_t most_steps) {
  constexpr std::int64_t per_step = products_per_step<T>;
  const std::int64_t steps = (pixels + per_step - 1) / per_step;
  const std::int64_t count = (steps + most_steps - 1) / most_steps;
  const Stretch whole{0, steps * per_step, 0};
  std::vector<PixelBlock> blocks;
  for (std::vector<Segment>& segments :
       cut_reduction<T>({&whole, 1}, whole.count, chain, (steps + count - 1) / count)) {
    const std::int64_t first = segments.front().panel;
    const std::int64_t last = segments.back().panel + segments.back().steps;
    for (Segment& segment : segments) {
      segment.panel -= first;
      segment.row = segment.panel * panel_lanes;
    }
    blocks.push_back({first * per_step, last * per_step, last - first, std::move(segments)});
  }
  return blocks;
}

void clear_partners(Word* panels, std::int64_t count, std::int64_t panel_words) {
  for (std::int64_t panel = 1; panel <= count; ++panel) {
    Word* const last_step = panels + panel * panel_words - panel_lanes;
    for (std::int64_t j = 0; j < panel_lanes; ++j) {
      last_step[j] &= 0xffff;
    }
  }
}

template std::vector<PixelBlock> cut_pixels<std::int16_t>(std::int64_t, std::int64_t, std::int64_t);
template std::vector<PixelBlock> cut_pixels<float>(std::int64_t, std::int64_t, std::int64_t);

}  // namespace precsim::kernels::native
