// A reduction cut into segments, and those into blocks.
#pragma once

#include <span>
#include <vector>

#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

/// k in [begin, begin + count) of a reduction lies at words `row` and following of every row.
struct Stretch {
  std::int64_t begin, count;  ///< products; both even for pairs
  std::int64_t row;
};

/// Segments of a reduction in blocks, so that what tiles read again stays in caches. Each block but the
/// last ends at the end of a chain, where lanes are empty and sums wait in the result.
std::vector<std::vector<Segment>> cut_segments(std::span<const Stretch> stretches,
                                               std::span<const std::int64_t> chain_ends, std::int64_t products_per_step,
                                               std::int64_t steps_per_block);

}  // namespace precsim::kernels::native
