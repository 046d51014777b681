// Tensors between layers: shapes, and FP32 numbers in memory.
#pragma once

#include <cstdint>
#include <string>

#include "sim/nn/array.hpp"

namespace precsim::nn {

/// n images of h x w pixels with c channels; the last index runs fastest. Vectors are h = w = 1.
struct Shape {
  std::int64_t n = 1, h = 1, w = 1, c = 1;
  std::int64_t size() const { return n * h * w * c; }
  std::int64_t pixels() const { return n * h * w; }
  friend bool operator==(const Shape&, const Shape&) = default;
};
std::string to_string(const Shape& shape);

struct Tensor {
  Shape shape;
  Array<float> values;

  Tensor() = default;
  /// Zeros.
  explicit Tensor(const Shape& s) : shape(s), values(s.size()) { values.fill(0); }
  /// Numbers of any value.
  Tensor(const Shape& s, std::pmr::memory_resource* memory) : shape(s), values(s.size(), memory) {}
};

}  // namespace precsim::nn
