// Packing of panels by instruction set.
#include "sim/kernels/native/packing.hpp"

#include <cstring>

#include "sim/kernels/native/pack.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace precsim::kernels::native {
namespace {

void pack_codes(const PackedLines<std::int16_t>& lines, std::int64_t steps, Word* to, std::int64_t next_panel) {
  for (const std::int64_t panel : lines.panels) {
    const std::int16_t* low = lines.first + panel;
    for (std::int64_t s = 0; s < steps; ++s, low += lines.distance) {
      for (int j = 0; j < panel_lanes; ++j) {
        const Word high = static_cast<std::uint16_t>(low[lines.pair + j]);
        to[s * panel_lanes + j] = static_cast<std::uint16_t>(low[j]) | high << 16;
      }
    }
    to += next_panel;
  }
}

void pack_numbers(const PackedLines<float>& lines, std::int64_t steps, Word* to, std::int64_t next_panel) {
  for (const std::int64_t panel : lines.panels) {
    for (std::int64_t s = 0; s < steps; ++s) {
      std::memcpy(to + s * panel_lanes, lines.first + panel + s * lines.distance, panel_lanes * sizeof(float));
    }
    to += next_panel;
  }
}

void pack_words(const Word* const (&rows)[panel_lanes], std::int64_t steps, Word* to, std::int64_t width) {
  pack_rows(rows, steps, to, width);
}

constexpr Packing portable_packing{pack_codes, pack_numbers, pack_words};

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw"))) void pack_codes_avx512(const PackedLines<std::int16_t>& lines,
                                                                   std::int64_t steps, Word* to,
                                                                   std::int64_t next_panel) {
  const __m512i halves = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                          21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  for (const std::int64_t panel : lines.panels) {
    const std::int16_t* low = lines.first + panel;
    for (std::int64_t s = 0; s < steps; ++s, low += lines.distance) {
      const __m512i a = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(low)));
      const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(low + lines.pair));
      _mm512_storeu_si512(to + s * panel_lanes, _mm512_permutexvar_epi16(halves, _mm512_inserti64x4(a, b, 1)));
    }
    to += next_panel;
  }
}

__attribute__((target("avx512f"))) void pack_numbers_avx512(const PackedLines<float>& lines, std::int64_t steps,
                                                            Word* to, std::int64_t next_panel) {
  for (const std::int64_t panel : lines.panels) {
    for (std::int64_t s = 0; s < steps; ++s) {
      _mm512_storeu_ps(to + s * panel_lanes, _mm512_loadu_ps(lines.first + panel + s * lines.distance));
    }
    to += next_panel;
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

__attribute__((target("avx2"))) void pack_codes_avx2(const PackedLines<std::int16_t>& lines, std::int64_t steps,
                                                     Word* to, std::int64_t next_panel) {
  for (const std::int64_t panel : lines.panels) {
    const std::int16_t* low = lines.first + panel;
    for (std::int64_t s = 0; s < steps; ++s, low += lines.distance) {
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(low));
      const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(low + lines.pair));
      const __m256i even = _mm256_unpacklo_epi16(a, b);
      const __m256i odd = _mm256_unpackhi_epi16(a, b);
      auto* const step = reinterpret_cast<__m256i*>(to + s * panel_lanes);
      _mm256_storeu_si256(step, _mm256_permute2x128_si256(even, odd, 0x20));
      _mm256_storeu_si256(step + 1, _mm256_permute2x128_si256(even, odd, 0x31));
    }
    to += next_panel;
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
