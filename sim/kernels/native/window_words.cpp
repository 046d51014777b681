// Windows as words.
#include "sim/kernels/native/window_words.hpp"

#include <algorithm>

namespace precsim::kernels::native {

std::int64_t slices(std::int64_t channels) {
  return (channels + panel_lanes - 1) / panel_lanes;
}

Slice slice_of(std::int64_t channels, std::int64_t i) {
  const std::int64_t first = i * panel_lanes;
  const std::int64_t base = std::max<std::int64_t>(0, std::min(first, channels - panel_lanes));
  return {first, std::min<std::int64_t>(panel_lanes, channels - first), base, first - base};
}

template <class T>
WindowWords<T>::WindowWords(const ConvShape& shape, const WindowBlock<T>& block, std::span<const WindowRun> windows)
    : shape_(shape),
      block_(block),
      origin_(windows.front().start),
      distance_(narrow() ? panel_lanes : block.pixel()),
      pair_steps_(narrow() ? slices(shape.kw * shape.ic) : shape.kw) {
  const WindowRun& last = windows.back();
  const std::int64_t partners = (products_per_step<T> - 1) * block.column();
  const std::int64_t end = last.start + (last.count - 1) * block.column() - partners + (shape.kh - 1) * block.line() +
                           shape.kw * block.pixel();
  steps_ = std::max<std::int64_t>(0, (end - origin_ + distance_ - 1) / distance_);
  place(pixel_runs(windows, block.column(), products_per_step<T>));
}

/// Pairs of two lines stand beside each other under the words of whole lines, as far as a line reaches.
template <class T>
void WindowWords<T>::place(std::span<const PixelRun> runs) {
  const std::int64_t line = words(block_.line());
  const std::int64_t width = pair_steps_ * panel_lanes;
  const std::int64_t beside = std::max<std::int64_t>(1, line / width);
  const std::int64_t begin = steps_ * panel_lanes;
  for (const PixelRun& run : runs) {
    if (run.distance == block_.column()) {
      runs_.push_back({words(run.start - origin_), run.steps});
      continue;
    }
    for (std::int64_t s = 0; s < run.steps; ++s) {
      const auto i = static_cast<std::int64_t>(pairs_.size());
      const std::int64_t first = run.start + s * products_per_step<T> * run.distance;
      const std::int64_t at = begin + i / beside * shape_.kh * line + i % beside * width;
      pairs_.push_back({first, first + run.distance, at});
      runs_.push_back({at, 1});
    }
  }
  const auto strips = (static_cast<std::int64_t>(pairs_.size()) + beside - 1) / beside;
  slice_words_ = padded_columns(begin + strips * shape_.kh * line + width);
}

template <class T>
void WindowWords<T>::pack(const NativeKernel& kernel, std::int64_t first_slice, std::int64_t last_slice,
                          Word* to) const {
  std::vector<std::int64_t> panels;
  for (std::int64_t i = first_slice; i < last_slice; ++i) {
    panels.push_back(slice_of(shape_.ic, i).base);
  }
  pack_lines<T>(kernel, {block_.data() + origin_, distance_, block_.column(), panels}, steps_, to, slice_words_);
  for (const Pair& pair : pairs_) {
    for (std::int64_t y = 0; y < shape_.kh; ++y) {
      pack_lines<T>(kernel,
                    {block_.data() + pair.first + y * block_.line(), distance_, pair.second - pair.first, panels},
                    pair_steps_, to + pair.at + tap(y, 0), slice_words_);
    }
  }
}

template <class T>
std::vector<Segment> WindowWords<T>::split(std::span<const Segment> segments) const {
  std::vector<Segment> parts;
  std::size_t run = 0;
  std::int64_t done = 0;  // steps of the run
  for (const Segment& segment : segments) {
    for (std::int64_t left = segment.steps; left > 0;) {
      Segment& part = parts.emplace_back(segment);
      part.steps = std::min(left, runs_[run].steps - done);
      part.row = runs_[run].row + done * row_step();
      part.panel += segment.steps - left;
      left -= part.steps;
      part.ends_chain = segment.ends_chain && left == 0;
      done += part.steps;
      if (done == runs_[run].steps) {
        ++run;
        done = 0;
      }
    }
  }
  return parts;
}

template class WindowWords<std::int16_t>;
template class WindowWords<float>;

}  // namespace precsim::kernels::native
