// The audit for AVX-512.
#if defined(__x86_64__)
#include <immintrin.h>

#define PRECSIM_TARGET __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma")))
#include "sim/kernels/audit_body.hpp"

namespace precsim::kernels {
namespace {

struct Vectors : PlainVectors<64> {
  template <class V>
  static PRECSIM_INLINE __m512i words(const V& x) {
    return reinterpret_cast<__m512i>(x);
  }
  static PRECSIM_INLINE void raise(Words& most, const Words& x) {
    most = reinterpret_cast<Words>(_mm512_max_epu32(words(most), words(x)));
  }
  static PRECSIM_INLINE void keep_top_bit(Words& x) {
    const __m512i top = _mm512_set1_epi32(INT32_MIN);
    x = reinterpret_cast<Words>(_mm512_srlv_epi32(top, _mm512_lzcnt_epi32(words(x))));
  }
  static PRECSIM_INLINE void full_add(Words& sum, Words& a, const Words& b) {
    const __m512i carry = _mm512_ternarylogic_epi32(words(sum), words(a), words(b), 0xe8);
    sum = reinterpret_cast<Words>(_mm512_ternarylogic_epi32(words(sum), words(a), words(b), 0x96));
    a = reinterpret_cast<Words>(carry);
  }
  static PRECSIM_INLINE unsigned above(const Words& x, std::uint32_t limit) {
    return _mm512_cmpgt_epu32_mask(words(x), _mm512_set1_epi32(static_cast<int>(limit)));
  }
  static PRECSIM_INLINE Words magnitude(const Words& lane) {
    return reinterpret_cast<Words>(_mm512_abs_epi32(words(lane)));
  }
  static PRECSIM_INLINE Words bound(const Words& start, float a, const Floats& b) {
    const __m512 from = _mm512_cvtepu32_ps(words(start));
    return reinterpret_cast<Words>(_mm512_fmadd_ps(_mm512_set1_ps(a), reinterpret_cast<__m512>(b), from));
  }
  static PRECSIM_INLINE void multiply_pairs(native::Word a, Words& b) {
    b = reinterpret_cast<Words>(_mm512_madd_epi16(_mm512_set1_epi32(static_cast<int>(a)), words(b)));
  }
  static PRECSIM_INLINE void square_pairs(BlockWords& x) {
    x = reinterpret_cast<BlockWords>(_mm256_madd_epi16(reinterpret_cast<__m256i>(x), reinterpret_cast<__m256i>(x)));
  }
  static PRECSIM_INLINE void spill(const Words& lane, const Floats& first, const Floats& second, Floats& c) {
    const auto scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(words(lane)), reinterpret_cast<__m512>(first));
    c = reinterpret_cast<Floats>(
        _mm512_fmadd_ps(scaled, reinterpret_cast<__m512>(second), reinterpret_cast<__m512>(c)));
  }
};

}  // namespace

constinit const AuditKernel audit_avx512 = audit_functions<Vectors>;

}  // namespace precsim::kernels
#endif
