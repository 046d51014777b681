// Images for measuring: numbers that no model has to learn, in memory.
#pragma once

#include <cstdint>

#include "sim/data/dataset.hpp"

namespace precsim::step_bench {

/// `count` training images of independent N(0, 1) numbers, labels in turn, of which only the first `distinct` differ:
/// image i is image i mod distinct. One test image.
data::Splits synthetic_images(const data::ImageShape& shape, int classes, std::int64_t distinct, std::int64_t count);

}  // namespace precsim::step_bench
