// Wrappers of the CPU's conversions.
#include "experiments/verify/hardware_convert.hpp"

#include <cstring>

#include "formats/cpu_features.hpp"
#include "formats/error.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace precsim::verify {
namespace {

using formats::RoundingMode;

#if defined(__x86_64__)
template <int direction>
__attribute__((target("avx,f16c"))) void convert_eights(const float* x, std::uint16_t* codes, std::size_t count) {
  for (std::size_t i = 0; i < count; i += 8) {
    const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(x + i), direction);
    std::memcpy(codes + i, &halves, sizeof halves);
  }
}

__attribute__((target("avx512f,avx512bf16"))) void convert_sixteens(const float* x, std::uint16_t* codes,
                                                                    std::size_t count) {
  for (std::size_t i = 0; i < count; i += 16) {
    const __m256bh halves = _mm512_cvtneps_pbh(_mm512_loadu_ps(x + i));
    std::memcpy(codes + i, &halves, sizeof halves);
  }
}
#endif

}  // namespace

std::string f16c_obstacle() {
  return formats::cpu_features().f16c ? "" : "the CPU has no F16C";
}

std::string avx512_bf16_obstacle() {
  return formats::cpu_features().avx512_bf16 ? "" : "the CPU has no AVX512-BF16";
}

bool f16c_has(RoundingMode mode) {
  return mode == RoundingMode::nearest_even || mode == RoundingMode::toward_zero ||
         mode == RoundingMode::toward_positive || mode == RoundingMode::toward_negative;
}

void f16c_convert(std::span<const float> x, std::span<std::uint16_t> codes, RoundingMode mode) {
  PRECSIM_CHECK(f16c_obstacle().empty() && f16c_has(mode), "a conversion that the CPU does not have");
  PRECSIM_CHECK(x.size() == codes.size() && x.size() % 16 == 0, "arrays of different or odd sizes");
#if defined(__x86_64__)
  if (mode == RoundingMode::nearest_even) {
    convert_eights<_MM_FROUND_TO_NEAREST_INT>(x.data(), codes.data(), x.size());
  } else if (mode == RoundingMode::toward_zero) {
    convert_eights<_MM_FROUND_TO_ZERO>(x.data(), codes.data(), x.size());
  } else if (mode == RoundingMode::toward_positive) {
    convert_eights<_MM_FROUND_TO_POS_INF>(x.data(), codes.data(), x.size());
  } else {
    convert_eights<_MM_FROUND_TO_NEG_INF>(x.data(), codes.data(), x.size());
  }
#endif
}

void avx512_bf16_convert(std::span<const float> x, std::span<std::uint16_t> codes) {
  PRECSIM_CHECK(avx512_bf16_obstacle().empty(), "a conversion that the CPU does not have");
  PRECSIM_CHECK(x.size() == codes.size() && x.size() % 16 == 0, "arrays of different or odd sizes");
#if defined(__x86_64__)
  convert_sixteens(x.data(), codes.data(), x.size());
#endif
}

}  // namespace precsim::verify
