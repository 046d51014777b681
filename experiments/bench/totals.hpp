// Weighted totals of a network's layers.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "experiments/bench/measure.hpp"

namespace precsim::bench {

/// All layers of one network, each as often as the network has it, by one contender.
struct Total {
  std::string network, pass;  ///< "resnet50", "forward"; "all" for three passes
  bool with_first = true;     ///< whether the first layer is counted
  std::string contender;
  bool is_peer = false;
  double work = 0, seconds = 0;
  double fraction = 0;  ///< of the ceiling: the layers' ideal times by their times
};

/// For every network, pass and contender that was measured in each case of `catalogue` that belongs there.
std::vector<Total> totals(std::span<const Case> catalogue, std::span<const Row> rows);

}  // namespace precsim::bench
