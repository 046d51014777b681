// Windows over tensors.
#include "sim/kernels/native/windows.hpp"

#include <algorithm>
#include <cstring>

namespace precsim::kernels::native {
namespace {

/// Rows of a tile this far apart would meet in one set of the first-level cache.
constexpr std::int64_t conflicting_bytes = 4096;
constexpr std::int64_t line_bytes = 64;

template <class T>
constexpr std::int64_t per_word = static_cast<std::int64_t>(sizeof(Word) / sizeof(T));

}  // namespace

Windows input_windows(const ConvShape& shape) {
  return {shape.n,       shape.h,      shape.w,   shape.groups, shape.group_ic(), shape.out_h(),
          shape.out_w(), shape.stride, shape.pad, shape.pad,    shape.kh,         shape.kw};
}

Windows output_pixels(const ConvShape& shape) {
  Windows pixels;
  pixels.images = shape.n;
  pixels.h = pixels.lines = shape.out_h();
  pixels.w = pixels.columns = shape.out_w();
  pixels.groups = shape.groups;
  pixels.channels = shape.group_oc();
  return pixels;
}

namespace {

GradientWindows gradient_windows_from(const ConvShape& shape, std::int64_t first_h, std::int64_t first_w) {
  const std::int64_t stride = shape.stride;
  const auto taps = [&](std::int64_t kernel, std::int64_t rest) {
    return std::max<std::int64_t>(0, (kernel - rest + stride - 1) / stride);
  };
  const auto windows = [&](std::int64_t size, std::int64_t from) {
    return std::max<std::int64_t>(0, (size - from + stride - 1) / stride);
  };
  GradientWindows g;
  g.first_h = first_h;
  g.first_w = first_w;
  g.rest_h = (first_h + shape.pad) % stride;
  g.rest_w = (first_w + shape.pad) % stride;
  Windows& w = g.windows;
  w.images = shape.n;
  w.h = shape.out_h();
  w.w = shape.out_w();
  w.groups = shape.groups;
  w.channels = shape.group_oc();
  w.lines = windows(shape.h, g.first_h);
  w.columns = windows(shape.w, g.first_w);
  w.height = taps(shape.kh, g.rest_h);
  w.width = taps(shape.kw, g.rest_w);
  w.top = w.height - 1 - (g.first_h + shape.pad - g.rest_h) / stride;
  w.left = w.width - 1 - (g.first_w + shape.pad - g.rest_w) / stride;
  return g;
}

}  // namespace

std::vector<GradientWindows> gradient_windows(const ConvShape& shape) {
  std::vector<GradientWindows> all;
  for (std::int64_t h = 0; h < std::min(shape.stride, shape.h); ++h) {
    for (std::int64_t w = 0; w < std::min(shape.stride, shape.w); ++w) {
      all.push_back(gradient_windows_from(shape, h, w));
    }
  }
  return all;
}

template <class T>
WindowBlock<T>::WindowBlock(const Windows& windows, const T* tensor, WindowUse use, KeptBuffer& copy)
    : windows_(windows), tensor_(tensor), data_(tensor), copy_(copy) {
  const Windows& w = windows;
  const bool rows = use == WindowUse::rows;
  channels_ = rows ? (w.channels + per_word<T> - 1) / per_word<T> * per_word<T> : w.channels;
  pixel_ = w.groups * channels_;
  line_ = w.w * pixel_;
  row_ = w.stride * line_;
  column_ = w.stride * pixel_;
  const auto bytes = [&](std::int64_t elements) { return elements * static_cast<std::int64_t>(sizeof(T)); };
  const bool inside = w.top <= 0 && w.left <= 0 && (w.lines - 1) * w.stride - w.top + w.height <= w.h &&
                      (w.columns - 1) * w.stride - w.left + w.width <= w.w;
  in_place_ = inside && channels_ == w.channels &&
              (rows ? bytes(column_) % conflicting_bytes != 0 : w.channels % panel_lanes == 0);
  if (in_place_) {
    return;
  }
  const std::int64_t step = w.width == 1 ? 1 : w.stride;
  if (rows && bytes(step * pixel_) % conflicting_bytes == 0) {
    pixel_ += line_bytes / static_cast<std::int64_t>(sizeof(T));
  }
  column_ = step * pixel_;
  line_ = ((w.columns - 1) * step + w.width) * pixel_;
  row_ = (w.height == 1 ? 1 : w.stride) * line_;
}

template <class T>
std::span<const WindowRun> WindowBlock<T>::take(std::int64_t first, std::int64_t last) {
  const Windows& w = windows_;
  const std::int64_t first_line = first / w.columns;
  const std::int64_t last_line = (last - 1) / w.columns + 1;
  const std::int64_t line_step = w.height == 1 ? 1 : w.stride;
  runs_.clear();
  T* to = nullptr;
  if (!in_place_) {
    const std::int64_t images = (last_line - 1) / w.lines - first_line / w.lines + 1;
    const std::int64_t most = (last_line - first_line) * line_step + images * w.height;
    to = reinterpret_cast<T*>(copy_.at_least((most * line_ + pixel_) / per_word<T> + 2 * panel_lanes));
    data_ = to;
  }
  for (std::int64_t line = first_line; line < last_line;) {
    const std::int64_t image = line / w.lines;
    const std::int64_t end = std::min(last_line, (image + 1) * w.lines);
    const std::int64_t top = line - image * w.lines;
    std::int64_t at = 0;
    if (in_place_) {
      at = ((image * w.h + top * w.stride - w.top) * w.w - w.left) * pixel_;
    } else {
      at = to - data_;
      copy_image(image, top, top + end - line, to);
      to += ((end - line - 1) * line_step + w.height) * line_;
    }
    for (; line < end; ++line, at += row_) {
      const std::int64_t x = std::max<std::int64_t>(0, first - line * w.columns);
      const std::int64_t stop = std::min(w.columns, last - line * w.columns);
      runs_.push_back({image, line - image * w.lines, x, stop - x, at + x * column_});
    }
  }
  return runs_;
}

template <class T>
std::int64_t WindowBlock<T>::covered(std::int64_t window) const {
  const Windows& w = windows_;
  const std::int64_t line = window / w.columns;
  const std::int64_t bottom = std::min(w.h, line % w.lines * w.stride - w.top + w.height);
  const std::int64_t right = std::min(w.w, window % w.columns * w.stride - w.left + w.width);
  return line / w.lines * w.h * w.w + (bottom <= 0 ? 0 : (bottom - 1) * w.w + std::max<std::int64_t>(right, 0));
}

template <class T>
std::vector<MemoryRange> WindowBlock<T>::read_next(std::int64_t first, std::int64_t last) const {
  const Windows& w = windows_;
  const std::int64_t bytes = w.groups * w.channels * static_cast<std::int64_t>(sizeof(T));
  const auto* const tensor = reinterpret_cast<const char*>(tensor_);
  std::vector<MemoryRange> ranges;
  if (first >= last) {
    return ranges;
  }
  if (w.stride <= std::min(w.height, w.width)) {
    const std::int64_t begin = first == 0 ? 0 : covered(first - 1);
    ranges.push_back({tensor + begin * bytes, (covered(last - 1) - begin) * bytes});
    return ranges;
  }
  for (std::int64_t i = first; i < last; ++i) {
    ranges.push_back({tensor + (covered(i) - 1) * bytes, bytes});
  }
  return ranges;
}

template <class T>
void WindowBlock<T>::copy_image(std::int64_t image, std::int64_t first_line, std::int64_t last_line, T* to) const {
  const Windows& w = windows_;
  const std::int64_t step = w.height == 1 ? w.stride : 1;
  const std::int64_t top = first_line * w.stride - w.top;
  const std::int64_t bottom = (last_line - 1) * w.stride - w.top + w.height;
  for (std::int64_t y = top; y < bottom; y += step, to += line_) {
    if (y < 0 || y >= w.h) {
      std::memset(to, 0, static_cast<std::size_t>(line_) * sizeof(T));
    } else {
      copy_line(tensor_ + (image * w.h + y) * w.w * w.groups * w.channels, to);
    }
  }
}

template <class T>
void WindowBlock<T>::copy_line(const T* from, T* to) const {
  const Windows& w = windows_;
  const std::int64_t step = w.width == 1 ? w.stride : 1;
  const std::int64_t pixels = line_ / pixel_;
  const std::int64_t from_pixel = w.groups * w.channels;
  const std::int64_t before = std::clamp<std::int64_t>((w.left + step - 1) / step, 0, pixels);
  const std::int64_t end = std::clamp<std::int64_t>((w.w + w.left + step - 1) / step, before, pixels);
  const auto bytes = [](std::int64_t elements) { return static_cast<std::size_t>(elements) * sizeof(T); };
  std::memset(to, 0, bytes(before * pixel_));
  if (step == 1 && pixel_ == from_pixel) {
    std::memcpy(to + before * pixel_, from + (before - w.left) * from_pixel, bytes((end - before) * pixel_));
  } else if (channels_ == w.channels) {
    for (std::int64_t x = before; x < end; ++x) {
      std::memcpy(to + x * pixel_, from + (x * step - w.left) * from_pixel, bytes(from_pixel));
    }
  } else {
    for (std::int64_t x = before; x < end; ++x) {
      for (std::int64_t g = 0; g < w.groups; ++g) {
        T* const group = to + x * pixel_ + g * channels_;
        std::memcpy(group, from + (x * step - w.left) * from_pixel + g * w.channels, bytes(w.channels));
        group[w.channels] = T{};
      }
    }
  }
  std::memset(to + end * pixel_, 0, bytes((pixels - end) * pixel_));
}

template class WindowBlock<std::int16_t>;
template class WindowBlock<float>;

}  // namespace precsim::kernels::native
