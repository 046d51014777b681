// Tensors between layers, in FP32 or as the integer codes that are stored.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "formats/format.hpp"

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
  std::vector<float> values;

  Tensor() = default;
  explicit Tensor(const Shape& s) : shape(s), values(static_cast<std::size_t>(s.size())) {}
};

/// A tensor as it is stored (numerics 6): every consumer reads `values`, the numbers that the stored codes stand
/// for; products of integers read `codes` and `exponent`.
struct Stored {
  Tensor tensor;
  std::vector<std::int16_t> codes;  ///< empty unless the format is an integer format with one exponent
  int exponent = 0;
  std::int64_t bytes = 0;  ///< what the stored form takes
  const std::vector<float>& values() const { return tensor.values; }
  const Shape& shape() const { return tensor.shape; }
};
using StoredPtr = std::shared_ptr<const Stored>;

}  // namespace precsim::nn
