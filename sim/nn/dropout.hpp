// Dropout.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "formats/random_bits.hpp"
#include "sim/nn/layer.hpp"

namespace precsim::nn {

/// In training, element i becomes +0 iff its random word (stream dropout, tensor "layer/dropout") is below
/// floor(rate * 2^32), else x * float(1 / (1 - rate)); its gradient likewise. In evaluation y = x. 0 <= rate < 1.
std::unique_ptr<Layer> dropout(std::string name, double rate);

/// Elements first ... first + count - 1 of a tensor: x and y point to the first of them and may be the same.
struct DropoutRule {
  formats::RandomBits bits;
  std::uint32_t dropped_below;
  float scale;
};
void dropout_run(const DropoutRule& rule, std::int64_t first, std::int64_t count, const float* x, float* y);

}  // namespace precsim::nn
