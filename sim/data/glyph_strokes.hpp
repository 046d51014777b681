// The strokes that make up the ten glyphs.
#pragma once

#include <vector>

namespace precsim::data {

/// x to the right, y down.
struct Point {
  double x = 0.0;
  double y = 0.0;
};

using Polyline = std::vector<Point>;

/// The digits 0..9 as polylines in a box of about [-0.6, 0.6] x [-0.9, 0.9]; arcs are cut into short chords.
std::vector<std::vector<Polyline>> glyph_strokes();

}  // namespace precsim::data
