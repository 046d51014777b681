// Distance-based drawing of polylines.
#include "sim/data/glyph_canvas.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace precsim::data {
namespace {

struct Range {
  int first = 0;
  int last = 0;  // inclusive
};

/// The pixels whose centers may lie within `reach` of [a, b], cut to the canvas.
Range pixel_range(double a, double b, double reach) {
  const double first = std::floor(std::min(a, b) - reach);
  const double last = std::floor(std::max(a, b) + reach);
  return {static_cast<int>(std::clamp(first, 0.0, static_cast<double>(GlyphCanvas::side))),
          static_cast<int>(std::clamp(last, -1.0, GlyphCanvas::side - 1.0))};
}

}  // namespace

void GlyphCanvas::draw_segment(Point a, Point b, double radius, double ink) {
  const double reach = radius + 0.5;
  const Range rows = pixel_range(a.y, b.y, reach);
  const Range columns = pixel_range(a.x, b.x, reach);
  const double dx = b.x - a.x;
  const double dy = b.y - a.y;
  const double length_squared = dx * dx + dy * dy;
  const double scale = length_squared > 0.0 ? 1.0 / length_squared : 0.0;
  for (int row = rows.first; row <= rows.last; ++row) {
    double* row_ink = ink_.data() + std::size_t{side} * static_cast<std::size_t>(row);
    const double py = row + 0.5 - a.y;
    for (int column = columns.first; column <= columns.last; ++column) {
      const double px = column + 0.5 - a.x;
      const double along = std::clamp((px * dx + py * dy) * scale, 0.0, 1.0);
      const double ex = px - along * dx;
      const double ey = py - along * dy;
      const double coverage = std::clamp(reach - std::sqrt(ex * ex + ey * ey), 0.0, 1.0);
      double& pixel = row_ink[column];
      pixel = std::max(pixel, ink * coverage);
    }
  }
}

void GlyphCanvas::draw(std::span<const Point> polyline, double radius, double ink) {
  for (std::size_t i = 1; i < polyline.size(); ++i) {
    draw_segment(polyline[i - 1], polyline[i], radius, ink);
  }
}

}  // namespace precsim::data
