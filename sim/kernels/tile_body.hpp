// The text of the tile kernels, inlined into one function per instruction set.
#pragma once

#include <cstdint>
#include <cstring>

#include "sim/kernels/tile.hpp"

namespace precsim::kernels::tile_body {

#define PRECSIM_INLINE inline __attribute__((always_inline))

/// Vectors of the machine: integer lanes are written with them so that no compiler keeps the lanes in memory; fused
/// multiply-adds, which they cannot express, are loops over small arrays.
template <class T, int bytes>
struct Vector {
  using type __attribute__((vector_size(bytes))) = T;
};

template <class V>
PRECSIM_INLINE void load(const void* from, V& to) {
  std::memcpy(&to, from, sizeof to);
}

/// The lanes from j on, as many as one vector holds.
template <int bytes>
PRECSIM_INLINE void proved_lanes(const IntegerTile& tile, int j, IntegerTileState& state) {
  using Lanes = typename Vector<std::int32_t, bytes>::type;
  static_assert(tile_rows == 4);
  Lanes sum0{}, sum1{}, sum2{}, sum3{}, b;
  for (std::int64_t k = tile.begin; k < tile.end; ++k) {
    load(tile.lanes + k * tile_lanes + j, b);
    sum0 += tile.rows[0][k] * b;
    sum1 += tile.rows[1][k] * b;
    sum2 += tile.rows[2][k] * b;
    sum3 += tile.rows[3][k] * b;
  }
  std::memcpy(&state.lane[0][j], &sum0, bytes);
  std::memcpy(&state.lane[1][j], &sum1, bytes);
  std::memcpy(&state.lane[2][j], &sum2, bytes);
  std::memcpy(&state.lane[3][j], &sum3, bytes);
}

template <int bytes>
PRECSIM_INLINE void proved_chain(const IntegerTile& tile, IntegerTileState& state) {
  for (int j = 0; j < tile_lanes; j += bytes / 4) {
    proved_lanes<bytes>(tile, j, state);
  }
  for (int r = 0; r < tile_rows; ++r) {
    for (int j = 0; j < tile_lanes; ++j) {
      state.true_sum[r][j] = state.lane[r][j];
    }
  }
}

/// Lanes under a rule, in 32-bit words; the true sum is low + 2^32 * high, and `low` is the lane under `wrap`.
template <arith::OverflowRule rule, int bytes>
struct SteppedLanes {
  using Words = typename Vector<std::uint32_t, bytes>::type;
  using Lanes = typename Vector<std::int32_t, bytes>::type;
  Words low{}, clamped{};
  Lanes high{}, events{}, calm{};  ///< calm: steps before the first event

  /// One step. `products` is the exact sum of one or two products mod 2^32: it can only be +2^31 where it looks like
  /// -2^31, so that the top bit of x & (x - 1) is its sign.
  PRECSIM_INLINE void step(const Words& products) {
    const Words sign = products & (products - 1);
    const Words wrapped = low + products;
    const Lanes carry = reinterpret_cast<Lanes>(~(low ^ sign) & (low ^ wrapped)) < 0;
    high += carry & (reinterpret_cast<Lanes>(sign) >> 31 | 1);
    low = wrapped;
    if constexpr (rule == arith::OverflowRule::saturate) {
      const Words sum = clamped + products;
      const Lanes beyond = reinterpret_cast<Lanes>(~(clamped ^ sign) & (clamped ^ sum)) < 0;
      clamped = beyond ? 0x7fffffffu + (sign >> 31) : sum;
      events -= beyond;
    } else {
      events -= carry;
    }
    calm -= events == 0;
  }
};

template <int width, arith::OverflowRule rule, int bytes>
PRECSIM_INLINE void stepped_lanes(const IntegerTile& tile, int r, int j, IntegerTileState& state) {
  SteppedLanes<rule, bytes> lanes;
  typename SteppedLanes<rule, bytes>::Words b0, b1;
  const std::int16_t* a = tile.rows[r];
  const std::int32_t* b = tile.lanes + j;
  std::int64_t k = tile.begin;
  for (; k + width <= tile.end; k += width) {
    load(b + k * tile_lanes, b0);
    b0 *= static_cast<std::uint32_t>(a[k]);
    if constexpr (width == 2) {
      load(b + (k + 1) * tile_lanes, b1);
      b0 += b1 * static_cast<std::uint32_t>(a[k + 1]);
    }
    lanes.step(b0);
  }
  if (k < tile.end) {
    load(b + k * tile_lanes, b0);
    lanes.step(b0 * static_cast<std::uint32_t>(a[k]));
  }
  for (int i = 0; i < bytes / 4; ++i) {
    const std::uint32_t lane = rule == arith::OverflowRule::wrap ? lanes.low[i] : lanes.clamped[i];
    state.lane[r][j + i] = static_cast<std::int32_t>(lane);
    state.true_sum[r][j + i] = (std::int64_t{lanes.high[i]} << 32) + static_cast<std::int32_t>(lanes.low[i]);
    if (lanes.events[i] != 0 && state.first[r][j + i] < 0) {
      state.first[r][j + i] = tile.begin + width * std::int64_t{lanes.calm[i]};
    }
    state.events[r][j + i] += static_cast<std::uint32_t>(lanes.events[i]);
  }
}

template <int width, arith::OverflowRule rule, int bytes>
PRECSIM_INLINE void stepped_tile(const IntegerTile& tile, IntegerTileState& state) {
  for (int r = 0; r < tile_rows; ++r) {
    for (int j = 0; j < tile_lanes; j += bytes / 4) {
      stepped_lanes<width, rule, bytes>(tile, r, j, state);
    }
  }
}

template <int bytes>
PRECSIM_INLINE void stepped_chain(const IntegerTile& tile, IntegerTileState& state) {
  const bool single = tile.atom == arith::Atom::single;
  const bool wrap = tile.rule == arith::OverflowRule::wrap;
  if (single && wrap) {
    stepped_tile<1, arith::OverflowRule::wrap, bytes>(tile, state);
  } else if (single) {
    stepped_tile<1, arith::OverflowRule::saturate, bytes>(tile, state);
  } else if (wrap) {
    stepped_tile<2, arith::OverflowRule::wrap, bytes>(tile, state);
  } else {
    stepped_tile<2, arith::OverflowRule::saturate, bytes>(tile, state);
  }
}

PRECSIM_INLINE void exact_chain(const IntegerTile& tile, const double (*scale)[tile_lanes],
                                double (*exact)[tile_lanes]) {
  for (std::int64_t k = tile.begin; k < tile.end; ++k) {
    const std::int32_t* b = tile.lanes + k * tile_lanes;
    for (int r = 0; r < tile_rows; ++r) {
      const std::int32_t a = tile.rows[r][k];
#pragma omp simd
      for (int j = 0; j < tile_lanes; ++j) {
        exact[r][j] = __builtin_fma(static_cast<double>(a * b[j]), scale[r][j], exact[r][j]);
      }
    }
  }
}

PRECSIM_INLINE std::uint64_t squares(const std::int16_t* codes, std::int64_t count) {
  std::uint64_t sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t k = 0; k < count; ++k) {
    sum += static_cast<std::uint32_t>(codes[k] * codes[k]);
  }
  return sum;
}

PRECSIM_INLINE void spill(const IntegerTileState& state, const SpillScale& scale, float (*c)[tile_lanes]) {
  for (int r = 0; r < tile_rows; ++r) {
#pragma omp simd
    for (int j = 0; j < tile_lanes; ++j) {
      const float lane = static_cast<float>(state.lane[r][j]);
      c[r][j] = __builtin_fmaf(lane * scale.first[r][j], scale.second[r][j], c[r][j]);
    }
  }
}

}  // namespace precsim::kernels::tile_body

/// Defines the functions of one row; `attribute` selects the instruction set, whose vectors have `bytes` bytes.
#define PRECSIM_TILE_FUNCTIONS(attribute, bytes)                                                               \
  attribute void proved_chain(const IntegerTile& t, IntegerTileState& s) {                                     \
    tile_body::proved_chain<bytes>(t, s);                                                                      \
  }                                                                                                            \
  attribute void stepped_chain(const IntegerTile& t, IntegerTileState& s) {                                    \
    tile_body::stepped_chain<bytes>(t, s);                                                                     \
  }                                                                                                            \
  attribute void exact_chain(const IntegerTile& t, const double(*scale)[tile_lanes], double(*e)[tile_lanes]) { \
    tile_body::exact_chain(t, scale, e);                                                                       \
  }                                                                                                            \
  attribute std::uint64_t squares(const std::int16_t* codes, std::int64_t n) {                                 \
    return tile_body::squares(codes, n);                                                                       \
  }                                                                                                            \
  attribute void spill(const IntegerTileState& s, const SpillScale& scale, float(*c)[tile_lanes]) {            \
    tile_body::spill(s, scale, c);                                                                             \
  }
