// resample against its definition in double, and ResizedCropFlip against its bounds.
#include "sim/data/resample.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "formats/random_bits.hpp"
#include "sim/data/augmentation.hpp"

namespace precsim::data {
namespace {

Picture picture(int height, int width) {
  Picture made{height, width, {}};
  const formats::RandomBits bits{3, formats::Stream::fill, 0, 0, 0};
  for (std::uint64_t i = 0; i < std::uint64_t{3} * static_cast<std::uint64_t>(height * width); ++i) {
    made.rgb.push_back(static_cast<std::uint8_t>(bits.word(i)));
  }
  return made;
}

double weight(int i, int j, int n, int m) {
  const double scale = static_cast<double>(n) / m;
  const double reach = std::max(1.0, scale);
  return std::max(0.0, 1.0 - std::abs(j + 0.5 - (i + 0.5) * scale) / reach);
}

/// Both axes at once, over every pixel of the box.
double slowly(const Picture& from, const Box& box, int height, int width, int y, int x, int c) {
  double sum = 0, weights = 0;
  for (int j = 0; j < box.height; ++j) {
    for (int i = 0; i < box.width; ++i) {
      const double w = weight(y, j, box.height, height) * weight(x, i, box.width, width);
      const int at = ((box.y + j) * from.width + box.x + i) * 3 + c;
      sum += w * from.rgb[static_cast<std::size_t>(at)];
      weights += w;
    }
  }
  return sum / weights;
}

struct Case {
  Box box;
  int height, width;
  Box window;
};

TEST(Resample, follows_the_definition) {
  const Picture from = picture(31, 40);
  const Case cases[] = {
      {{0, 0, 31, 40}, 31, 40, {0, 0, 31, 40}}, {{0, 0, 31, 40}, 8, 8, {0, 0, 8, 8}},
      {{3, 5, 9, 7}, 24, 24, {0, 0, 24, 24}},   {{2, 1, 20, 30}, 17, 25, {3, 4, 8, 8}},
      {{30, 39, 1, 1}, 8, 8, {0, 0, 8, 8}},     {{0, 0, 31, 1}, 7, 9, {2, 2, 3, 3}},
      {{1, 2, 29, 33}, 1, 1, {0, 0, 1, 1}},     {{0, 0, 31, 40}, 9, 50, {0, 45, 9, 5}},
  };
  for (const Case& one : cases) {
    std::vector<float> out(static_cast<std::size_t>(one.window.height * one.window.width * 3), -1.0f);
    resample(from, one.box, one.height, one.width, one.window, out);
    for (int p = 0; p < one.window.height * one.window.width * 3; ++p) {
      const int y = p / 3 / one.window.width, x = p / 3 % one.window.width;
      const double expected = slowly(from, one.box, one.height, one.width, one.window.y + y, one.window.x + x, p % 3);
      ASSERT_NEAR(out[static_cast<std::size_t>(p)], expected, 1e-3) << one.height << ' ' << one.width << ' ' << p;
    }
  }
}

TEST(Resample, the_same_size_is_a_copy_and_one_color_stays) {
  const Picture from = picture(6, 9);
  std::vector<float> out(6 * 9 * 3);
  resample(from, {0, 0, 6, 9}, 6, 9, {0, 0, 6, 9}, out);
  EXPECT_TRUE(std::equal(out.begin(), out.end(), from.rgb.begin()));
  const Picture plain{5, 5, std::vector<std::uint8_t>(75, 200)};
  std::vector<float> large(13 * 13 * 3);
  resample(plain, {0, 0, 5, 5}, 13, 13, {0, 0, 13, 13}, large);
  for (const float value : large) EXPECT_NEAR(value, 200, 1e-4);
}

TEST(ResizedCropFlip, parts_are_inside_and_of_the_stated_areas_and_ratios) {
  const ResizedCropFlip augmentation{1, 2};
  int flips = 0;
  double area = 0;
  constexpr int images = 4000, height = 300, width = 400;
  for (int i = 0; i < images; ++i) {
    const auto [box, flip] = augmentation.choice(7, i, height, width);
    ASSERT_TRUE(box.y >= 0 && box.x >= 0 && box.y + box.height <= height && box.x + box.width <= width);
    const double ratio = static_cast<double>(box.width) / box.height;
    const double share = static_cast<double>(box.width) * box.height / (height * width);
    ASSERT_TRUE(ratio > 0.74 && ratio < 1.35 && share > 0.078 && share < 1.01) << ratio << ' ' << share;
    area += share;
    flips += flip ? 1 : 0;
  }
  EXPECT_NEAR(area / images, 0.435, 0.015) << "large parts of another ratio do not fit";
  EXPECT_NEAR(flips, images / 2, 150);
  const auto a = augmentation.choice(7, 5, height, width), b = augmentation.choice(8, 5, height, width);
  EXPECT_FALSE(a.box == b.box) << "another epoch, another part";
}

TEST(ResizedCropFlip, narrow_pictures_give_the_centered_part) {
  const ResizedCropFlip augmentation{1, 2};
  int centered = 0;
  for (int i = 0; i < 20; ++i) {
    centered += augmentation.choice(0, i, 1000, 3).box == Box{498, 0, 4, 3} ? 1 : 0;
    EXPECT_TRUE((augmentation.choice(0, i, 1, 1).box == Box{0, 0, 1, 1}));
  }
  EXPECT_EQ(centered, 20);
}

}  // namespace
}  // namespace precsim::data
