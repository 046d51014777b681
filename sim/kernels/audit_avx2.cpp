// The audit for AVX2.
#if defined(__x86_64__)
#include <immintrin.h>

#define PRECSIM_TARGET __attribute__((target("avx2,fma")))
#include "sim/kernels/audit_body.hpp"

namespace precsim::kernels {
namespace {

struct Vectors : PlainVectors<32> {
  static PRECSIM_INLINE __m256i words(const Words& x) { return reinterpret_cast<__m256i>(x); }
  static PRECSIM_INLINE void raise(Words& most, const Words& x) {
    most = reinterpret_cast<Words>(_mm256_max_epu32(words(most), words(x)));
  }
  static PRECSIM_INLINE unsigned above(const Words& x, std::uint32_t limit) {
    const __m256i sign = _mm256_set1_epi32(INT32_MIN);
    const __m256i most = _mm256_xor_si256(sign, _mm256_set1_epi32(static_cast<int>(limit)));
    const __m256i beyond = _mm256_cmpgt_epi32(_mm256_xor_si256(sign, words(x)), most);
    return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(beyond)));
  }
  static PRECSIM_INLINE Words magnitude(const Words& lane) {
    return reinterpret_cast<Words>(_mm256_abs_epi32(words(lane)));
  }
  static PRECSIM_INLINE void multiply_pairs(native::Word a, Words& b) {
    b = reinterpret_cast<Words>(_mm256_madd_epi16(_mm256_set1_epi32(static_cast<int>(a)), words(b)));
  }
  static PRECSIM_INLINE void square_pairs(BlockWords& x) {
    x = reinterpret_cast<BlockWords>(_mm256_madd_epi16(words(x), words(x)));
  }
  static PRECSIM_INLINE void spill(const Words& lane, const Floats& first, const Floats& second, Floats& c) {
    const auto scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(words(lane)), reinterpret_cast<__m256>(first));
    c = reinterpret_cast<Floats>(
        _mm256_fmadd_ps(scaled, reinterpret_cast<__m256>(second), reinterpret_cast<__m256>(c)));
  }
};

}  // namespace

constinit const AuditKernel audit_avx2 = audit_functions<Vectors>;

}  // namespace precsim::kernels
#endif
