// Work over a tensor in runs of whole pixels: what element-wise layers are made of.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/kernels/threads.hpp"
#include "sim/nn/tensor.hpp"

namespace precsim::nn {

/// Calls f(first, count) for runs of whole pixels (n, h, w flattened) that together cover the shape, on several threads
/// where that is worth it. What f writes may not depend on where runs begin.
template <class F>
void for_pixel_runs(const Shape& shape, F f) {
  constexpr std::int64_t elements_per_run = 8192;
  const std::int64_t pixels = shape.pixels();
  const std::int64_t run = std::max<std::int64_t>(1, elements_per_run / std::max<std::int64_t>(1, shape.c));
#pragma omp parallel for schedule(static) if (kernels::worth_threads(shape.size()))
  for (std::int64_t first = 0; first < pixels; first += run) {
    f(first, std::min(run, pixels - first));
  }
}

}  // namespace precsim::nn
