// The integer multiply-accumulate instructions of the CPU, sixteen lanes at a time.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "formats/cpu_features.hpp"
#include "sim/arith/accumulator.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace precsim::support {

inline constexpr std::size_t mac_lanes = 16;
using MacLanes = std::array<std::int32_t, mac_lanes>;
using MacCodes = std::array<std::int16_t, 2 * mac_lanes>;  ///< lane j has the pair 2j, 2j + 1

/// One way of the CPU to take a `pair` step: lane += a[0] * b[0] + a[1] * b[1]. VPMADDWD alone gives 0x80000000 for
/// four codes of -32768; mod 2^32 that is their sum of 2^31, so that VPADDD ends where VPDPWSSD does.
struct HardwareMac {
  std::string_view name;  ///< "VPDPWSSD zmm (AVX512-VNNI)"
  arith::OverflowRule rule;
  /// Why it cannot be used here, a half sentence; empty where it can.
  std::string (*obstacle)();
  void (*step)(MacLanes& lanes, const MacCodes& a, const MacCodes& b);
};

/// The rows of hardware_macs, in their order.
enum class Mac : std::uint8_t {
  vpdpwssd_avx512,
  vpdpwssd_avx512vl,
  vpdpwssd_avx_vnni,
  vpdpwssds_avx512,
  vpdpwssds_avx512vl,
  vpdpwssds_avx_vnni,
  vpmaddwd_avx512,
  vpmaddwd_avx2,
  pmaddwd_sse2,
};

namespace hardware_mac_steps {

#if defined(__x86_64__)
/// Loads, steps and stores register by register; `expression` maps (sum, x, y) to the new lanes. The target decides
/// the encoding: without avxvnni, the ymm forms of AVX512-VNNI are EVEX.
#define PRECSIM_MAC(name, isa, Register, expression)                                                     \
  __attribute__((target(isa))) inline void name(MacLanes& lanes, const MacCodes& a, const MacCodes& b) { \
    for (std::size_t j = 0; j < mac_lanes; j += sizeof(Register) / 4) {                                  \
      Register sum, x, y;                                                                                \
      std::memcpy(&sum, &lanes[j], sizeof sum);                                                          \
      std::memcpy(&x, &a[2 * j], sizeof x);                                                              \
      std::memcpy(&y, &b[2 * j], sizeof y);                                                              \
      sum = expression;                                                                                  \
      std::memcpy(&lanes[j], &sum, sizeof sum);                                                          \
    }                                                                                                    \
  }
PRECSIM_MAC(dp_zmm, "avx512f,avx512vnni", __m512i, _mm512_dpwssd_epi32(sum, x, y))
PRECSIM_MAC(dp_ymm, "avx512vl,avx512vnni", __m256i, _mm256_dpwssd_epi32(sum, x, y))
PRECSIM_MAC(dp_vex, "avx2,avxvnni", __m256i, _mm256_dpwssd_avx_epi32(sum, x, y))
PRECSIM_MAC(dps_zmm, "avx512f,avx512vnni", __m512i, _mm512_dpwssds_epi32(sum, x, y))
PRECSIM_MAC(dps_ymm, "avx512vl,avx512vnni", __m256i, _mm256_dpwssds_epi32(sum, x, y))
PRECSIM_MAC(dps_vex, "avx2,avxvnni", __m256i, _mm256_dpwssds_avx_epi32(sum, x, y))
PRECSIM_MAC(madd_zmm, "avx512f,avx512bw", __m512i, _mm512_add_epi32(sum, _mm512_madd_epi16(x, y)))
PRECSIM_MAC(madd_ymm, "avx2", __m256i, _mm256_add_epi32(sum, _mm256_madd_epi16(x, y)))
PRECSIM_MAC(madd_xmm, "sse2", __m128i, _mm_add_epi32(sum, _mm_madd_epi16(x, y)))
#undef PRECSIM_MAC
#define PRECSIM_MAC_STEP(name) hardware_mac_steps::name

inline std::string unless(bool present, const char* features) {
  return present ? std::string() : std::string("the CPU has no ") + features;
}
#else
#define PRECSIM_MAC_STEP(name) nullptr

inline std::string unless(bool, const char*) {
  return "the instruction belongs to x86-64, which this build is not for";
}
#endif

inline std::string needs_avx512_vnni() {
  return unless(formats::cpu_features().avx512_vnni, "AVX512-VNNI");
}
inline std::string needs_avx_vnni() {
  return unless(formats::cpu_features().avx_vnni, "AVX-VNNI");
}
inline std::string needs_avx512() {
  return unless(formats::cpu_features().avx512, "AVX-512 (F, BW, DQ, VL)");
}
inline std::string needs_avx2() {
  return unless(formats::cpu_features().avx2, "AVX2");
}
inline std::string needs_sse2() {
  return unless(true, "SSE2");
}

}  // namespace hardware_mac_steps

/// The same rows on every machine; where the architecture is another one, none can be used.
inline constexpr HardwareMac hardware_macs[] = {
    {"VPDPWSSD zmm (AVX512-VNNI)", arith::OverflowRule::wrap, hardware_mac_steps::needs_avx512_vnni,
     PRECSIM_MAC_STEP(dp_zmm)},
    {"VPDPWSSD ymm (AVX512-VNNI)", arith::OverflowRule::wrap, hardware_mac_steps::needs_avx512_vnni,
     PRECSIM_MAC_STEP(dp_ymm)},
    {"VPDPWSSD ymm (AVX-VNNI)", arith::OverflowRule::wrap, hardware_mac_steps::needs_avx_vnni,
     PRECSIM_MAC_STEP(dp_vex)},
    {"VPDPWSSDS zmm (AVX512-VNNI)", arith::OverflowRule::saturate, hardware_mac_steps::needs_avx512_vnni,
     PRECSIM_MAC_STEP(dps_zmm)},
    {"VPDPWSSDS ymm (AVX512-VNNI)", arith::OverflowRule::saturate, hardware_mac_steps::needs_avx512_vnni,
     PRECSIM_MAC_STEP(dps_ymm)},
    {"VPDPWSSDS ymm (AVX-VNNI)", arith::OverflowRule::saturate, hardware_mac_steps::needs_avx_vnni,
     PRECSIM_MAC_STEP(dps_vex)},
    {"VPMADDWD + VPADDD zmm (AVX-512)", arith::OverflowRule::wrap, hardware_mac_steps::needs_avx512,
     PRECSIM_MAC_STEP(madd_zmm)},
    {"VPMADDWD + VPADDD ymm (AVX2)", arith::OverflowRule::wrap, hardware_mac_steps::needs_avx2,
     PRECSIM_MAC_STEP(madd_ymm)},
    {"PMADDWD + PADDD xmm (SSE2)", arith::OverflowRule::wrap, hardware_mac_steps::needs_sse2,
     PRECSIM_MAC_STEP(madd_xmm)},
};
static_assert(std::size(hardware_macs) == static_cast<std::size_t>(Mac::pmaddwd_sse2) + 1);
#undef PRECSIM_MAC_STEP

inline const HardwareMac& hardware_mac(Mac mac) {
  return hardware_macs[static_cast<std::size_t>(mac)];
}

}  // namespace precsim::support
