// The glyphs' table of strokes, and its expansion into polylines.
#include "sim/data/glyph_strokes.hpp"

#include <algorithm>
#include <cmath>

#include "formats/elementary.hpp"

namespace precsim::data {
namespace {

/// One piece of a glyph: an elliptic arc about (x, y) with half axes (a, b) from angle `from` to angle `to`, in
/// degrees clockwise from the right; a straight piece is the point (x, y) alone (a = b = 0). A piece with `lift` begins
/// a new stroke, any other is joined to the end of the one before.
struct Piece {
  int glyph;
  bool lift;
  double x, y;
  double a, b;
  double from, to;
};

constexpr Piece point(int glyph, bool lift, double x, double y) {
  return {glyph, lift, x, y, 0.0, 0.0, 0.0, 0.0};
}

constexpr bool lift = true;
constexpr bool join = false;

constexpr Piece pieces[] = {
    {0, lift, 0.0, 0.0, 0.55, 0.90, -90.0, 270.0},
    point(1, lift, -0.35, -0.50),
    point(1, join, 0.05, -0.90),
    point(1, join, 0.05, 0.90),
    {2, lift, 0.0, -0.42, 0.50, 0.48, 180.0, 400.0},
    point(2, join, -0.55, 0.90),
    point(2, join, 0.58, 0.90),
    {3, lift, 0.0, -0.45, 0.46, 0.45, 205.0, 450.0},
    {3, join, 0.0, 0.45, 0.53, 0.45, 270.0, 515.0},
    point(4, lift, 0.25, 0.90),
    point(4, join, 0.25, -0.90),
    point(4, join, -0.58, 0.35),
    point(4, join, 0.60, 0.35),
    point(5, lift, 0.48, -0.90),
    point(5, join, -0.40, -0.90),
    point(5, join, -0.45, -0.05),
    {5, join, 0.0, 0.32, 0.55, 0.58, 218.0, 510.0},
    {6, lift, 0.45, 0.38, 0.97, 1.30, 258.0, 180.0},
    {6, join, 0.0, 0.38, 0.52, 0.52, 180.0, -180.0},
    point(7, lift, -0.55, -0.90),
    point(7, join, 0.55, -0.90),
    point(7, join, -0.15, 0.90),
    {8, lift, 0.0, -0.45, 0.43, 0.45, 90.0, 450.0},
    {8, join, 0.0, 0.45, 0.53, 0.45, 270.0, 630.0},
    {9, lift, -0.45, -0.38, 0.97, 1.30, 78.0, 0.0},
    {9, join, 0.0, -0.38, 0.52, 0.52, 0.0, -360.0},
};

constexpr int glyph_count = 10;
static_assert(std::size(pieces) == 26 && pieces[std::size(pieces) - 1].glyph == glyph_count - 1);

void append(const Piece& piece, Polyline& stroke) {
  constexpr double degrees_per_chord = 24.0;
  constexpr double radians_per_degree = 0.017453292519943295;
  const double sweep = piece.to - piece.from;
  const int chords = static_cast<int>(std::ceil(std::abs(sweep) / degrees_per_chord));
  for (int i = 0; i <= chords; ++i) {
    const double angle = (piece.from + sweep * i / std::max(chords, 1)) * radians_per_degree;
    stroke.push_back({piece.x + piece.a * formats::cos(angle), piece.y + piece.b * formats::sin(angle)});
  }
}

}  // namespace

std::vector<std::vector<Polyline>> glyph_strokes() {
  std::vector<std::vector<Polyline>> glyphs(glyph_count);
  for (const Piece& piece : pieces) {
    auto& strokes = glyphs[static_cast<std::size_t>(piece.glyph)];
    if (piece.lift) {
      strokes.emplace_back();
    }
    append(piece, strokes.back());
  }
  return glyphs;
}

}  // namespace precsim::data
