// The table of tile kernels.
#include "sim/kernels/tile.hpp"

#include "formats/cpu_features.hpp"
#include "formats/kernel_table.hpp"

namespace precsim::kernels {
namespace {

using formats::cpu_features;

inline __attribute__((always_inline)) std::uint64_t sum_of_squares(const std::int16_t* codes, std::int64_t count) {
  std::uint64_t sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t k = 0; k < count; ++k) {
    sum += static_cast<std::uint32_t>(codes[k] * codes[k]);
  }
  return sum;
}

#if defined(__x86_64__)
namespace avx512 {
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) std::uint64_t squares(const std::int16_t* codes,
                                                                                             std::int64_t count) {
  return sum_of_squares(codes, count);
}
}  // namespace avx512
namespace avx2 {
__attribute__((target("avx2,fma"))) std::uint64_t squares(const std::int16_t* codes, std::int64_t count) {
  return sum_of_squares(codes, count);
}
}  // namespace avx2
#endif
namespace portable {
std::uint64_t squares(const std::int16_t* codes, std::int64_t count) {
  return sum_of_squares(codes, count);
}
}  // namespace portable

#define PRECSIM_TILE_ROW(row, architecture, isa, usable) \
  { #row, architecture, usable, isa::squares, &audit_##isa, &floats::isa, &elementwise::isa, &native::row, #isa }

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

const TileKernel& other_tile_kernel(const TileKernel& kernel) {
  for (const TileKernel& row : table) {
    if (row.audit != kernel.audit && row.usable()) {
      return row;
    }
  }
  return kernel;
}

const formats::ArrayKernel& array_kernel(const TileKernel* kernel) {
  return kernel == nullptr ? formats::best_array_kernel() : formats::find_array_kernel(kernel->arrays);
}

const TileKernel& tile_kernel(const TileKernel* kernel) {
  return kernel == nullptr ? best_tile_kernel() : *kernel;
}

const ElementwiseKernel& elementwise_kernel(const TileKernel* kernel) {
  return *tile_kernel(kernel).elementwise;
}

}  // namespace precsim::kernels
