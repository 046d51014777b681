// Spills of FP32 sums by instruction set.
#include "sim/kernels/native/number_spills.hpp"

#include <cmath>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace precsim::kernels::native {
namespace {

float number(Word word) {
  float out;
  std::memcpy(&out, &word, sizeof(out));
  return out;
}

void spill_portable(int rows, int panels, Source sums, Source from, Target to, const SpillFactors& factors) {
  for (int r = 0; r < rows; ++r) {
    for (int j = 0; j < panels * panel_lanes; ++j) {
      const float factor =
          factors.rows[r * factors.next_row] * factors.lanes[j / panel_lanes * factors.next_lanes + j % panel_lanes];
      const float sum =
          std::fma(number(sums.words[r * sums.distance + j]), factor, number(from.words[r * from.distance + j]));
      std::memcpy(to.words + r * to.distance + j, &sum, sizeof(sum));
    }
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void spill_avx2(int rows, int panels, Source sums, Source from, Target to,
                                                    const SpillFactors& factors) {
  constexpr int half = 8;
  for (int r = 0; r < rows; ++r) {
    const __m256 row = _mm256_set1_ps(factors.rows[r * factors.next_row]);
    for (int j = 0; j < panels * panel_lanes; j += half) {
      const float* const lanes = factors.lanes + j / panel_lanes * factors.next_lanes + j % panel_lanes;
      const __m256 factor = _mm256_mul_ps(row, _mm256_loadu_ps(lanes));
      const __m256 sum = _mm256_loadu_ps(reinterpret_cast<const float*>(sums.words + r * sums.distance + j));
      const __m256 before = _mm256_loadu_ps(reinterpret_cast<const float*>(from.words + r * from.distance + j));
      _mm256_storeu_ps(reinterpret_cast<float*>(to.words + r * to.distance + j), _mm256_fmadd_ps(sum, factor, before));
    }
  }
}

__attribute__((target("avx512f"))) void spill_avx512(int rows, int panels, Source sums, Source from, Target to,
                                                     const SpillFactors& factors) {
  for (int p = 0; p < panels; ++p) {
    const __m512 lanes = _mm512_loadu_ps(factors.lanes + p * factors.next_lanes);
    for (int r = 0; r < rows; ++r) {
      const __m512 factor = _mm512_mul_ps(_mm512_set1_ps(factors.rows[r * factors.next_row]), lanes);
      const __m512 sum = _mm512_loadu_ps(sums.words + r * sums.distance + p * panel_lanes);
      const __m512 before = _mm512_loadu_ps(from.words + r * from.distance + p * panel_lanes);
      _mm512_storeu_ps(to.words + r * to.distance + p * panel_lanes, _mm512_fmadd_ps(sum, factor, before));
    }
  }
}
#endif

}  // namespace

NumberSpill number_spill([[maybe_unused]] const NativeKernel& kernel) {
#if defined(__x86_64__)
  if (&kernel == &avx512_vnni || &kernel == &avx512) {
    return spill_avx512;
  }
  if (&kernel == &avx_vnni || &kernel == &avx2) {
    return spill_avx2;
  }
#endif
  return spill_portable;
}

}  // namespace precsim::kernels::native
