// The text of the audit at the ends of chains: spills, exact sums, and the bits that sums need.
#pragma once

#include "sim/kernels/audit_vectors.hpp"

namespace precsim::kernels {
namespace {

constexpr int counted_together = ChainCounts::together;

/// The highest bits of eight vectors join the planes.
template <class V>
PRECSIM_INLINE void add_to_planes(typename V::Words (&bits)[counted_together], ChainCounts& counts, int j) {
  for (int tier = 0;; ++tier) {
    typename V::Words planes[3];
    load(counts.planes[3 * tier] + j, planes[0]);
    load(counts.planes[3 * tier + 1] + j, planes[1]);
    load(counts.planes[3 * tier + 2] + j, planes[2]);
    V::full_add(planes[0], bits[0], bits[1]);
    V::full_add(planes[0], bits[2], bits[3]);
    V::full_add(planes[0], bits[4], bits[5]);
    V::full_add(planes[0], bits[6], bits[7]);
    V::full_add(planes[1], bits[0], bits[2]);
    V::full_add(planes[1], bits[4], bits[6]);
    V::full_add(planes[2], bits[0], bits[4]);
    store(counts.planes[3 * tier] + j, planes[0]);
    store(counts.planes[3 * tier + 1] + j, planes[1]);
    store(counts.planes[3 * tier + 2] + j, planes[2]);
    std::uint32_t& waiting = counts.waiting[tier][j / 4];
    store(counts.carries[tier][waiting] + j, bits[0]);
    if (++waiting < counted_together) {
      return;
    }
    waiting = 0;
#pragma GCC unroll 8
    for (int i = 0; i < counted_together; ++i) {
      load(counts.carries[tier][i] + j, bits[i]);
      store(counts.carries[tier][i] + j, typename V::Words{});
    }
  }
}

/// The chain ends of some lanes of a line, one after the other.
template <class V, bool counted>
struct Spiller {
  using Words = typename V::Words;
  using Integers = typename V::Integers;
  typename V::Floats first, second, c;
  Words low{}, largest{};
  Integers high{};

  /// `top`: the highest bit of the sum's zigzag code.
  PRECSIM_INLINE void take(const std::int32_t* from, Words& top) {
    Words lane;
    load(from, lane);
    V::spill(lane, first, second, c);
    if constexpr (counted) {
      low += lane;
      high += reinterpret_cast<Integers>(lane) >> 16;
      top = (lane + lane) ^ reinterpret_cast<Words>(reinterpret_cast<Integers>(lane) >> 31);
      V::raise(largest, top);
      V::keep_top_bit(top);
    }
  }
};

template <class V, bool counted>
PRECSIM_INLINE void spill_lanes(const ChainEnds& chains, const TileScale& scale, TileSums& sums, ChainCounts* counts,
                                int line, int j) {
  Spiller<V, counted> spiller;
  load(scale.first[line] + j, spiller.first);
  load(scale.second[line] + j, spiller.second);
  load(sums.c[line] + j, spiller.c);
  if constexpr (counted) {
    load(sums.low[line] + j, spiller.low);
    load(sums.high[line] + j, spiller.high);
    load(counts->largest + j, spiller.largest);
  }
  const std::int32_t* const lanes = chains.lanes + line * line_lanes + j;
  const std::int32_t* const ends = chains.ends.data();
  const auto count = static_cast<std::int64_t>(chains.ends.size());
  for (std::int64_t end = 0; end < count; end += counted_together) {
    typename V::Words bits[counted_together];
    if (end + counted_together <= count) {
#pragma GCC unroll 8
      for (int i = 0; i < counted_together; ++i) {
        spiller.take(lanes + ends[end + i] * chains.slot_lanes, bits[i]);
      }
    } else {
#pragma GCC unroll 8
      for (int i = 0; i < counted_together; ++i) {
        bits[i] = typename V::Words{};
        if (end + i < count) {
          spiller.take(lanes + ends[end + i] * chains.slot_lanes, bits[i]);
        }
      }
    }
    if constexpr (counted) {
      add_to_planes<V>(bits, *counts, j);
    }
  }
  store(sums.c[line] + j, spiller.c);
  if constexpr (counted) {
    store(sums.low[line] + j, spiller.low);
    store(sums.high[line] + j, spiller.high);
    store(counts->largest + j, spiller.largest);
  }
}

}  // namespace
}  // namespace precsim::kernels
