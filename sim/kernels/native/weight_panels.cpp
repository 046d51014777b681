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

std::vector<PixelRun> pixel_runs_below(std::span<const WindowRun> windows, std::int64_t column, std::int64_t line,
                                       std::int64_t columns, std::int64_t more, std::int64_t per_step) {
  std::vector<PixelRun> runs;
  while (!windows.empty()) {
    const WindowRun& top = windows.front();
    std::int64_t left = more * per_step;
    for (; !windows.empty() && windows.front().image == top.image; windows = windows.subspan(1)) {
      left += windows.front().count;
    }
    std::int64_t x = top.column;
    for (std::int64_t at = top.start - x * column; left > 0; at += line, x = 0) {
      const std::int64_t count = std::min(columns - x, left);
      append(runs, {at + x * column, column, count / per_step}, per_step);
      left -= count;
    }
  }
  return runs;
}

}  // namespace precsim::kernels::native
