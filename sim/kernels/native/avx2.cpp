// Tiles for 256-bit vectors, with and without VNNI: 6 rows x 16 lanes; lanes in registers, FP32 sums beside them in the
// first-level cache.
#include <immintrin.h>

#include "sim/kernels/native/native_kernel.hpp"

#define PRECSIM_TARGET __attribute__((target("avx2,fma")))
#define PRECSIM_INLINE PRECSIM_TARGET inline __attribute__((always_inline))
#define PRECSIM_UNROLL _Pragma("GCC unroll 8")

namespace precsim::kernels::native {
namespace {

constexpr int halves = 2;
constexpr int half_lanes = panel_lanes / halves;

struct VnniWrap {
  static PRECSIM_INLINE void step(__m256i& lane, __m256i a, __m256i b) {
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(lane) : "x"(a), "x"(b));
  }
};

struct VnniSaturate {
  static PRECSIM_INLINE void step(__m256i& lane, __m256i a, __m256i b) {
    __asm__("%{vex%} vpdpwssds %2, %1, %0" : "+x"(lane) : "x"(a), "x"(b));
  }
};

/// VPMADDWD and VPADDD.
struct Wrap {
  static PRECSIM_INLINE void step(__m256i& lane, __m256i a, __m256i b) {
    lane = _mm256_add_epi32(lane, _mm256_madd_epi16(a, b));
  }
};

/// The exact sum clamped. VPMADDWD returns the one pair sum of +2^31 as -2^31, which no other pair sum equals.
struct Saturate {
  static PRECSIM_INLINE void step(__m256i& lane, __m256i a, __m256i b) {
    const __m256i pair = _mm256_madd_epi16(a, b);
    const __m256i sum = _mm256_add_epi32(lane, pair);
    const __m256i limit = _mm256_xor_si256(_mm256_srai_epi32(lane, 31), _mm256_set1_epi32(INT32_MAX));
    const __m256i high_pair = _mm256_cmpeq_epi32(pair, _mm256_set1_epi32(INT32_MIN));
    const __m256i changed = _mm256_andnot_si256(_mm256_xor_si256(lane, pair), _mm256_xor_si256(lane, sum));
    const __m256i not_negative = _mm256_andnot_si256(lane, high_pair);
    // Sign bits decide: blendv_ps looks at nothing else.
    const __m256 exceeds = _mm256_blendv_ps(_mm256_castsi256_ps(changed), _mm256_castsi256_ps(not_negative),
                                            _mm256_castsi256_ps(high_pair));
    lane = _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(sum), _mm256_castsi256_ps(limit), exceeds));
  }
};

template <int rows, class Step, Spill spill>
PRECSIM_TARGET void integer_tile(const Tile& t) {
  alignas(32) float sums[rows][panel_lanes];
  for (int r = 0; r < rows; ++r) {
    for (int h = 0; h < halves; ++h) {
      const float* from = t.sums + r * t.sums_row + h * half_lanes;
      _mm256_store_ps(sums[r] + h * half_lanes, t.first ? _mm256_setzero_ps() : _mm256_loadu_ps(from));
    }
  }
  __m256i lanes[rows][halves];
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    PRECSIM_UNROLL for (int h = 0; h < halves; ++h) {
      lanes[r][h] = _mm256_setzero_si256();
    }
  }
  const Word* rows_at[rows];
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    rows_at[r] = t.rows[r];
  }
  for (const Segment& segment : t.segments) {
    const Word* left = t.panel + segment.panel * panel_lanes;
    const Word* const end = left + segment.steps * panel_lanes;
    std::int64_t at = segment.row;
    for (; left != end; left += panel_lanes, at += t.row_step) {
      __m256i b[halves];
      PRECSIM_UNROLL for (int h = 0; h < halves; ++h) {
        b[h] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(left + h * half_lanes));
      }
      PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
        const __m256i a = _mm256_set1_epi32(static_cast<int>(rows_at[r][at]));
        PRECSIM_UNROLL for (int h = 0; h < halves; ++h) {
          Step::step(lanes[r][h], a, b[h]);
        }
      }
    }
    if (!segment.ends_chain) {
      continue;
    }
    PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
      PRECSIM_UNROLL for (int h = 0; h < halves; ++h) {
        float* const sum = sums[r] + h * half_lanes;
        const __m256 lane = _mm256_cvtepi32_ps(lanes[r][h]);
        __m256 factor = _mm256_set1_ps(t.factor);
        if constexpr (spill == Spill::blocked) {
          factor = _mm256_mul_ps(_mm256_set1_ps(t.row_factors[r][segment.chain]),
                                 _mm256_loadu_ps(t.lane_factors + segment.chain * panel_lanes + h * half_lanes));
        }
        if constexpr (spill == Spill::unscaled) {
          _mm256_store_ps(sum, _mm256_add_ps(_mm256_load_ps(sum), lane));
        } else {
          _mm256_store_ps(sum, _mm256_fmadd_ps(lane, factor, _mm256_load_ps(sum)));
        }
        lanes[r][h] = _mm256_setzero_si256();
      }
    }
  }
  const __m256 factor = _mm256_set1_ps(spill == Spill::unscaled ? t.factor : 1.0f);
  for (int r = 0; r < rows; ++r) {
    for (int h = 0; h < halves; ++h) {
      _mm256_storeu_ps(t.sums + r * t.sums_row + h * half_lanes,
                       _mm256_mul_ps(_mm256_load_ps(sums[r] + h * half_lanes), factor));
    }
  }
}

template <int rows>
PRECSIM_TARGET void float_tile(const Tile& t) {
  __m256 sums[rows][halves];
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    PRECSIM_UNROLL for (int h = 0; h < halves; ++h) {
      sums[r][h] = t.first ? _mm256_setzero_ps() : _mm256_loadu_ps(t.sums + r * t.sums_row + h * half_lanes);
    }
  }
  const Word* rows_at[rows];
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    rows_at[r] = t.rows[r];
  }
  for (const Segment& segment : t.segments) {
    const Word* left = t.panel + segment.panel * panel_lanes;
    const Word* const end = left + segment.steps * panel_lanes;
    std::int64_t at = segment.row;
    for (; left != end; left += panel_lanes, at += t.row_step) {
      __m256 b[halves];
      PRECSIM_UNROLL for (int h = 0; h < halves; ++h) {
        b[h] = _mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(left + h * half_lanes)));
      }
      PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
        const __m256 a = _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(rows_at[r][at])));
        PRECSIM_UNROLL for (int h = 0; h < halves; ++h) {
          sums[r][h] = _mm256_fmadd_ps(a, b[h], sums[r][h]);
        }
      }
    }
  }
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    PRECSIM_UNROLL for (int h = 0; h < halves; ++h) {
      // -0 becomes +0
      _mm256_storeu_ps(t.sums + r * t.sums_row + h * half_lanes, _mm256_add_ps(sums[r][h], _mm256_setzero_ps()));
    }
  }
}

template <class Step, Spill spill>
constexpr TileFunctions integer_functions() {
  return {{{integer_tile<1, Step, spill>, integer_tile<2, Step, spill>, integer_tile<3, Step, spill>,
            integer_tile<4, Step, spill>, integer_tile<5, Step, spill>, integer_tile<6, Step, spill>}}};
}

template <class WrapStep, class SaturateStep>
constexpr NativeKernel kernel() {
  return {6,
          1,
          {integer_functions<WrapStep, Spill::unscaled>(), integer_functions<WrapStep, Spill::scaled>(),
           integer_functions<WrapStep, Spill::blocked>()},
          {integer_functions<SaturateStep, Spill::unscaled>(), integer_functions<SaturateStep, Spill::scaled>(),
           integer_functions<SaturateStep, Spill::blocked>()},
          {{{float_tile<1>, float_tile<2>, float_tile<3>, float_tile<4>, float_tile<5>, float_tile<6>}}}};
}

}  // namespace

constinit const NativeKernel avx_vnni = kernel<VnniWrap, VnniSaturate>();
constinit const NativeKernel avx2 = kernel<Wrap, Saturate>();

}  // namespace precsim::kernels::native
