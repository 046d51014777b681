// Random distortion of the glyphs, clutter, noise, and the sets made of them.
#include "sim/data/glyphs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/elementary.hpp"
#include "formats/error.hpp"
#include "formats/random_bits.hpp"
#include "sim/data/glyph_canvas.hpp"
#include "sim/data/glyph_strokes.hpp"
#include "sim/data/image_set.hpp"

namespace precsim::data {
namespace {

constexpr int side = GlyphCanvas::side;
constexpr int class_count = 10;
constexpr std::int64_t largest_size = 10'000'000;
// The mean is that of the training pixels, the deviation about twice theirs: with inputs of unit variance, He
// initialization and momentum, lenet5 is thrown out of training by its first steps at learning rates near 0.05.
constexpr ChannelScale gray_scale = {0.1412f, 0.5f};

// How far glyphs vary: the difficulty of the set. Lengths in pixels, ink and noise in units of full ink.
constexpr double max_rotation = 0.35;  // radians
constexpr double max_shear = 0.3;
constexpr double min_scale = 8.0;  // of one unit of the glyph's box, for each axis on its own
constexpr double max_scale = 11.0;
constexpr double max_shift = 2.0;
constexpr double max_displacement = 2.0;
constexpr double min_radius = 0.7;
constexpr double max_radius = 1.5;
constexpr double min_ink = 0.6;
constexpr double max_background = 0.1;
constexpr double max_noise = 0.08;  // standard deviation
constexpr int max_clutter = 2;      // strokes
constexpr double max_clutter_extent = 7.0;
constexpr double min_clutter_radius = 0.3;
constexpr double max_clutter_radius = 1.0;
constexpr double min_clutter_ink = 0.2;
constexpr double max_clutter_ink = 0.8;

enum class Purpose : std::uint32_t { shape = 0, clutter = 1, noise = 2, order = 3 };

/// Draws one after another from one (seed, split, index, purpose).
class Draws {
 public:
  explicit Draws(const formats::RandomBits& bits) : bits_(bits) {}

  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * (bits_.word(next_++) * 0x1p-32); }
  double symmetric(double bound) { return uniform(-bound, bound); }
  /// Uniform in [0, count), up to a bias of count / 2^32.
  int below(int count) {
    return static_cast<int>((std::uint64_t{bits_.word(next_++)} * static_cast<unsigned>(count)) >> 32);
  }

 private:
  formats::RandomBits bits_;
  std::uint64_t next_ = 0;
};

struct Split {
  std::uint32_t seed;
  std::uint32_t tensor;

  formats::RandomBits bits(std::int64_t step, Purpose purpose) const {
    return {seed, formats::Stream::data_generation, static_cast<std::uint32_t>(step), tensor,
            static_cast<std::uint32_t>(purpose)};
  }
};

/// A random map from the glyph's box to the canvas: affine, then a displacement interpolated smoothly between the
/// nodes of a grid that spans the canvas.
class Distortion {
 public:
  explicit Distortion(Draws& draws) {
    const double angle = draws.symmetric(max_rotation);
    const double shear = draws.symmetric(max_shear);
    const double scale_x = draws.uniform(min_scale, max_scale);
    const double scale_y = draws.uniform(min_scale, max_scale);
    const double cosine = formats::cos(angle);
    const double sine = formats::sin(angle);
    xx_ = cosine * scale_x;
    xy_ = (cosine * shear - sine) * scale_y;
    yx_ = sine * scale_x;
    yy_ = (sine * shear + cosine) * scale_y;
    center_ = {0.5 * side + draws.symmetric(max_shift), 0.5 * side + draws.symmetric(max_shift)};
    for (Point& node : nodes_) {
      node = {draws.symmetric(max_displacement), draws.symmetric(max_displacement)};
    }
  }

  Point operator()(Point p) const {
    const Point q = {center_.x + xx_ * p.x + xy_ * p.y, center_.y + yx_ * p.x + yy_ * p.y};
    const Point d = displacement(q);
    return {q.x + d.x, q.y + d.y};
  }

 private:
  static constexpr std::size_t grid = 5;

  struct Cell {
    std::size_t index;
    double weight;  // of the next node
  };

  static Cell cell(double coordinate) {
    const double position = std::clamp(coordinate * ((grid - 1.0) / side), 0.0, grid - 1.0);
    const double index = std::min(std::floor(position), grid - 2.0);
    const double t = position - index;
    return {static_cast<std::size_t>(index), t * t * (3.0 - 2.0 * t)};
  }

  Point displacement(Point q) const {
    const Cell column = cell(q.x);
    const Cell row = cell(q.y);
    const Point* top = nodes_.data() + row.index * grid + column.index;
    const Point* bottom = top + grid;
    const auto mix = [](Point a, Point b, double t) { return Point{a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)}; };
    return mix(mix(top[0], top[1], column.weight), mix(bottom[0], bottom[1], column.weight), row.weight);
  }

  double xx_ = 0.0, xy_ = 0.0, yx_ = 0.0, yy_ = 0.0;
  Point center_;
  std::array<Point, grid * grid> nodes_{};
};

void draw_clutter(Draws draws, GlyphCanvas& canvas) {
  for (int count = draws.below(max_clutter + 1); count > 0; --count) {
    const Point a = {draws.uniform(0.0, side), draws.uniform(0.0, side)};
    const Point b = {a.x + draws.symmetric(max_clutter_extent), a.y + draws.symmetric(max_clutter_extent)};
    const double radius = draws.uniform(min_clutter_radius, max_clutter_radius);
    canvas.draw(std::array{a, b}, radius, draws.uniform(min_clutter_ink, max_clutter_ink));
  }
}

/// The sum of a word's four bytes, centered and with standard deviation 1: nearly normal, never beyond 3.5.
double noise_from(std::uint32_t word) {
  const auto sum = static_cast<int>((word & 255u) + ((word >> 8) & 255u) + ((word >> 16) & 255u) + (word >> 24));
  return (sum - 510) * (1.0 / 147.8);
}

/// One image; writes GlyphCanvas::pixels codes.
void draw_image(const std::vector<Polyline>& strokes, const Split& split, std::int64_t index, std::uint8_t* pixels) {
  Draws draws(split.bits(index, Purpose::shape));
  const Distortion distortion(draws);
  const double radius = draws.uniform(min_radius, max_radius);
  const double ink = draws.uniform(min_ink, 1.0);
  const double deviation = draws.uniform(0.0, max_noise);
  GlyphCanvas canvas(draws.uniform(0.0, max_background));
  for (const Polyline& stroke : strokes) {
    Polyline bent(stroke.size());
    std::transform(stroke.begin(), stroke.end(), bent.begin(), distortion);
    canvas.draw(bent, radius, ink);
  }
  draw_clutter(Draws(split.bits(index, Purpose::clutter)), canvas);

  const formats::RandomBits noise = split.bits(index, Purpose::noise);
  for (std::size_t block = 0; block < canvas.ink().size() / 4; ++block) {
    const auto words = noise.block(block);
    for (std::size_t j = 0; j < 4; ++j) {
      const double value = std::clamp(canvas.ink()[4 * block + j] + deviation * noise_from(words[j]), 0.0, 1.0);
      pixels[4 * block + j] = static_cast<std::uint8_t>(std::floor(value * 255.0 + 0.5));
    }
  }
}

/// The classes of the images 10 * decade ... 10 * decade + 9: a random permutation (Fisher-Yates).
std::array<std::uint8_t, class_count> shuffled_classes(const Split& split, std::int64_t decade) {
  std::array<std::uint8_t, class_count> classes{};
  std::iota(classes.begin(), classes.end(), std::uint8_t{0});
  Draws draws(split.bits(decade, Purpose::order));
  for (int last = class_count - 1; last > 0; --last) {
    std::swap(classes[static_cast<std::size_t>(last)], classes[static_cast<std::size_t>(draws.below(last + 1))]);
  }
  return classes;
}

std::shared_ptr<const Dataset> draw_split(std::string_view name, std::uint32_t seed, std::int64_t size) {
  const Split split = {seed, formats::tensor_id(name)};
  const auto glyphs = glyph_strokes();
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(size) * GlyphCanvas::pixels);
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(size));
  std::array<std::uint8_t, class_count> classes{};
  for (std::int64_t i = 0; i < size; ++i) {
    if (i % class_count == 0) {
      classes = shuffled_classes(split, i / class_count);
    }
    const auto index = static_cast<std::size_t>(i);
    labels[index] = classes[index % class_count];
    draw_image(glyphs[labels[index]], split, i, pixels.data() + index * GlyphCanvas::pixels);
  }
  return std::make_shared<const ImageSet>(ImageShape{side, side, 1}, class_count, std::move(pixels), std::move(labels),
                                          std::span(&gray_scale, 1));
}

std::int64_t size_or_default(std::string_view key, std::int64_t size, std::int64_t otherwise) {
  if (size > largest_size) {
    throw UserError(fmt::format("{} = {} is too large for dataset 'glyphs'; 0 (the default, {}) to {} are valid", key,
                                size, otherwise, largest_size));
  }
  return size == 0 ? otherwise : size;
}

}  // namespace

Splits open_glyphs(const DatasetOptions& options) {
  const std::int64_t train_size = size_or_default("data.train_size", options.train_size, 4000);
  const std::int64_t test_size = size_or_default("data.test_size", options.test_size, 2000);
  return {draw_split("glyphs/train", options.seed, train_size), draw_split("glyphs/test", options.seed, test_size)};
}

}  // namespace precsim::data
