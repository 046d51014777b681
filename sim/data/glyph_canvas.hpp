// A small gray canvas that draws anti-aliased polylines.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "sim/data/glyph_strokes.hpp"

namespace precsim::data {

class GlyphCanvas {
 public:
  static constexpr int side = 28;
  static constexpr std::size_t pixels = std::size_t{side} * side;

  explicit GlyphCanvas(double background) { ink_.fill(background); }

  /// Draws with a round pen. Coordinates and radius in pixels, pixel (row, column) has its center at
  /// x = column + 1/2, y = row + 1/2. A pixel at distance d from the line gets
  /// max(its ink, ink * clamp(radius + 1/2 - d, 0, 1)); points outside the canvas are allowed.
  void draw(std::span<const Point> polyline, double radius, double ink);

  /// Row by row.
  const std::array<double, pixels>& ink() const { return ink_; }

 private:
  void draw_segment(Point a, Point b, double radius, double ink);

  std::array<double, pixels> ink_{};
};

}  // namespace precsim::data
