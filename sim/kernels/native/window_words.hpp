// The rows of weight gradients of windows: a word of every pixel and channel that taps read.
#pragma once

#include <span>
#include <vector>

#include "sim/kernels/native/weight_panels.hpp"

namespace precsim::kernels::native {

/// Channels whose words lie together: sixteen, or all where there are fewer.
struct Slice {
  std::int64_t first, channels;
  std::int64_t base, lane;  ///< the first channel that is packed; that of the slice behind it
};
std::int64_t slices(std::int64_t channels);
Slice slice_of(std::int64_t channels, std::int64_t i);

/// Windows of a block of pixels as words: that of a pixel and channel pairs it with the same one of the next window, so
/// that every tap of a line reads the same words, and FP32 just the numbers. Pairs of windows on two lines, and a last
/// one without partner, have words of their own. Slices lie one behind the other: [line][pixel][channel].
template <class T>
class WindowWords {
 public:
  /// `windows` of `block`, which must hold them as long as this packs.
  WindowWords(const ConvShape& shape, const WindowBlock<T>& block, std::span<const WindowRun> windows);

  void pack(const NativeKernel& kernel, std::int64_t first_slice, std::int64_t last_slice, Word* to) const;
  /// The segments of a block with the words they begin at in every row.
  std::vector<Segment> split(std::span<const Segment> segments) const;

  std::int64_t slice_words() const { return slice_words_; }
  /// Words from a step to the next one of its line.
  std::int64_t row_step() const { return products_per_step<T> * words(block_.column()); }
  /// Words from the start of a window to a tap.
  std::int64_t tap(std::int64_t y, std::int64_t x) const {
    return y * words(block_.line()) + x * words(block_.pixel());
  }

 private:
  struct StepRun {
    std::int64_t row, steps;
  };
  /// Two windows that have words of their own.
  struct Pair {
    std::int64_t first, second, at;
  };

  bool narrow() const { return shape_.ic < panel_lanes; }
  std::int64_t words(std::int64_t elements) const {
    return narrow() ? elements : elements / block_.pixel() * panel_lanes;
  }
  void place(std::span<const PixelRun> runs);

  const ConvShape& shape_;
  const WindowBlock<T>& block_;
  std::int64_t origin_;      ///< element of the first word
  std::int64_t distance_;    ///< elements from sixteen words to the next
  std::int64_t steps_;       ///< times sixteen words
  std::int64_t pair_steps_;  ///< for a line of taps
  std::int64_t slice_words_;
  std::vector<StepRun> runs_;
  std::vector<Pair> pairs_;
};

}  // namespace precsim::kernels::native
