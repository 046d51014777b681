// Units spread over threads.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "experiments/analysis/unit.hpp"

namespace precsim::analysis {

struct UnitJob {
  Unit unit;
  std::span<const TensorConversion> conversions;
  formats::RandomBits bits;
};

class UnitPool {
 public:
  UnitPool(int threads, bool keep_blocks);

  /// One result per job, in their order.
  std::vector<UnitSums> run(std::span<const UnitJob> jobs);

 private:
  bool keep_blocks_;
  std::vector<std::unique_ptr<UnitWorkspace>> workspaces_;  ///< one per thread
};

}  // namespace precsim::analysis
