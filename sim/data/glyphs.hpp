// glyphs: procedurally drawn digits, the dataset that needs no files.
#pragma once

#include "sim/data/dataset.hpp"

namespace precsim::data {

/// 28 x 28 gray images of the digits 0..9: strokes under a random affine map and a smooth random displacement, with
/// random thickness and ink, strokes of clutter and noise. options.path must be empty; sizes are at most 10 million,
/// 0 means 4000 (train) and 2000 (test). Read as (pixel / 255 - 0.1412) / 0.5.
///
/// Image i of a split is a pure function of (options.seed, split, i), whatever the sizes. Each ten images from a
/// multiple of ten show every class once, in random order. All randomness is Stream::data_generation with step = i
/// (order: i / 10), tensor = tensor_id("glyphs/train") or ("glyphs/test"), and a `use` per purpose.
Splits open_glyphs(const DatasetOptions& options);

}  // namespace precsim::data
