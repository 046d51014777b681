// Tiles for AVX-512, with and without VNNI: up to 14 rows x 32 lanes or 16 x 16.
#include <immintrin.h>

#include "sim/kernels/native/native_kernel.hpp"
#include "sim/kernels/native/tile_table.hpp"

#define PRECSIM_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define PRECSIM_UNROLL _Pragma("GCC unroll 16")

namespace precsim::kernels::native {
namespace {

enum class Step : std::uint8_t { vnni_wrap, vnni_saturate, wrap, fma };

/// All loops are assembly, so that no compiler moves or spills a lane. Row r: zmm r (first panel) and zmm 14 + r
/// (second); zmm28 and zmm29: a step of the panels; zmm30: a word of a row; rows begin at %r8 ... %r15. Where half of
/// the registers are enough for lanes, the sums of chains stay in the other half, `halves` behind their lanes. The
/// assembler's loops write out the rows.
template <int rows, int panels, Step step, bool spills>
PRECSIM_TARGET PRECSIM_PLAIN void run_loops(const Tile& tile, std::span<const Segment> segments, const float* factor,
                                            Source from, Target to) {
  constexpr int halves = panels == 1 ? 14 : 7;
  constexpr bool resident = spills && rows <= halves;
  const std::int64_t next_panel = tile.next_panel * 4;
  const std::int64_t row_step = tile.row_step * 4;
  const std::int64_t second_row = tile.second * 4;
  const Segment* segment = segments.data();
  const Segment* const end = segment + segments.size();
  const void* scratch = tile.rows;
  const Word* ahead = tile.ahead;
  const Word* const first_panel = tile.panel;
  const Word* source = from.words;
  std::int64_t source_distance = from.distance * 4;
  Word* target = spills && !resident ? tile.sums : to.words;
  std::int64_t target_distance = (spills && !resident ? tile_distance : to.distance) * 4;
  const std::int64_t last_distance = to.distance * 4;
  const Word* panel;
  std::int64_t at, second, steps;
  __asm__ volatile(
      ".irp r, 0,1,2,3,4,5,6,7\n\t"
      ".irp p, 8,9,10,11,12,13,14,15\n\t"
      ".if \\p == 8 + \\r && \\r < %c[rows]\n\t"
      "mov 8*\\r(%[scratch]), %%r\\p\n\t"
      ".endif\n\t.endr\n\t.endr\n\t"

      "mov %[source], %[scratch]\n\t"
      ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
      ".if \\r < %c[rows] && (%c[resident] || %c[kind] < 4)\n\t"
      ".irp q, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\n\t"
      ".if \\q == \\r + %c[resident]\n\t"
      "vmovups (%[scratch]), %%zmm\\q\n\t"
      ".elseif \\q == \\r + 14 + %c[resident] && %c[wide] == 14\n\t"
      "vmovups 64(%[scratch]), %%zmm\\q\n\t"
      ".endif\n\t.endr\n\t"
      "add %[source_distance], %[scratch]\n\t"
      ".endif\n\t.endr\n\t"
      ".if %c[kind] > 3\n"
      "0:\n\t"
      ".irp q, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\n\t"
      ".if \\q - \\q / %c[wide] * %c[wide] < %c[rows]\n\t"
      "vpxord %%xmm\\q, %%xmm\\q, %%xmm\\q\n\t"
      ".endif\n\t.endr\n\t"
      ".endif\n"

      "1:\n\t"
      "mov %[segment], %[scratch]\n\t"
      "mov (%[scratch]), %[at]\n\t"
      "mov 8(%[scratch]), %[panel]\n\t"
      "mov 16(%[scratch]), %[steps]\n\t"
      "shl $2, %[at]\n\t"
      "mov %[second_row], %[second]\n\t"
      "add %[at], %[second]\n\t"
      "shl $6, %[panel]\n\t"
      "add %[first_panel], %[panel]\n\t"
      "mov %[ahead], %[scratch]\n\t"
      ".p2align 5\n"
      "2:\n\t"
      "prefetcht0 768(%%r8,%[at])\n\t"
      "prefetcht1 (%[scratch])\n\t"
      "add $64, %[scratch]\n\t"
      "vmovups (%[panel]), %%zmm28\n\t"
      ".if %c[wide] == 14\n\t"
      "vmovups (%[panel],%[next_panel]), %%zmm29\n\t"
      ".endif\n\t"
      ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
      ".if \\r < %c[rows]\n\t"
      ".irp p, 8,9,10,11,12,13,14,15\n\t"
      ".if \\r == \\p - 8\n\t"
      "vpbroadcastd (%%r\\p,%[at]), %%zmm30\n\t"
      ".elseif \\r == \\p\n\t"
      "vpbroadcastd (%%r\\p,%[second]), %%zmm30\n\t"
      ".endif\n\t.endr\n\t"
      ".irp b, 28,29\n\t"
      ".irp q, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\n\t"
      ".if \\q == \\r + 14 * (\\b - 28) && (\\b == 28 || %c[wide] == 14)\n\t"
      ".if (%c[kind] & 3) == 0\n\t"
      "vpdpwssd %%zmm\\b, %%zmm30, %%zmm\\q\n\t"
      ".elseif (%c[kind] & 3) == 1\n\t"
      "vpdpwssds %%zmm\\b, %%zmm30, %%zmm\\q\n\t"
      ".elseif (%c[kind] & 3) == 2\n\t"
      "vpmaddwd %%zmm\\b, %%zmm30, %%zmm31\n\t"
      "vpaddd %%zmm31, %%zmm\\q, %%zmm\\q\n\t"
      ".else\n\t"
      "vfmadd231ps %%zmm\\b, %%zmm30, %%zmm\\q\n\t"
      ".endif\n\t.endif\n\t.endr\n\t.endr\n\t"
      ".endif\n\t.endr\n\t"
      "add %[row_step], %[at]\n\t"
      ".if %c[rows] > 8\n\t"
      "add %[row_step], %[second]\n\t"
      ".endif\n\t"
      "add $64, %[panel]\n\t"
      "dec %[steps]\n\t"
      "jnz 2b\n\t"
      "mov %[scratch], %[ahead]\n\t"
      "mov %[segment], %[scratch]\n\t"
      "lea 40(%[scratch]), %[at]\n\t"
      "mov %[at], %[segment]\n\t"

      ".if %c[kind] > 3\n\t"
      "cmpb $0, 32(%[scratch])\n\t"
      "je 1b\n\t"
      "mov %[factor], %[scratch]\n\t"
      "vbroadcastss (%[scratch]), %%zmm30\n\t"
      ".if %c[resident]\n\t"
      ".irp q, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\n\t"
      ".irp s, 7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\n\t"
      ".if \\s == \\q + %c[resident] && \\q - \\q / %c[wide] * %c[wide] < %c[rows]\n\t"
      "vcvtdq2ps %%zmm\\q, %%zmm\\q\n\t"
      "vfmadd231ps %%zmm\\q, %%zmm30, %%zmm\\s\n\t"
      ".endif\n\t.endr\n\t.endr\n\t"
      "cmp %[end], %[at]\n\t"
      "jne 0b\n\t"
      ".else\n\t"
      "cmp %[end], %[at]\n\t"
      "jne 3f\n\t"
      "mov %[last_distance], %[scratch]\n\t"
      "mov %[scratch], %[target_distance]\n\t"
      "mov %[last], %[scratch]\n\t"
      "mov %[scratch], %[target]\n"
      "3:\n\t"
      "mov %[source], %[scratch]\n\t"
      ".endif\n\t"
      ".else\n\t"
      "cmp %[end], %[at]\n\t"
      "jne 1b\n\t"
      ".if %c[kind] == 3\n\t"
      "vpxord %%xmm30, %%xmm30, %%xmm30\n\t"
      ".endif\n\t"
      ".endif\n\t"

      "mov %[target], %[steps]\n\t"
      ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
      ".if \\r < %c[rows]\n\t"
      ".irp q, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\n\t"
      ".if \\q == \\r + %c[resident] || (\\q == \\r + 14 + %c[resident] && %c[wide] == 14)\n\t"
      ".if %c[kind] == 3\n\t"
      "vaddps %%zmm30, %%zmm\\q, %%zmm\\q\n\t"
      ".elseif %c[kind] > 3 && %c[resident] == 0\n\t"
      "vcvtdq2ps %%zmm\\q, %%zmm\\q\n\t"
      "vfmadd213ps 64*(\\q/%c[wide])(%[scratch]), %%zmm30, %%zmm\\q\n\t"
      ".endif\n\t"
      "vmovups %%zmm\\q, 64*((\\q-\\r-%c[resident])/14)(%[steps])\n\t"
      ".endif\n\t.endr\n\t"
      ".if %c[kind] > 3 && %c[resident] == 0\n\t"
      "add %[source_distance], %[scratch]\n\t"
      ".endif\n\t"
      "add %[target_distance], %[steps]\n\t"
      ".endif\n\t.endr\n\t"
      ".if %c[kind] > 3 && %c[resident] == 0\n\t"
      "mov %[target_distance], %[scratch]\n\t"
      "mov %[scratch], %[source_distance]\n\t"
      "mov %[target], %[scratch]\n\t"
      "mov %[scratch], %[source]\n\t"
      "cmp %[end], %[at]\n\t"
      "jne 0b\n\t"
      ".endif\n\t"
      : [panel] "=&r"(panel), [at] "=&r"(at), [second] "=&r"(second), [scratch] "+&r"(scratch), [steps] "=&r"(steps),
        [segment] "+m"(segment), [ahead] "+m"(ahead), [source] "+m"(source), [source_distance] "+m"(source_distance),
        [target] "+m"(target), [target_distance] "+m"(target_distance)
      : [next_panel] "r"(next_panel), [row_step] "m"(row_step), [second_row] "m"(second_row), [end] "m"(end),
        [first_panel] "m"(first_panel), [factor] "m"(factor), [last] "m"(to.words), [last_distance] "m"(last_distance),
        [rows] "i"(rows), [wide] "i"(panels == 1 ? 28 : 14), [kind] "i"(static_cast<int>(step) + (spills ? 4 : 0)),
        [resident] "i"(resident ? halves : 0)
      : "memory", "cc", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "zmm0", "zmm1", "zmm2", "zmm3", "zmm4",
        "zmm5", "zmm6", "zmm7", "zmm8", "zmm9", "zmm10", "zmm11", "zmm12", "zmm13", "zmm14", "zmm15", "zmm16", "zmm17",
        "zmm18", "zmm19", "zmm20", "zmm21", "zmm22", "zmm23", "zmm24", "zmm25", "zmm26", "zmm27", "zmm28", "zmm29",
        "zmm30", "zmm31");
}

/// VPDPWSSDS without VNNI: the exact sum clamped. VPMADDWD returns the one pair sum of +2^31 as -2^31, which no other
/// pair sum equals.
PRECSIM_TARGET inline __m512i add_clamped(__m512i lane, __m512i a, __m512i b) {
  const __m512i pair = _mm512_madd_epi16(a, b);
  const __m512i sum = _mm512_add_epi32(lane, pair);
  const __m512i limit = _mm512_xor_si512(_mm512_srai_epi32(lane, 31), _mm512_set1_epi32(INT32_MAX));
  const __mmask16 high_pair = _mm512_cmpeq_epi32_mask(pair, _mm512_set1_epi32(INT32_MIN));
  // (lane ^ sum) & ~(lane ^ pair), sign bit: signs agreed and the sum's differs.
  const __m512i changed = _mm512_ternarylogic_epi32(lane, sum, pair, 0x24);
  const __mmask16 overflow = _mm512_movepi32_mask(changed);
  const __mmask16 beyond = _mm512_movepi32_mask(lane);
  const auto exceeds = static_cast<__mmask16>((high_pair & ~beyond) | (~high_pair & overflow));
  return _mm512_mask_mov_epi32(sum, exceeds, limit);
}

template <int rows, int panels>
PRECSIM_TARGET void run_clamped(const Tile& tile, std::span<const Segment> segments, const float*, Source from,
                                Target to) {
  __m512i lanes[rows][panels];
  for (int r = 0; r < rows; ++r) {
    for (int p = 0; p < panels; ++p) {
      lanes[r][p] = _mm512_loadu_si512(from.words + r * from.distance + p * panel_lanes);
    }
  }
  for (const Segment& segment : segments) {
    for (std::int64_t s = 0; s < segment.steps; ++s) {
      for (int p = 0; p < panels; ++p) {
        const Word* panel = tile.panel + (segment.panel + s) * panel_lanes + p * tile.next_panel;
        const __m512i b = _mm512_loadu_si512(panel);
        for (int r = 0; r < rows; ++r) {
          const Word* row = tile.rows[r];
          const __m512i a = _mm512_set1_epi32(static_cast<int>(row[segment.row + s * tile.row_step]));
          lanes[r][p] = add_clamped(lanes[r][p], a, b);
        }
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int p = 0; p < panels; ++p) {
      _mm512_storeu_si512(to.words + r * to.distance + p * panel_lanes, lanes[r][p]);
    }
  }
}

struct Sums {
  template <int rows, int panels, Spill kind>
  PRECSIM_TARGET static void spill(Source lanes, Source from, Target to, const SpillFactors& factors) {
    PRECSIM_UNROLL for (int r = 0; r < rows; ++r) {
      PRECSIM_UNROLL for (int p = 0; p < panels; ++p) {
        __m512 factor = _mm512_set1_ps(factors.factor);
        if constexpr (kind == Spill::blocked) {
          factor = _mm512_mul_ps(_mm512_set1_ps(factors.rows[r * factors.next_row]),
                                 _mm512_loadu_ps(factors.lanes + p * factors.next_lanes));
        }
        const std::int64_t lane = p * panel_lanes;
        const __m512 chain =
            _mm512_maskz_cvtepi32_ps(0xffff, _mm512_loadu_si512(lanes.words + r * lanes.distance + lane));
        const __m512 sum = _mm512_loadu_ps(from.words + r * from.distance + lane);
        _mm512_storeu_ps(to.words + r * to.distance + lane, _mm512_fmadd_ps(chain, factor, sum));
      }
    }
  }

  PRECSIM_TARGET static void finish(int rows, int panels, Source from, Target to, float factor) {
    for (int r = 0; r < rows; ++r) {
      for (int p = 0; p < panels; ++p) {
        const __m512 sum = _mm512_loadu_ps(from.words + r * from.distance + p * panel_lanes);
        _mm512_storeu_ps(to.words + r * to.distance + p * panel_lanes,
                         _mm512_fmadd_ps(sum, _mm512_set1_ps(factor), _mm512_setzero_ps()));
      }
    }
  }
};

template <Step step, bool spills>
struct Loop {
  static constexpr int panels = 2;
  static constexpr int rows(int width) { return width == 1 ? 16 : 14; }
  template <int height, int width>
  static constexpr LoopFunction function = run_loops<height, width, step, spills>;
};

struct Clamped {
  static constexpr int panels = 2;
  static constexpr int rows(int) { return 4; }
  template <int height, int width>
  static constexpr LoopFunction function = run_clamped<height, width>;
};

}  // namespace

constinit const NativeKernel avx512_vnni =
    native_kernel<Loop<Step::vnni_wrap, false>, Loop<Step::vnni_wrap, true>, Loop<Step::vnni_saturate, false>,
                  Loop<Step::vnni_saturate, true>, Loop<Step::fma, false>, Sums>();
constinit const NativeKernel avx512 = native_kernel<Loop<Step::wrap, false>, Loop<Step::wrap, true>, Clamped,
                                                    Chains<Clamped, Sums>, Loop<Step::fma, false>, Sums>();

}  // namespace precsim::kernels::native
