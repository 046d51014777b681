// synthetic: noise in the shape of photographs, for measuring throughput without files.
#pragma once

#include "sim/data/dataset.hpp"

namespace precsim::data {

/// Color images of options.image_size pixels a side in options.class_count classes; sizes are at most 10 million, 0
/// means 12800 (train) and 500 (test). A split repeats 64 images: image i is number i % 64 in pixels and label.
/// Pixel codes are the low bytes of words of the stream data_generation (seed options.seed, step = number, element =
/// index in h, w, c), labels below(word 0, classes) of use 1, both with tensor_id("synthetic/train") or
/// ("synthetic/test"). Read as (pixel / 255 - 1/2) / 0.25.
Splits open_synthetic(const DatasetOptions& options);

}  // namespace precsim::data
