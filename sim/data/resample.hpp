// Scaling a part of a picture: bilinear, antialiased when it shrinks.
#pragma once

#include <span>

#include "sim/data/picture.hpp"

namespace precsim::data {

/// A rectangle of pixels.
struct Box {
  int y = 0;
  int x = 0;
  int height = 0;
  int width = 0;
  friend bool operator==(const Box&, const Box&) = default;
};

/// Scales the pixels of `box` (inside of the picture; what is around it is not looked at) to height x width and writes
/// the part `window` of that: window.height * window.width * 3 values between 0 and 255, not rounded.
///
/// Along an axis of n pixels scaled to m, output i is the mean of the pixels j with weights 1 - |j + 1/2 - c| / r,
/// where c = (i + 1/2) * n / m and r = max(n / m, 1), j from floor(c - r + 1/2) to below floor(c + r + 1/2) inside of
/// the axis. Weights are formed in double, divided by their sum (added in order) and rounded to FP32; sums are FP32,
/// products rounded, taps in order; rows are scaled first, then columns.
void resample(const Picture& picture, const Box& box, int height, int width, const Box& window, std::span<float> out);

}  // namespace precsim::data
