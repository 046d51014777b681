// CPU feature detection.
#include "formats/cpu_features.hpp"

#include <array>
#include <string_view>
#include <utility>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace precsim::formats {
namespace {

CpuFeatures detect() {
  CpuFeatures features;
#if defined(__x86_64__)
  __builtin_cpu_init();
  features.avx2 = __builtin_cpu_supports("avx2") != 0;
  features.fma = __builtin_cpu_supports("fma") != 0;
  features.avx512 = __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                    __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                    __builtin_cpu_supports("avx512vl") != 0;
  features.avx512_vnni = features.avx512 && __builtin_cpu_supports("avx512vnni") != 0;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) != 0) {
    features.f16c = features.avx2 && (c & (1u << 29)) != 0;
  }
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) != 0) {
    features.avx_vnni = features.avx2 && (a & (1u << 4)) != 0;
    features.avx512_bf16 = features.avx512 && (a & (1u << 5)) != 0;
  }
#endif
  return features;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

std::string feature_names(const CpuFeatures& features) {
  const std::array<std::pair<std::string_view, bool>, 7> all{{{"avx2", features.avx2},
                                                              {"fma", features.fma},
                                                              {"f16c", features.f16c},
                                                              {"avx512", features.avx512},
                                                              {"avx512_vnni", features.avx512_vnni},
                                                              {"avx_vnni", features.avx_vnni},
                                                              {"avx512_bf16", features.avx512_bf16}}};
  std::string names;
  for (const auto& [feature, present] : all) {
    if (present) {
      names += names.empty() ? "" : " ";
      names += feature;
    }
  }
  return names.empty() ? "none" : names;
}

}  // namespace precsim::formats
