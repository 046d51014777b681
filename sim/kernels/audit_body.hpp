// The functions of the audit, for one source file per instruction set: PRECSIM_TARGET selects it, V has its vectors and
// the operations that generic vectors lack.
#include "sim/kernels/audit_spilling.hpp"
#include "sim/kernels/audit_stepping.hpp"

namespace precsim::kernels {
namespace {

template <class V>
PRECSIM_TARGET void squares(const std::int16_t* codes, std::int64_t count, std::uint64_t* sums) {
  constexpr int block_words = block_codes / 2;
  for (std::int64_t block = 0; block < count; ++block) {
    alignas(32) std::uint32_t pairs[block_words];
    for (int j = 0; j < block_words; j += V::block_lanes) {
      typename V::BlockWords x;
      load(codes + block * block_codes + 2 * j, x);
      V::square_pairs(x);
      store(pairs + j, x);
    }
    std::uint64_t sum = 0;
#pragma GCC unroll 8
    for (int k = 0; k < block_words; ++k) {
      sum += pairs[k];
    }
    sums[block] = sum;
  }
}
template <class V>
PRECSIM_TARGET bool watch(const WatchedLines& lines, std::uint32_t* doubts) {
  return watch_lines<V>(lines, doubts);
}
template <class V>
PRECSIM_TARGET void step(const SteppedPiece& piece, SteppedLine& line) {
  step_piece<V>(piece, line);
}
template <class V>
PRECSIM_TARGET void count(const ChainEnds& chains, const TileScale& scale, TileSums& sums, ChainCounts& counts) {
  for (int line = chains.first_line; line < chains.last_line; ++line) {
    for (int j = 0; j < line_lanes; j += V::lanes) {
      spill_lanes<V, true>(chains, scale, sums, &counts, line, j);
    }
  }
}
template <class V>
PRECSIM_TARGET void spill(const ChainEnds& chains, const TileScale& scale, TileSums& sums) {
  for (int line = chains.first_line; line < chains.last_line; ++line) {
    for (int j = 0; j < line_lanes; j += V::lanes) {
      spill_lanes<V, false>(chains, scale, sums, nullptr, line, j);
    }
  }
}

template <class V>
PRECSIM_TARGET void join(TileSums& sums, int lines, std::int64_t (*joined)[line_lanes]) {
  for (int line = 0; line < lines; ++line) {
#pragma omp simd
    for (int j = 0; j < line_lanes; ++j) {
      const std::int64_t least = std::int64_t{sums.high[line][j]} * 65536;
      joined[line][j] += least + static_cast<std::uint32_t>(sums.low[line][j] - static_cast<std::uint32_t>(least));
      sums.low[line][j] = 0;
      sums.high[line][j] = 0;
    }
  }
}
template <class V>
PRECSIM_TARGET void result(const float* c, float* result) {
#pragma omp simd
  for (int j = 0; j < line_lanes; ++j) {
    result[j] = c[j] + 0.0f;
  }
}
template <class V>
PRECSIM_TARGET void scale(const std::int64_t* sum, const double* scale, double* exact) {
#pragma omp simd
  for (int j = 0; j < line_lanes; ++j) {
    exact[j] = static_cast<double>(sum[j]) * scale[j];
  }
}
template <class V>
PRECSIM_TARGET void exact(const SteppedPiece& piece, const double* scale, double* exact) {
  alignas(64) double sum[line_lanes];
  std::memcpy(sum, exact, sizeof sum);
  for (std::int64_t s = 0; s < piece.steps; ++s) {
    const auto a = static_cast<std::int32_t>(piece.row[s]);
    const native::Word* const panel = piece.panel + s * line_lanes;
#pragma omp simd
    for (int j = 0; j < line_lanes; ++j) {
      const std::int32_t low = static_cast<std::int16_t>(a) * static_cast<std::int16_t>(panel[j]);
      const std::int32_t high = (a >> 16) * (static_cast<std::int32_t>(panel[j]) >> 16);
      sum[j] = __builtin_fma(static_cast<double>(low), scale[j], sum[j]);
      sum[j] = __builtin_fma(static_cast<double>(high), scale[j], sum[j]);
    }
  }
  std::memcpy(exact, sum, sizeof sum);
}

template <class V>
constexpr AuditKernel audit_functions{squares<V>, watch<V>,  step<V>,  count<V>, spill<V>,
                                      join<V>,    result<V>, scale<V>, exact<V>};

}  // namespace
}  // namespace precsim::kernels
