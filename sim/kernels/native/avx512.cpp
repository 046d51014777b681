// Tiles for AVX-512, with and without VNNI: 7 rows x 32 lanes; lanes and FP32 sums in registers.
#include <immintrin.h>

#include "sim/kernels/native/native_kernel.hpp"

#define PRECSIM_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define PRECSIM_INLINE PRECSIM_TARGET inline __attribute__((always_inline))
#define PRECSIM_UNROLL _Pragma("GCC unroll 16")

namespace precsim::kernels::native {
namespace {

// Steps are instructions that the compiler cannot take apart: g++ 12 copies accumulators around the loop otherwise.

struct VnniWrap {
  static PRECSIM_INLINE void step(__m512i& lane, __m512i a, __m512i b) {
    __asm__("vpdpwssd %2, %1, %0" : "+v"(lane) : "v"(a), "v"(b));
  }
};

struct VnniSaturate {
  static PRECSIM_INLINE void step(__m512i& lane, __m512i a, __m512i b) {
    __asm__("vpdpwssds %2, %1, %0" : "+v"(lane) : "v"(a), "v"(b));
  }
};

/// VPMADDWD and VPADDD.
struct Wrap {
  static PRECSIM_INLINE void step(__m512i& lane, __m512i a, __m512i b) {
    __m512i pair;
    __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+v"(lane), "=&v"(pair) : "v"(a), "v"(b));
  }
};

/// The exact sum clamped. VPMADDWD returns the one pair sum of +2^31 as -2^31, which no other pair sum equals.
struct Saturate {
  static PRECSIM_INLINE void step(__m512i& lane, __m512i a, __m512i b) {
    const __m512i lowest = _mm512_set1_epi32(INT32_MIN);
    const __m512i pair = _mm512_madd_epi16(a, b);
    const __m512i sum = _mm512_add_epi32(lane, pair);
    const __m512i limit = _mm512_xor_si512(_mm512_srai_epi32(lane, 31), _mm512_set1_epi32(INT32_MAX));
    const __mmask16 high_pair = _mm512_cmpeq_epi32_mask(pair, lowest);
    // (lane ^ sum) & ~(lane ^ pair), sign bit: signs agreed and the sum's differs.
    const __m512i changed = _mm512_ternarylogic_epi32(lane, sum, pair, 0x24);
    const __mmask16 overflow = _mm512_movepi32_mask(changed);
    const __mmask16 beyond = _mm512_movepi32_mask(lane);
    const auto exceeds = static_cast<__mmask16>((high_pair & ~beyond) | (~high_pair & overflow));
    lane = _mm512_mask_mov_epi32(sum, exceeds, limit);
  }
};

PRECSIM_INLINE void multiply_add(__m512& sum, __m512 a, __m512 b) {
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}

template <class Vector>
PRECSIM_INLINE Vector load_words(const Word* from) {
  Vector words;
  __asm__("vmovdqu32 %1, %0" : "=v"(words) : "m"(*reinterpret_cast<const Word(*)[panel_lanes]>(from)));
  return words;
}

template <int rows, int panels>
PRECSIM_INLINE void load(const Tile& t, __m512 (&sums)[rows][panels]) {
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    PRECSIM_UNROLL for (int p = 0; p < panels; ++p) {
      sums[r][p] = t.first ? _mm512_setzero_ps() : _mm512_loadu_ps(t.sums + r * t.sums_row + p * panel_lanes);
    }
  }
}

template <int rows, int panels>
PRECSIM_INLINE void store(const Tile& t, const __m512 (&sums)[rows][panels], float factor) {
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    PRECSIM_UNROLL for (int p = 0; p < panels; ++p) {
      _mm512_storeu_ps(t.sums + r * t.sums_row + p * panel_lanes, _mm512_mul_ps(sums[r][p], _mm512_set1_ps(factor)));
    }
  }
}

template <int rows, int panels, class Step, Spill spill>
PRECSIM_TARGET void integer_tile(const Tile& t) {
  __m512 sums[rows][panels];
  __m512i lanes[rows][panels];
  load<rows, panels>(t, sums);
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    PRECSIM_UNROLL for (int p = 0; p < panels; ++p) {
      lanes[r][p] = _mm512_setzero_si512();
    }
  }
  const Word* rows_at[rows];
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    rows_at[r] = t.rows[r];
  }
  const std::int64_t row_step = t.row_step;
  for (const Segment& segment : t.segments) {
    const Word* left = t.panel + segment.panel * panel_lanes;
    const Word* const end = left + segment.steps * panel_lanes;
    const std::int64_t next = t.next_panel;
    std::int64_t at = segment.row;
    for (; left != end; left += panel_lanes, at += row_step) {
      __m512i b[panels];
      PRECSIM_UNROLL for (int p = 0; p < panels; ++p) {
        b[p] = load_words<__m512i>(left + p * next);
      }
      PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
        const __m512i a = _mm512_set1_epi32(static_cast<int>(rows_at[r][at]));
        PRECSIM_UNROLL for (int p = 0; p < panels; ++p) {
          Step::step(lanes[r][p], a, b[p]);
        }
      }
    }
    if (!segment.ends_chain) {
      continue;
    }
    PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
      PRECSIM_UNROLL for (int p = 0; p < panels; ++p) {
        const __m512 sum = _mm512_cvtepi32_ps(lanes[r][p]);
        if constexpr (spill == Spill::unscaled) {
          sums[r][p] = _mm512_add_ps(sums[r][p], sum);
        } else if constexpr (spill == Spill::scaled) {
          sums[r][p] = _mm512_fmadd_ps(sum, _mm512_set1_ps(t.factor), sums[r][p]);
        } else {
          const float* const lane_factors = t.lane_factors + segment.chain * panel_lanes + p * t.next_lane_factors;
          const __m512 factor =
              _mm512_mul_ps(_mm512_set1_ps(t.row_factors[r][segment.chain]), _mm512_loadu_ps(lane_factors));
          sums[r][p] = _mm512_fmadd_ps(sum, factor, sums[r][p]);
        }
        lanes[r][p] = _mm512_setzero_si512();
      }
    }
  }
  store<rows, panels>(t, sums, spill == Spill::unscaled ? t.factor : 1.0f);
}

template <int rows, int panels>
PRECSIM_TARGET void float_tile(const Tile& t) {
  __m512 sums[rows][panels];
  load<rows, panels>(t, sums);
  const Word* rows_at[rows];
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    rows_at[r] = t.rows[r];
  }
  const std::int64_t row_step = t.row_step;
  for (const Segment& segment : t.segments) {
    const Word* left = t.panel + segment.panel * panel_lanes;
    const Word* const end = left + segment.steps * panel_lanes;
    const std::int64_t next = t.next_panel;
    std::int64_t at = segment.row;
    for (; left != end; left += panel_lanes, at += row_step) {
      __m512 b[panels];
      PRECSIM_UNROLL for (int p = 0; p < panels; ++p) {
        b[p] = load_words<__m512>(left + p * next);
      }
      PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
        const __m512 a = _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(rows_at[r][at])));
        PRECSIM_UNROLL for (int p = 0; p < panels; ++p) {
          multiply_add(sums[r][p], a, b[p]);
        }
      }
    }
  }
  PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
    PRECSIM_UNROLL for (int p = 0; p < panels; ++p) {
      // -0 becomes +0
      _mm512_storeu_ps(t.sums + r * t.sums_row + p * panel_lanes, _mm512_add_ps(sums[r][p], _mm512_setzero_ps()));
    }
  }
}

template <class Step, Spill spill, int panels>
constexpr void set_integer(TileFunctions& functions) {
  functions.of[panels - 1][0] = integer_tile<1, panels, Step, spill>;
  functions.of[panels - 1][1] = integer_tile<2, panels, Step, spill>;
  functions.of[panels - 1][2] = integer_tile<3, panels, Step, spill>;
  functions.of[panels - 1][3] = integer_tile<4, panels, Step, spill>;
  functions.of[panels - 1][4] = integer_tile<5, panels, Step, spill>;
  functions.of[panels - 1][5] = integer_tile<6, panels, Step, spill>;
  functions.of[panels - 1][6] = integer_tile<7, panels, Step, spill>;
}

template <class Step, Spill spill>
constexpr TileFunctions integer_functions() {
  TileFunctions functions{};
  set_integer<Step, spill, 1>(functions);
  set_integer<Step, spill, 2>(functions);
  return functions;
}

constexpr TileFunctions fma_functions{{{float_tile<1, 1>, float_tile<2, 1>, float_tile<3, 1>, float_tile<4, 1>,
                                        float_tile<5, 1>, float_tile<6, 1>, float_tile<7, 1>},
                                       {float_tile<1, 2>, float_tile<2, 2>, float_tile<3, 2>, float_tile<4, 2>,
                                        float_tile<5, 2>, float_tile<6, 2>, float_tile<7, 2>}}};

template <class WrapStep, class SaturateStep>
constexpr NativeKernel kernel() {
  return {7,
          2,
          {integer_functions<WrapStep, Spill::unscaled>(), integer_functions<WrapStep, Spill::scaled>(),
           integer_functions<WrapStep, Spill::blocked>()},
          {integer_functions<SaturateStep, Spill::unscaled>(), integer_functions<SaturateStep, Spill::scaled>(),
           integer_functions<SaturateStep, Spill::blocked>()},
          fma_functions};
}

}  // namespace

constinit const NativeKernel avx512_vnni = kernel<VnniWrap, VnniSaturate>();
constinit const NativeKernel avx512 = kernel<Wrap, Saturate>();

}  // namespace precsim::kernels::native
