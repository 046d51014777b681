// Tiles for 256-bit vectors, with and without VNNI: up to 6 rows x 16 lanes.
#include <immintrin.h>

#include "sim/kernels/native/native_kernel.hpp"
#include "sim/kernels/native/tile_table.hpp"

#define PRECSIM_TARGET __attribute__((target("avx2,fma")))
#define PRECSIM_UNROLL _Pragma("GCC unroll 8")

namespace precsim::kernels::native {
namespace {

constexpr int halves = 2;
constexpr int half_lanes = panel_lanes / halves;

enum class Step : std::uint8_t { vnni_wrap, vnni_saturate, wrap, fma };

/// The whole loop is assembly, so that no compiler moves or spills a lane. Row r: ymm r (lower lanes) and ymm 6 + r
/// (upper); ymm12 and ymm13: a step of the panel; ymm14: a word of a row. The assembler's loops write out the rows.
/// Rows begin at %r8 ... %r13.
template <int rows, Step step>
PRECSIM_TARGET PRECSIM_PLAIN void run_lanes(const Tile& tile, std::span<const Segment> segments, const float*,
                                            Source from, Target to) {
  const std::int64_t row_step = tile.row_step * 4;
  const std::int64_t from_distance = from.distance * 4;
  const std::int64_t to_distance = to.distance * 4;
  const Segment* segment = segments.data();
  const Segment* const end = segment + segments.size();
  const void* scratch = tile.rows;
  const Word* panel;
  std::int64_t steps, at;
  __asm__ volatile(
      ".irp r, 0,1,2,3,4,5\n\t"
      ".irp p, 8,9,10,11,12,13\n\t"
      ".if \\p == 8 + \\r && \\r < %c[rows]\n\t"
      "mov 8*\\r(%[scratch]), %%r\\p\n\t"
      ".endif\n\t.endr\n\t.endr\n\t"

      "mov %[from], %[scratch]\n\t"
      ".irp r, 0,1,2,3,4,5\n\t"
      ".if \\r < %c[rows]\n\t"
      "vmovups (%[scratch]), %%ymm\\r\n\t"
      ".irp q, 6,7,8,9,10,11\n\t"
      ".if \\q == 6 + \\r\n\t"
      "vmovups 32(%[scratch]), %%ymm\\q\n\t"
      ".endif\n\t.endr\n\t"
      "add %[from_distance], %[scratch]\n\t"
      ".endif\n\t.endr\n\t"

      "0:\n\t"
      "mov (%[segment]), %[at]\n\t"
      "mov 8(%[segment]), %[panel]\n\t"
      "mov 16(%[segment]), %[steps]\n\t"
      "shl $2, %[at]\n\t"
      "shl $6, %[panel]\n\t"
      "add %[first_panel], %[panel]\n\t"
      ".p2align 5\n"
      "1:\n\t"
      "vmovups (%[panel]), %%ymm12\n\t"
      "vmovups 32(%[panel]), %%ymm13\n\t"
      ".irp r, 0,1,2,3,4,5\n\t"
      ".if \\r < %c[rows]\n\t"
      ".irp p, 8,9,10,11,12,13\n\t"
      ".if \\p == 8 + \\r\n\t"
      "vbroadcastss (%%r\\p,%[at]), %%ymm14\n\t"
      ".endif\n\t.endr\n\t"
      ".irp b, 12,13\n\t"
      ".irp q, 0,1,2,3,4,5,6,7,8,9,10,11\n\t"
      ".if \\q == \\r + 6 * (\\b - 12)\n\t"
      ".if %c[step] == 0\n\t"
      "%{vex%} vpdpwssd %%ymm\\b, %%ymm14, %%ymm\\q\n\t"
      ".elseif %c[step] == 1\n\t"
      "%{vex%} vpdpwssds %%ymm\\b, %%ymm14, %%ymm\\q\n\t"
      ".elseif %c[step] == 2\n\t"
      "vpmaddwd %%ymm\\b, %%ymm14, %%ymm15\n\t"
      "vpaddd %%ymm15, %%ymm\\q, %%ymm\\q\n\t"
      ".else\n\t"
      "vfmadd231ps %%ymm\\b, %%ymm14, %%ymm\\q\n\t"
      ".endif\n\t.endif\n\t.endr\n\t.endr\n\t"
      ".endif\n\t.endr\n\t"
      "add %[row_step], %[at]\n\t"
      "add $64, %[panel]\n\t"
      "dec %[steps]\n\t"
      "jnz 1b\n\t"
      "add $40, %[segment]\n\t"
      "cmp %[end], %[segment]\n\t"
      "jne 0b\n\t"

      "mov %[to], %[scratch]\n\t"
      ".if %c[step] == 3\n\t"
      "vpxor %%xmm14, %%xmm14, %%xmm14\n\t"
      ".irp q, 0,1,2,3,4,5,6,7,8,9,10,11\n\t"
      ".if \\q - \\q / 6 * 6 < %c[rows]\n\t"
      "vaddps %%ymm14, %%ymm\\q, %%ymm\\q\n\t"
      ".endif\n\t.endr\n\t"
      ".endif\n\t"
      ".irp r, 0,1,2,3,4,5\n\t"
      ".if \\r < %c[rows]\n\t"
      "vmovups %%ymm\\r, (%[scratch])\n\t"
      ".irp q, 6,7,8,9,10,11\n\t"
      ".if \\q == 6 + \\r\n\t"
      "vmovups %%ymm\\q, 32(%[scratch])\n\t"
      ".endif\n\t.endr\n\t"
      "add %[to_distance], %[scratch]\n\t"
      ".endif\n\t.endr\n\t"
      : [panel] "=&r"(panel), [steps] "=&r"(steps), [at] "=&r"(at), [scratch] "+&r"(scratch), [segment] "+&r"(segment)
      : [row_step] "m"(row_step), [from] "m"(from.words), [from_distance] "m"(from_distance), [to] "m"(to.words),
        [to_distance] "m"(to_distance), [first_panel] "m"(tile.panel), [end] "m"(end), [rows] "i"(rows),
        [step] "i"(static_cast<int>(step))
      : "memory", "cc", "r8", "r9", "r10", "r11", "r12", "r13", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
        "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

/// VPDPWSSDS without VNNI: the exact sum clamped. VPMADDWD returns the one pair sum of +2^31 as -2^31, which no other
/// pair sum equals.
PRECSIM_TARGET inline __m256i add_clamped(__m256i lane, __m256i a, __m256i b) {
  const __m256i pair = _mm256_madd_epi16(a, b);
  const __m256i sum = _mm256_add_epi32(lane, pair);
  const __m256i limit = _mm256_xor_si256(_mm256_srai_epi32(lane, 31), _mm256_set1_epi32(INT32_MAX));
  const __m256i high_pair = _mm256_cmpeq_epi32(pair, _mm256_set1_epi32(INT32_MIN));
  const __m256i changed = _mm256_andnot_si256(_mm256_xor_si256(lane, pair), _mm256_xor_si256(lane, sum));
  const __m256i not_negative = _mm256_andnot_si256(lane, high_pair);
  // Sign bits decide: blendv_ps looks at nothing else.
  const __m256 exceeds =
      _mm256_blendv_ps(_mm256_castsi256_ps(changed), _mm256_castsi256_ps(not_negative), _mm256_castsi256_ps(high_pair));
  return _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(sum), _mm256_castsi256_ps(limit), exceeds));
}

PRECSIM_TARGET inline __m256i load(const Word* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
PRECSIM_TARGET inline __m256 load_numbers(const Word* from) {
  return _mm256_castsi256_ps(load(from));
}
PRECSIM_TARGET inline void store(Word* to, __m256i words) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), words);
}
PRECSIM_TARGET inline void store(Word* to, __m256 numbers) {
  store(to, _mm256_castps_si256(numbers));
}

template <int rows>
PRECSIM_TARGET void run_clamped(const Tile& tile, std::span<const Segment> segments, const float*, Source from,
                                Target to) {
  __m256i lanes[rows][halves];
  for (int r = 0; r < rows; ++r) {
    for (int h = 0; h < halves; ++h) {
      lanes[r][h] = load(from.words + r * from.distance + h * half_lanes);
    }
  }
  for (const Segment& segment : segments) {
    for (std::int64_t s = 0; s < segment.steps; ++s) {
      const Word* panel = tile.panel + (segment.panel + s) * panel_lanes;
      for (int r = 0; r < rows; ++r) {
        const Word* row = tile.rows[r];
        const __m256i a = _mm256_set1_epi32(static_cast<int>(row[segment.row + s * tile.row_step]));
        for (int h = 0; h < halves; ++h) {
          lanes[r][h] = add_clamped(lanes[r][h], a, load(panel + h * half_lanes));
        }
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int h = 0; h < halves; ++h) {
      store(to.words + r * to.distance + h * half_lanes, lanes[r][h]);
    }
  }
}

struct Sums {
  template <int rows, int panels, Spill kind>
  PRECSIM_TARGET static void spill(Source lanes, Source from, Target to, const SpillFactors& factors) {
    PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
      PRECSIM_UNROLL for (int h = 0; h < halves; ++h) {
        const std::int64_t lane = h * half_lanes;
        __m256 factor = _mm256_set1_ps(factors.factor);
        if constexpr (kind == Spill::blocked) {
          factor =
              _mm256_mul_ps(_mm256_set1_ps(factors.rows[r * factors.next_row]), _mm256_loadu_ps(factors.lanes + lane));
        }
        const __m256 chain = _mm256_cvtepi32_ps(load(lanes.words + r * lanes.distance + lane));
        const __m256 sum = load_numbers(from.words + r * from.distance + lane);
        store(to.words + r * to.distance + lane, _mm256_fmadd_ps(chain, factor, sum));
      }
    }
  }

  PRECSIM_TARGET static void finish(int rows, int, Source from, Target to, float factor) {
    for (int r = 0; r < rows; ++r) {
      for (int h = 0; h < halves; ++h) {
        const __m256 sum = load_numbers(from.words + r * from.distance + h * half_lanes);
        store(to.words + r * to.distance + h * half_lanes,
              _mm256_fmadd_ps(sum, _mm256_set1_ps(factor), _mm256_setzero_ps()));
      }
    }
  }
};

template <Step step>
struct Loop {
  static constexpr int panels = 1;
  static constexpr int rows(int) { return 6; }
  template <int height, int width>
  static constexpr LoopFunction function = run_lanes<height, step>;
};

struct Clamped {
  static constexpr int panels = 1;
  static constexpr int rows(int) { return 2; }
  template <int height, int width>
  static constexpr LoopFunction function = run_clamped<height>;
};

using VnniWrap = Loop<Step::vnni_wrap>;
using VnniSaturate = Loop<Step::vnni_saturate>;
using Wrap = Loop<Step::wrap>;

}  // namespace

constinit const NativeKernel avx_vnni =
    native_kernel<VnniWrap, Chains<VnniWrap, Sums>, VnniSaturate, Chains<VnniSaturate, Sums>, Loop<Step::fma>, Sums>();
constinit const NativeKernel avx2 =
    native_kernel<Wrap, Chains<Wrap, Sums>, Clamped, Chains<Clamped, Sums>, Loop<Step::fma>, Sums>();

}  // namespace precsim::kernels::native
