// Cutting a reduction.
#include "sim/kernels/native/segments.hpp"

#include <algorithm>

namespace precsim::kernels::native {

std::vector<std::vector<Segment>> cut_segments(std::span<const Stretch> stretches,
                                               std::span<const std::int64_t> chain_ends, std::int64_t products_per_step,
                                               std::int64_t steps_per_block) {
  std::vector<std::vector<Segment>> blocks(1);
  std::int64_t chain = 0;
  std::int64_t steps = 0;
  for (const Stretch& stretch : stretches) {
    std::int64_t k = stretch.begin;
    const std::int64_t end = stretch.begin + stretch.count;
    while (k < end) {
      while (chain_ends[static_cast<std::size_t>(chain)] <= k) {
        if (!blocks.back().empty() && !blocks.back().back().ends_chain) {
          blocks.back().back().ends_chain = true;
        }
        ++chain;
        if (steps >= steps_per_block) {
          blocks.emplace_back();
          steps = 0;
        }
      }
      const std::int64_t stop = std::min(end, chain_ends[static_cast<std::size_t>(chain)]);
      Segment segment;
      segment.row = stretch.row + (k - stretch.begin) / products_per_step;
      segment.panel = k / products_per_step;
      segment.steps = (stop - k) / products_per_step;
      segment.chain = chain;
      blocks.back().push_back(segment);
      steps += segment.steps;
      k = stop;
    }
  }
  if (!blocks.back().empty()) {
    blocks.back().back().ends_chain = true;
  } else if (blocks.size() > 1) {
    blocks.pop_back();
  }
  return blocks;
}

}  // namespace precsim::kernels::native
