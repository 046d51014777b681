// Reading a whole split of a data set, as training does.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "sim/data/dataset.hpp"
#include "tests/fuzz/target.hpp"

namespace precsim::fuzz {

inline void read_split(const data::Dataset& split, std::int64_t asked_for) {
  promise(split.size() > 0 && (asked_for == 0 || split.size() == asked_for), "the size asked for");
  const auto size = static_cast<std::size_t>(split.size());
  std::vector<std::int64_t> indices(size);
  std::iota(indices.begin(), indices.end(), 0);
  std::vector<float> images(size * static_cast<std::size_t>(split.shape().pixels()));
  std::vector<std::int32_t> labels(size);
  split.read(indices, 0, images, labels);
  for (const std::int32_t label : labels) promise(label >= 0 && label < split.classes(), "labels are of the classes");
  for (const float value : images) promise(std::isfinite(value), "values are finite");
}

}  // namespace precsim::fuzz
