// Runs a loop as compiled for the widest vectors that this CPU has.
#pragma once

#if defined(__x86_64__)
#include "formats/cpu_features.hpp"
#endif

/// For the functions and lambdas that make up the body of vectorized(): they must be inlined to be compiled for it, and
/// may call nothing of the standard library but what is an instruction.
#define PRECSIM_IN_VECTORIZED __attribute__((always_inline))

namespace precsim::nn {

#if defined(__x86_64__)
template <class Body>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))) void with_avx512(const Body& body) {
  body();
}
template <class Body>
__attribute__((target("avx2"))) void with_avx2(const Body& body) {
  body();
}
#endif

/// Calls body(), whose bits may not depend on the width of vectors: FP32 operations element by element.
template <class Body>
void vectorized(const Body& body) {
#if defined(__x86_64__)
  const formats::CpuFeatures& cpu = formats::cpu_features();
  if (cpu.avx512) {
    return with_avx512(body);
  }
  if (cpu.avx2) {
    return with_avx2(body);
  }
#endif
  body();
}

}  // namespace precsim::nn
