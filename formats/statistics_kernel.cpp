// The table of statistics kernels.
#include "formats/statistics_kernel.hpp"

#include "formats/cpu_features.hpp"
#include "formats/kernel_table.hpp"
#include "formats/statistics_body.hpp"

namespace precsim::formats {
namespace {

#if defined(__x86_64__)
namespace avx512 {
PRECSIM_STATISTICS_FUNCTIONS(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2"))), 64)
}
namespace avx2 {
PRECSIM_STATISTICS_FUNCTIONS(__attribute__((target("avx2"))), 32)
}
#endif
namespace portable {
PRECSIM_STATISTICS_FUNCTIONS(, 16)
}

#define PRECSIM_STATISTICS_ROW(isa, architecture, usable) \
  { #isa, architecture, usable, isa::reference, isa::deviation, isa::errors, isa::block }

constexpr StatisticsKernel table[] = {
#if defined(__x86_64__)
    PRECSIM_STATISTICS_ROW(avx512, "x86_64", [] { return cpu_features().avx512; }),
    PRECSIM_STATISTICS_ROW(avx2, "x86_64", [] { return cpu_features().avx2; }),
#endif
    PRECSIM_STATISTICS_ROW(portable, "any", [] { return true; }),
};

}  // namespace

std::span<const StatisticsKernel> statistics_kernels() {
  return table;
}

const StatisticsKernel& best_statistics_kernel() {
  static const StatisticsKernel& best = best_row(statistics_kernels());
  return best;
}

}  // namespace precsim::formats
