// Two passes with the same weights for all lines.
#include "sim/data/resample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "formats/error.hpp"

namespace precsim::data {
namespace {

/// The weighted pixels of one output.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

std::vector<Taps> axis_taps(int from, int to, int first, int count) {
  const double scale = static_cast<double>(from) / to;
  const double reach = std::max(scale, 1.0);
  std::vector<Taps> all(static_cast<std::size_t>(count));
  std::vector<double> weights;
  for (int i = 0; i < count; ++i) {
    const double center = (first + i + 0.5) * scale;
    const int begin = std::max(0, static_cast<int>(std::floor(center - reach + 0.5)));
    const int end = std::min(from, static_cast<int>(std::floor(center + reach + 0.5)));
    weights.clear();
    double sum = 0;
    for (int j = begin; j < end; ++j) {
      weights.push_back(std::max(0.0, 1.0 - std::abs(j + 0.5 - center) / reach));
      sum += weights.back();
    }
    Taps& taps = all[static_cast<std::size_t>(i)];
    taps.first = begin;
    for (const double weight : weights) {
      taps.weights.push_back(static_cast<float>(weight / sum));
    }
  }
  return all;
}

void scale_row(const std::uint8_t* row, const std::vector<Taps>& columns, float* out) {
  for (const Taps& taps : columns) {
    const std::uint8_t* in = row + std::ptrdiff_t{taps.first} * 3;
    float red = 0, green = 0, blue = 0;
    for (const float weight : taps.weights) {
      red += weight * static_cast<float>(in[0]);
      green += weight * static_cast<float>(in[1]);
      blue += weight * static_cast<float>(in[2]);
      in += 3;
    }
    *out++ = red;
    *out++ = green;
    *out++ = blue;
  }
}

void check(bool inside, const Box& box) {
  PRECSIM_CHECK(inside && box.height > 0 && box.width > 0 && box.y >= 0 && box.x >= 0,
                fmt::format("{} x {} at {}, {}", box.height, box.width, box.y, box.x));
}

}  // namespace

void resample(const Picture& picture, const Box& box, int height, int width, const Box& window, std::span<float> out) {
  check(box.y + box.height <= picture.height && box.x + box.width <= picture.width, box);
  check(window.y + window.height <= height && window.x + window.width <= width, window);
  const std::size_t line = static_cast<std::size_t>(window.width) * 3;
  PRECSIM_CHECK(out.size() == line * static_cast<std::size_t>(window.height), fmt::format("{}", out.size()));
  const std::vector<Taps> columns = axis_taps(box.width, width, window.x, window.width);
  const std::vector<Taps> rows = axis_taps(box.height, height, window.y, window.height);
  const int top = rows.front().first;
  const int bottom = rows.back().first + static_cast<int>(rows.back().weights.size());
  std::vector<float> scaled(static_cast<std::size_t>(bottom - top) * line);
  for (int y = top; y < bottom; ++y) {
    const std::size_t pixel =
        static_cast<std::size_t>(box.y + y) * static_cast<std::size_t>(picture.width) + static_cast<std::size_t>(box.x);
    scale_row(picture.rgb.data() + pixel * 3, columns, scaled.data() + static_cast<std::size_t>(y - top) * line);
  }
  float* to = out.data();
  for (const Taps& taps : rows) {
    std::fill_n(to, line, 0.0f);
    const float* in = scaled.data() + static_cast<std::size_t>(taps.first - top) * line;
    for (const float weight : taps.weights) {
      for (std::size_t i = 0; i < line; ++i) {
        to[i] += weight * in[i];
      }
      in += line;
    }
    to += line;
  }
}

}  // namespace precsim::data
