// What the CPU can do.
#pragma once

#include <string>

namespace precsim::formats {

/// Instruction sets this program looks for; all false on other architectures. `avx512` means F, BW, CD, DQ and VL.
struct CpuFeatures {
  bool avx2 = false, fma = false, f16c = false, avx512 = false, avx512_vnni = false, avx_vnni = false,
       avx512_bf16 = false;
};
const CpuFeatures& cpu_features();

/// Blank-separated names of the features present, "none" if there are none.
std::string feature_names(const CpuFeatures& features);

}  // namespace precsim::formats
