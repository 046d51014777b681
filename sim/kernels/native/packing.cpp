// Packing of panels by instruction set.
#include "sim/kernels/native/packing.hpp"

#include <cstring>

#include "sim/kernels/native/pack.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace precsim::kernels::native {
namespace {

void pack_codes(const std::int16_t* base, const std::int64_t* lines, std::int64_t steps, std::int64_t panels, Word* to,
                std::int64_t next_panel) {
  for (std::int64_t s = 0; s < steps; ++s) {
    for (std::int64_t p = 0; p < panels; ++p) {
      const std::int16_t* low = base + lines[2 * s] + p * panel_lanes;
      const std::int16_t* high = base + lines[2 * s + 1] + p * panel_lanes;
      Word* step = to + p * next_panel + s * panel_lanes;
      for (int j = 0; j < panel_lanes; ++j) {
        step[j] = static_cast<std::uint16_t>(low[j]) | static_cast<Word>(static_cast<std::uint16_t>(high[j])) << 16;
      }
    }
  }
}

void pack_numbers(const float* base, const std::int64_t* lines, std::int64_t steps, std::int64_t panels, Word* to,
                  std::int64_t next_panel) {
  for (std::int64_t s = 0; s < steps; ++s) {
    for (std::int64_t p = 0; p < panels; ++p) {
      std::memcpy(to + p * next_panel + s * panel_lanes, base + lines[s] + p * panel_lanes,
                  panel_lanes * sizeof(float));
    }
  }
}

void pack_words(const Word* const (&rows)[panel_lanes], std::int64_t steps, Word* to, std::int64_t width) {
  pack_rows(rows, steps, to, width);
}

constexpr Packing portable_packing{pack_codes, pack_numbers, pack_words};

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw"))) void pack_codes_avx512(const std::int16_t* base, const std::int64_t* lines,
                                                                   std::int64_t steps, std::int64_t panels, Word* to,
                                                                   std::int64_t next_panel) {
  std::int64_t p = 0;
  for (; p + 2 <= panels; p += 2, base += 2 * panel_lanes, to += 2 * next_panel) {
    const __m512i left = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i right = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    for (std::int64_t s = 0; s < steps; ++s) {
      const __m512i a = _mm512_loadu_si512(base + lines[2 * s]);
      const __m512i b = _mm512_loadu_si512(base + lines[2 * s + 1]);
      const __m512i low = _mm512_unpacklo_epi16(a, b);
      const __m512i high = _mm512_unpackhi_epi16(a, b);
      _mm512_storeu_si512(to + s * panel_lanes, _mm512_permutex2var_epi64(low, left, high));
      _mm512_storeu_si512(to + s * panel_lanes + next_panel, _mm512_permutex2var_epi64(low, right, high));
    }
  }
  for (; p < panels; ++p, base += panel_lanes, to += next_panel) {
    for (std::int64_t s = 0; s < steps; ++s) {
      const auto* low = reinterpret_cast<const __m256i*>(base + lines[2 * s]);
      const auto* high = reinterpret_cast<const __m256i*>(base + lines[2 * s + 1]);
      const __m512i a = _mm512_cvtepu16_epi32(_mm256_loadu_si256(low));
      const __m512i b = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(high)), 16);
      _mm512_storeu_si512(to + s * panel_lanes, _mm512_or_si512(a, b));
    }
  }
}

__attribute__((target("avx512f"))) void pack_numbers_avx512(const float* base, const std::int64_t* lines,
                                                            std::int64_t steps, std::int64_t panels, Word* to,
                                                            std::int64_t next_panel) {
  for (std::int64_t s = 0; s < steps; ++s) {
    for (std::int64_t p = 0; p < panels; ++p) {
      _mm512_storeu_ps(to + p * next_panel + s * panel_lanes, _mm512_loadu_ps(base + lines[s] + p * panel_lanes));
    }
  }
}

/// Sixteen steps at a time: a 16 x 16 transpose, pairs of words, then of pairs, then of quarters of a register.
__attribute__((target("avx512f"))) void pack_rows_avx512(const Word* const (&rows)[panel_lanes], std::int64_t steps,
                                                         Word* to, std::int64_t width) {
  static constexpr Word zeros[panel_lanes] = {};
  constexpr std::int64_t lines_ahead = 4;
  const auto lanes = static_cast<__mmask16>((1 << width) - 1);
  std::int64_t s = 0;
  for (; s + panel_lanes <= steps; s += panel_lanes) {
    __m512i a[16];
    __m512i b[16];
    for (int j = 0; j < 16; ++j) {
      const Word* const row = rows[j] == nullptr ? zeros : rows[j] + s;
      a[j] = _mm512_loadu_si512(row);
      _mm_prefetch(row + lines_ahead * panel_lanes, _MM_HINT_T0);
    }
    for (int j = 0; j < 16; j += 2) {
      b[j] = _mm512_unpacklo_epi32(a[j], a[j + 1]);
      b[j + 1] = _mm512_unpackhi_epi32(a[j], a[j + 1]);
    }
    for (int j = 0; j < 16; j += 4) {
      a[j] = _mm512_unpacklo_epi64(b[j], b[j + 2]);
      a[j + 1] = _mm512_unpackhi_epi64(b[j], b[j + 2]);
      a[j + 2] = _mm512_unpacklo_epi64(b[j + 1], b[j + 3]);
      a[j + 3] = _mm512_unpackhi_epi64(b[j + 1], b[j + 3]);
    }
    for (int i = 0; i < 4; ++i) {  // a[i + 4 q]: steps i, 4 + i, 8 + i, 12 + i of lanes 4 q to 4 q + 3
      const __m512i low01 = _mm512_shuffle_i32x4(a[i], a[i + 4], 0x88);
      const __m512i high01 = _mm512_shuffle_i32x4(a[i], a[i + 4], 0xdd);
      const __m512i low23 = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0x88);
      const __m512i high23 = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0xdd);
      Word* const step = to + (s + i) * width;
      _mm512_mask_storeu_epi32(step, lanes, _mm512_shuffle_i32x4(low01, low23, 0x88));
      _mm512_mask_storeu_epi32(step + 4 * width, lanes, _mm512_shuffle_i32x4(high01, high23, 0x88));
      _mm512_mask_storeu_epi32(step + 8 * width, lanes, _mm512_shuffle_i32x4(low01, low23, 0xdd));
      _mm512_mask_storeu_epi32(step + 12 * width, lanes, _mm512_shuffle_i32x4(high01, high23, 0xdd));
    }
  }
  pack_rows(rows, steps, to, width, s);
}

__attribute__((target("avx2"))) void pack_codes_avx2(const std::int16_t* base, const std::int64_t* lines,
                                                     std::int64_t steps, std::int64_t panels, Word* to,
                                                     std::int64_t next_panel) {
  for (std::int64_t s = 0; s < steps; ++s) {
    for (std::int64_t p = 0; p < panels; ++p) {
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(base + lines[2 * s] + p * panel_lanes));
      const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(base + lines[2 * s + 1] + p * panel_lanes));
      const __m256i even = _mm256_unpacklo_epi16(a, b);
      const __m256i odd = _mm256_unpackhi_epi16(a, b);
      auto* step = reinterpret_cast<__m256i*>(to + p * next_panel + s * panel_lanes);
      _mm256_storeu_si256(step, _mm256_permute2x128_si256(even, odd, 0x20));
      _mm256_storeu_si256(step + 1, _mm256_permute2x128_si256(even, odd, 0x31));
    }
  }
}

constexpr Packing avx512_packing{pack_codes_avx512, pack_numbers_avx512, pack_rows_avx512};
constexpr Packing avx2_packing{pack_codes_avx2, pack_numbers, pack_words};
#endif

}  // namespace

const Packing& packing([[maybe_unused]] const NativeKernel& kernel) {
#if defined(__x86_64__)
  if (&kernel == &avx512_vnni || &kernel == &avx512) {
    return avx512_packing;
  }
  if (&kernel == &avx_vnni || &kernel == &avx2) {
    return avx2_packing;
  }
#endif
  return portable_packing;
}

}  // namespace precsim::kernels::native
