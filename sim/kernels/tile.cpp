// The table of tile kernels.
#include "sim/kernels/tile.hpp"

#include "formats/cpu_features.hpp"
#include "formats/kernel_table.hpp"
#include "sim/kernels/tile_body.hpp"

namespace precsim::kernels {
namespace {

using formats::cpu_features;

#if defined(__x86_64__)
namespace avx512 {
PRECSIM_TILE_FUNCTIONS(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), 64)
}
namespace avx2 {
PRECSIM_TILE_FUNCTIONS(__attribute__((target("avx2,fma"))), 32)
}
#endif
namespace portable {
PRECSIM_TILE_FUNCTIONS(, 16)
}

#define PRECSIM_TILE_ROW(row, architecture, isa, usable)                                                           \
  {                                                                                                                \
#row, architecture, usable, isa::proved_chain, isa::stepped_chain, isa::exact_chain, isa::squares, isa::spill, \
        &floats::isa, &native::row, #isa                                                                           \
  }

constexpr TileKernel table[] = {
#if defined(__x86_64__)
    PRECSIM_TILE_ROW(avx512_vnni, "x86_64", avx512, [] { return cpu_features().avx512_vnni; }),
    PRECSIM_TILE_ROW(avx512, "x86_64", avx512, [] { return cpu_features().avx512; }),
    PRECSIM_TILE_ROW(avx_vnni, "x86_64", avx2, [] { return cpu_features().avx_vnni && cpu_features().fma; }),
    PRECSIM_TILE_ROW(avx2, "x86_64", avx2, [] { return cpu_features().avx2 && cpu_features().fma; }),
#endif
    PRECSIM_TILE_ROW(portable, "any", portable, [] { return true; }),
};

}  // namespace

std::span<const TileKernel> tile_kernels() {
  return table;
}

const TileKernel& best_tile_kernel() {
  return formats::best_row(tile_kernels());
}

const TileKernel& find_tile_kernel(std::string_view name) {
  return formats::find_row("kernel", tile_kernels(), name);
}

const formats::ArrayKernel& array_kernel(const TileKernel* kernel) {
  return kernel == nullptr ? formats::best_array_kernel() : formats::find_array_kernel(kernel->arrays);
}

}  // namespace precsim::kernels
