// Units spread over threads; see unit_pool.hpp.
#include "experiments/analysis/unit_pool.hpp"

#include <omp.h>

#include <exception>

namespace precsim::analysis {

UnitPool::UnitPool(int threads, bool keep_blocks) : keep_blocks_(keep_blocks) {
  for (int t = 0; t < threads; ++t) {
    workspaces_.push_back(std::make_unique<UnitWorkspace>());
  }
}

std::vector<UnitSums> UnitPool::run(std::span<const UnitJob> jobs) {
  std::vector<UnitSums> sums(jobs.size());
  std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1) num_threads(static_cast <int>(workspaces_.size()))
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    try {
      sums[i] = sum_unit(jobs[i].unit, jobs[i].conversions, jobs[i].bits, keep_blocks_,
                         *workspaces_[static_cast<std::size_t>(omp_get_thread_num())]);
    } catch (...) {
#pragma omp critical(precsim_analysis)
      failure = std::current_exception();
    }
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
  return sums;
}

}  // namespace precsim::analysis
