// Sums of squares of codes.
#include "sim/kernels/native/line_squares.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace precsim::kernels::native {
namespace {

std::uint64_t square(std::int16_t code) {
  return static_cast<std::uint64_t>(std::int32_t{code} * code);
}

void along(const std::int16_t* codes, std::int64_t pieces, std::int64_t piece, std::uint64_t* sums) {
  for (std::int64_t i = 0; i < pieces; ++i) {
    std::uint64_t sum = 0;
    for (std::int64_t j = 0; j < piece; ++j) {
      sum += square(codes[i * piece + j]);
    }
    sums[i] = sum;
  }
}

void across(const std::int16_t* base, const std::int64_t* lines, std::int64_t count, std::int64_t lanes,
            std::uint64_t* sums) {
  for (std::int64_t j = 0; j < lanes; ++j) {
    sums[j] = 0;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; lines[i] >= 0 && j < lanes; ++j) {
      sums[j] += square(base[lines[i] + j]);
    }
  }
}

void add_every(const std::uint64_t* from, std::int64_t stride, std::int64_t count, std::uint64_t* sums) {
  for (std::int64_t i = 0; i < count; ++i) {
    sums[i] += from[i * stride];
  }
}

constexpr LineSquares portable_squares{along, across, add_every};

#if defined(__x86_64__)
#define PRECSIM_TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))

constexpr std::int64_t register_codes = 32;

/// Sums of four squares. Those of two reach 2^31: they are unsigned from here on.
PRECSIM_TARGET inline __m512i squares_of(const std::int16_t* codes) {
  const __m512i c = _mm512_loadu_si512(codes);
  const __m512i pairs = _mm512_madd_epi16(c, c);
  return _mm512_add_epi64(_mm512_and_si512(pairs, _mm512_set1_epi64(0xffffffff)), _mm512_srli_epi64(pairs, 32));
}

/// Sums of neighbors, those of a first.
PRECSIM_TARGET inline __m512i add_neighbors(__m512i a, __m512i b) {
  const __m512i even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
  const __m512i odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
  return _mm512_add_epi64(_mm512_permutex2var_epi64(a, even, b), _mm512_permutex2var_epi64(a, odd, b));
}

/// The sums of eight pieces of at most a register, or of `registers` registers.
template <int piece>
PRECSIM_TARGET inline __m512i eight_pieces(const std::int16_t* codes, std::int64_t registers) {
  if constexpr (piece == 4) {
    __m512i sum = squares_of(codes);
    for (std::int64_t i = 1; i < registers; ++i) {
      sum = _mm512_add_epi64(sum, squares_of(codes + i * register_codes));
    }
    return sum;
  } else {
    const std::int16_t* const second = codes + 4 * piece * registers;
    return add_neighbors(eight_pieces<piece / 2>(codes, registers), eight_pieces<piece / 2>(second, registers));
  }
}

template <int piece>
PRECSIM_TARGET inline void along_pieces(const std::int16_t* codes, std::int64_t pieces, std::int64_t registers,
                                        std::uint64_t* sums) {
  std::int64_t i = 0;
  for (; i + 8 <= pieces; i += 8) {
    _mm512_storeu_si512(sums + i, eight_pieces<piece>(codes + i * piece * registers, registers));
  }
  along(codes + i * piece * registers, pieces - i, piece * registers, sums + i);
}

PRECSIM_TARGET void along_avx512(const std::int16_t* codes, std::int64_t pieces, std::int64_t piece,
                                 std::uint64_t* sums) {
  if (piece % register_codes == 0) {
    return along_pieces<register_codes>(codes, pieces, piece / register_codes, sums);
  }
  switch (piece) {
    case 4:
      return along_pieces<4>(codes, pieces, 1, sums);
    case 8:
      return along_pieces<8>(codes, pieces, 1, sums);
    case 16:
      return along_pieces<16>(codes, pieces, 1, sums);
    default:
      return along(codes, pieces, piece, sums);
  }
}

PRECSIM_TARGET void add_every_avx512(const std::uint64_t* from, std::int64_t stride, std::int64_t count,
                                     std::uint64_t* sums) {
  constexpr std::int64_t width = 8;
  std::int64_t i = 0;
  for (; stride == 1 && i + width <= count; i += width) {
    _mm512_storeu_si512(sums + i, _mm512_add_epi64(_mm512_loadu_si512(sums + i), _mm512_loadu_si512(from + i)));
  }
  for (; stride == 2 && i + width < count; i += width) {
    const __m512i even =
        _mm512_permutex2var_epi64(_mm512_loadu_si512(from + 2 * i), _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0),
                                  _mm512_loadu_si512(from + 2 * i + width));
    _mm512_storeu_si512(sums + i, _mm512_add_epi64(_mm512_loadu_si512(sums + i), even));
  }
  add_every(from + i * stride, stride, count - i, sums + i);
}

/// Sixteen lanes; two pairs of lines to a register.
PRECSIM_TARGET void across_half(const std::int16_t* base, const std::int64_t* lines, std::int64_t count,
                                std::uint64_t* sums) {
  const auto load = [&](std::int64_t i) PRECSIM_TARGET {
    return i < count && lines[i] >= 0 ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(base + lines[i]))
                                      : _mm256_setzero_si256();
  };
  __m512i low = _mm512_setzero_si512();
  __m512i high = low;
  __m512i low_odd = low;
  __m512i high_odd = low;
  const __m512i low_half = _mm512_set1_epi64(0xffffffff);
  for (std::int64_t i = 0; i < count; i += 4) {
    const __m512i a = _mm512_inserti64x4(_mm512_castsi256_si512(load(i)), load(i + 2), 1);
    const __m512i b = _mm512_inserti64x4(_mm512_castsi256_si512(load(i + 1)), load(i + 3), 1);
    const __m512i even = _mm512_unpacklo_epi16(a, b);
    const __m512i odd = _mm512_unpackhi_epi16(a, b);
    const __m512i low_pairs = _mm512_madd_epi16(even, even);
    const __m512i high_pairs = _mm512_madd_epi16(odd, odd);
    low = _mm512_add_epi64(low, _mm512_and_si512(low_pairs, low_half));
    low_odd = _mm512_add_epi64(low_odd, _mm512_srli_epi64(low_pairs, 32));
    high = _mm512_add_epi64(high, _mm512_and_si512(high_pairs, low_half));
    high_odd = _mm512_add_epi64(high_odd, _mm512_srli_epi64(high_pairs, 32));
  }
  const auto store = [&](std::int64_t at, __m512i sum) PRECSIM_TARGET {
    const __m256i both = _mm256_add_epi64(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + at), both);
  };
  store(0, low);
  store(4, low_odd);
  store(8, high);
  store(12, high_odd);
}

/// At most eight lanes.
PRECSIM_TARGET void across_few(const std::int16_t* base, const std::int64_t* lines, std::int64_t count,
                               std::int64_t lanes, std::uint64_t* sums) {
  const auto mask = static_cast<__mmask8>((1u << lanes) - 1);
  __m512i even = _mm512_setzero_si512();
  __m512i odd = even;
  const auto squares = [&](std::int64_t i) PRECSIM_TARGET {
    const __m128i line =
        i < count && lines[i] >= 0 ? _mm_maskz_loadu_epi16(mask, base + lines[i]) : _mm_setzero_si128();
    const __m512i wide = _mm512_cvtepi16_epi64(line);
    return _mm512_mul_epi32(wide, wide);
  };
  for (std::int64_t i = 0; i < count; i += 2) {
    even = _mm512_add_epi64(even, squares(i));
    odd = _mm512_add_epi64(odd, squares(i + 1));
  }
  _mm512_mask_storeu_epi64(sums, mask, _mm512_add_epi64(even, odd));
}

PRECSIM_TARGET void across_avx512(const std::int16_t* base, const std::int64_t* lines, std::int64_t count,
                                  std::int64_t lanes, std::uint64_t* sums) {
  std::int64_t j = 0;
  for (; j + register_codes <= lanes; j += register_codes) {
    const auto load = [&](std::int64_t i) PRECSIM_TARGET {
      return i < count && lines[i] >= 0 ? _mm512_loadu_si512(base + lines[i] + j) : _mm512_setzero_si512();
    };
    __m512i low_even = _mm512_setzero_si512();
    __m512i low_odd = low_even;
    __m512i high_even = low_even;
    __m512i high_odd = low_even;
    const __m512i low_half = _mm512_set1_epi64(0xffffffff);
    for (std::int64_t i = 0; i < count; i += 2) {
      const __m512i a = load(i);
      const __m512i b = load(i + 1);
      const __m512i low = _mm512_unpacklo_epi16(a, b);
      const __m512i high = _mm512_unpackhi_epi16(a, b);
      const __m512i low_pairs = _mm512_madd_epi16(low, low);
      const __m512i high_pairs = _mm512_madd_epi16(high, high);
      low_even = _mm512_add_epi64(low_even, _mm512_and_si512(low_pairs, low_half));
      low_odd = _mm512_add_epi64(low_odd, _mm512_srli_epi64(low_pairs, 32));
      high_even = _mm512_add_epi64(high_even, _mm512_and_si512(high_pairs, low_half));
      high_odd = _mm512_add_epi64(high_odd, _mm512_srli_epi64(high_pairs, 32));
    }
    _mm512_storeu_si512(sums + j, low_even);
    _mm512_storeu_si512(sums + j + 8, low_odd);
    _mm512_storeu_si512(sums + j + 16, high_even);
    _mm512_storeu_si512(sums + j + 24, high_odd);
  }
  for (; j + register_codes / 2 <= lanes; j += register_codes / 2) {
    across_half(base + j, lines, count, sums + j);
  }
  constexpr std::int64_t few = 8;
  for (; j < lanes; j += few) {
    across_few(base + j, lines, count, lanes - j < few ? lanes - j : few, sums + j);
  }
}

#undef PRECSIM_TARGET

constexpr LineSquares avx512_squares{along_avx512, across_avx512, add_every_avx512};
#endif

}  // namespace

const LineSquares& line_squares([[maybe_unused]] const NativeKernel& kernel) {
#if defined(__x86_64__)
  if (&kernel == &avx512_vnni || &kernel == &avx512) {
    return avx512_squares;
  }
#endif
  return portable_squares;
}

}  // namespace precsim::kernels::native
