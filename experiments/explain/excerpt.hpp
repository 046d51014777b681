// Which steps and spills of a story are shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "experiments/explain/story.hpp"

namespace precsim::explain {

/// A run of steps, and one of chains: first to end - 1.
struct Range {
  std::size_t first = 0, end = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

/// Rising and apart from each other.
struct Excerpt {
  std::vector<Range> steps;   ///< of integer_steps or float_steps; none goes over the end of a chain
  std::vector<Range> chains;  ///< of chains, for the spills
  std::uint64_t hidden_events = 0;
};

/// `full`: everything. Otherwise the first and last steps of the first chain, the last ones of the last, the peak, and
/// the first overflow events with the steps around them; and all spills if they are few, else the first and last ones
/// and those of chains with events that are shown.
Excerpt excerpt(const Story& story, bool full);

}  // namespace precsim::explain
