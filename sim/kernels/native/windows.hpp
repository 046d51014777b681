// Windows over the lines of a tensor: where the rows of a convolution's products lie.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native/tiling.hpp"

namespace precsim::kernels::native {

/// One window for every row of a product: window (image, y, x) covers `height` lines of `width` pixels of its image,
/// from line y * stride - top, pixel x * stride - left on; what is outside of the image is zero.
struct Windows {
  std::int64_t images = 1, h = 1, w = 1, groups = 1, channels = 1;  ///< of the tensor; channels of a group
  std::int64_t lines = 1, columns = 1;                              ///< windows of an image
  std::int64_t stride = 1, top = 0, left = 0, height = 1, width = 1;

  std::int64_t count() const { return images * lines * columns; }
};

/// What input patches see: the windows of the forward product and of the right side of a weight gradient.
Windows input_windows(const ConvShape& shape);

/// The pixels of the output as windows over the errors.
Windows output_pixels(const ConvShape& shape);

/// The windows of the rows of an input gradient whose pixels leave `rest_h`, `rest_w` when the stride divides
/// (pixel + pad), over the errors; height or width 0 where no tap meets them. Taps run against the window: the first
/// one reads its last line and pixel.
struct GradientWindows {
  Windows windows;
  std::int64_t rest_h, rest_w;
  std::int64_t first_h, first_w;  ///< pixel of the first window; further ones are stride apart
};
/// All that have rows; together they have every row once.
std::vector<GradientWindows> gradient_windows(const ConvShape& shape);

/// How windows are read: as the rows of tiles, or sixteen lanes at a time from any place of a line of a window.
enum class WindowUse : std::uint8_t { rows, lanes };

/// Windows side by side: `count` from window (image, line, column) on, which begins `start` elements behind the data.
struct WindowRun {
  std::int64_t image, line, column, count, start;
};

/// A run of consecutive windows, in place where the tensor has all they cover, else as a copy with its border, which
/// takes the lines and pixels that the run covers and nothing else.
template <class T>
class WindowBlock {
 public:
  /// As rows, an odd number of codes in the channels of a group is followed by a zero.
  WindowBlock(const Windows& windows, const T* tensor, WindowUse use, KeptBuffer& copy);

  /// Makes windows [first, last) readable; valid until the next call.
  std::span<const WindowRun> take(std::int64_t first, std::int64_t last);
  /// What windows [first, last) are the first to need of the tensor.
  std::vector<MemoryRange> read_next(std::int64_t first, std::int64_t last) const;
  const T* data() const { return data_; }
  std::int64_t line() const { return line_; }          ///< elements from a line to the next one
  std::int64_t pixel() const { return pixel_; }        ///< from a pixel to the next one
  std::int64_t column() const { return column_; }      ///< from a window of a line to the next one
  std::int64_t channels() const { return channels_; }  ///< of a group, with the zero

 private:
  /// First place of the tensor, in pixels, that windows up to this one do not cover.
  std::int64_t covered(std::int64_t window) const;
  void copy_image(std::int64_t image, std::int64_t first_line, std::int64_t last_line, T* to) const;
  void copy_line(const T* from, T* to) const;

  const Windows& windows_;
  const T* tensor_;
  const T* data_;
  bool in_place_;
  std::int64_t channels_, pixel_, line_, row_, column_;
  KeptBuffer& copy_;
  std::vector<WindowRun> runs_;
};

}  // namespace precsim::kernels::native
