// The text of the float accumulators, inlined into one function per instruction set and rounding.
//
// A step forms t = p + c exactly: p is the product (exact in Real, or rounded to a format of its own), c the sum, and
// TwoSum gives s = RN(t) and e = t - s, which is a Real as no sum of two Reals underflows. What is rounded to the
// format is t to odd at Real's W fraction bits: the bits of |t| cut off, with a sticky lowest bit. Let D = W - Y be the
// bits below the last of the format's Y. Every rounding compares the discarded fraction with multiples of 2^-2 of the
// last place (of 2^-r where it is stochastic) and with zero, and so sees the same in the sticky form when the lowest
// bit lies below them all: D >= 3, or D > r. Below the smallest normal number m = 2^emin, the last place stands still:
// |t| + m lies in [m, 2m], where Real's fraction has the format's last subnormal place at bit D. So m is added
// (exactly, with the rest of the sum joining e), the same D bits are rounded, and m is subtracted again, exactly. The
// rests of both sums together stay below one unit of Real: e <= ulp(s) / 2 <= ulp(|s| + m) / 4 wherever m is added.
#pragma once

#include <cstdint>
#include <cstring>

#include "formats/rounding.hpp"
#include "sim/kernels/float_accumulate.hpp"

#define PRECSIM_INLINE inline __attribute__((always_inline))

namespace precsim::kernels::float_body {

using formats::RoundingMode;

template <class Real>
struct SignedWord;
template <>
struct SignedWord<float> {
  using type = std::int32_t;
};
template <>
struct SignedWord<double> {
  using type = std::int64_t;
};

template <class Real, int bytes>
struct Lanes {
  using Number = Real;
  using Word = typename RealBits<Real>::Word;
  using Reals __attribute__((vector_size(bytes))) = Real;
  using Words __attribute__((vector_size(bytes))) = Word;
  using Ints __attribute__((vector_size(bytes))) = typename SignedWord<Real>::type;
  static constexpr int count = bytes / static_cast<int>(sizeof(Real));
  static constexpr int fraction_bits = RealBits<Real>::fraction_bits;
  static constexpr Word sign_bit = Word{1} << (8 * sizeof(Real) - 1);
  static constexpr Word infinity = sign_bit - (Word{1} << fraction_bits);
  using Draws __attribute__((vector_size(4 * count))) = std::uint32_t;
};

template <class T, int count>
struct VectorOf {
  using type __attribute__((vector_size(sizeof(T) * count))) = T;
};

template <class V>
PRECSIM_INLINE void load(const void* from, V& to) {
  std::memcpy(&to, from, sizeof to);
}
template <class V>
PRECSIM_INLINE void store(void* to, const V& from) {
  std::memcpy(to, &from, sizeof from);
}

/// What is added to the bits of a magnitude before the lowest `dropped` of them are cut off.
template <RoundingMode mode, class L>
PRECSIM_INLINE void increment(int dropped, const typename L::Words& magnitude, const typename L::Words& negative,
                              const std::uint32_t* draws, typename L::Words& up) {
  using Word = typename L::Word;
  using Words = typename L::Words;
  const Word one = Word{1} << dropped;
  if constexpr (mode == RoundingMode::nearest_even) {
    up = (magnitude & one) == 0 ? Words{} + ((one >> 1) - 1) : Words{} + (one >> 1);
  } else if constexpr (mode == RoundingMode::nearest_away) {
    up = Words{} + (one >> 1);
  } else if constexpr (mode == RoundingMode::toward_zero) {
    up = Words{};
  } else if constexpr (mode == RoundingMode::toward_positive) {
    up = ~negative & (one - 1);
  } else if constexpr (mode == RoundingMode::toward_negative) {
    up = negative & (one - 1);
  } else if constexpr (mode == RoundingMode::to_odd) {
    up = ((magnitude & (one - 1)) + (one - 1)) & ~magnitude & one;
  } else if constexpr (mode == RoundingMode::biased) {
    up = Words{} + 3 * (one >> 2);
  } else {
    // Up iff fraction > draw at `dropped` bits; the draw's 32 bits are followed by ones.
    typename L::Draws words;
    load(draws, words);
    const Words draw = __builtin_convertvector(words, Words);
    up = (one - 1) - (((draw << 20) | Word{0xfffff}) >> (L::fraction_bits - dropped));
  }
}

/// Just below the smallest normal number, these round up to it, whether the last place there is taken as that of the
/// subnormal numbers or as half of it: they need not look at the rest of a sum to tell the two apart.
constexpr bool to_nearest(RoundingMode mode) {
  return mode == RoundingMode::nearest_even || mode == RoundingMode::nearest_away || mode == RoundingMode::biased;
}

/// x + rest, rounded; |rest| <= ulp(x) / 2.
template <RoundingMode mode, class L>
PRECSIM_INLINE void round_lanes(const LaneFormat<typename L::Number>& format, const typename L::Reals& x,
                                const typename L::Reals& rest, const std::uint32_t* draws, typename L::Reals& rounded) {
  using Words = typename L::Words;
  using Ints = typename L::Ints;
  using Reals = typename L::Reals;
  const Words bits = reinterpret_cast<Words>(x);
  const Words sign = bits & L::sign_bit;
  const Words negative = reinterpret_cast<Words>(reinterpret_cast<Ints>(bits) < 0);
  const Reals magnitude = reinterpret_cast<Reals>(bits ^ sign);
  // |x + rest| = magnitude - short_by
  const Reals short_by = reinterpret_cast<Reals>(reinterpret_cast<Words>(rest) ^ (sign ^ L::sign_bit));
  Reals offset;
  if constexpr (to_nearest(mode)) {
    offset = magnitude < format.smallest_normal ? Reals{} + format.smallest_normal : Reals{};
  } else {
    offset = magnitude - format.smallest_normal < short_by ? Reals{} + format.smallest_normal : Reals{};
  }
  const Reals moved = magnitude + offset;
  const Reals beyond = (magnitude - (moved - offset)) - short_by;
  Words kept = reinterpret_cast<Words>(moved);
  kept = beyond < 0 ? kept - 1 : kept;
  kept = beyond != 0 ? kept | 1 : kept;
  Words up;
  increment<mode, L>(format.dropped, kept, negative, draws, up);
  kept = (kept + up) & (~typename L::Word{0} << format.dropped);
  const Words value = reinterpret_cast<Words>(reinterpret_cast<Reals>(kept) - offset);
  Words limit = Words{} + format.above_positive;
  if constexpr (mode == RoundingMode::toward_positive || mode == RoundingMode::toward_negative) {
    limit ^= negative & (format.above_positive ^ format.above_negative);
  }
  const Ints most = Ints{} + static_cast<typename SignedWord<typename L::Number>::type>(format.largest);
  rounded = reinterpret_cast<Reals>((reinterpret_cast<Ints>(value) > most ? limit : value) | sign);
}

template <RoundingMode mode, bool rounds_product, class L>
PRECSIM_INLINE void accumulate(const AccumulateTile<typename L::Number>& given,
                               AccumulateState<typename L::Number>& state) {
  using Reals = typename L::Reals;
  using Words = typename L::Words;
  constexpr int vectors = tile_lanes / L::count;
  const AccumulateTile<typename L::Number> tile = given;  // a copy that no store can reach
  Reals sums[tile_rows][vectors];
  Words lost[tile_rows][vectors] = {};
  std::memcpy(sums, state.sum, sizeof sums);
  const std::int64_t next_row = mode == RoundingMode::stochastic ? tile.steps * tile_lanes : 0;
  for (std::int64_t k = 0; k < tile.steps; ++k) {
    for (int r = 0; r < tile_rows; ++r) {
      for (int v = 0; v < vectors; ++v) {
        const std::int64_t at = r * next_row + (mode == RoundingMode::stochastic ? k * tile_lanes + v * L::count : 0);
        Reals b;
        load(tile.lanes + k * tile_lanes + v * L::count, b);
        Reals p = tile.rows[r][k] * b;
        if constexpr (rounds_product) {
          round_lanes<mode, L>(tile.product, p, Reals{}, tile.product_draws + at, p);
          lost[r][v] |= reinterpret_cast<Words>((reinterpret_cast<Words>(p) & L::infinity) == L::infinity);
        }
        const Reals c = sums[r][v];
        const Reals s = p + c;
        const Reals of_c = s - p;
        const Reals e = (p - (s - of_c)) + (c - of_c);
        round_lanes<mode, L>(tile.sum, s, e, tile.sum_draws + at, sums[r][v]);
      }
    }
  }
  std::memcpy(state.sum, sums, sizeof sums);
  for (int r = 0; r < tile_rows; ++r) {
    for (int v = 0; v < vectors; ++v) {
      Words before;
      load(&state.lost[r][v * L::count], before);
      store(&state.lost[r][v * L::count], before | lost[r][v]);
    }
  }
}

template <RoundingMode mode, class Real, int bytes>
PRECSIM_INLINE void accumulate(const AccumulateTile<Real>& tile, AccumulateState<Real>& state) {
  if (tile.rounds_product) {
    accumulate<mode, true, Lanes<Real, bytes>>(tile, state);
  } else {
    accumulate<mode, false, Lanes<Real, bytes>>(tile, state);
  }
}

/// sum = RN(a * b + sum): fused, or else (portable) a product that the lanes hold.
template <class Reals>
PRECSIM_INLINE void multiply_add(const Reals& a, const Reals& b, Reals& sum) {
#if defined(__x86_64__)
  if constexpr (sizeof(Reals) > 16 && sizeof(sum[0]) == sizeof(double)) {
    asm("vfmadd231pd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return;
  }
  if constexpr (sizeof(Reals) > 16 && sizeof(sum[0]) == sizeof(float)) {
    asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return;
  }
#endif
  sum = a * b + sum;
}

/// Steps of FP32 numbers whose products are FP32 numbers too.
template <int bytes>
PRECSIM_INLINE void multiply_adds(const AccumulateTile<float>& given, AccumulateState<float>& state) {
  using Reals = typename Lanes<float, bytes>::Reals;
  static_assert(tile_rows == 4);
  const AccumulateTile<float> tile = given;
  for (int j = 0; j < tile_lanes; j += Lanes<float, bytes>::count) {
    Reals sum0, sum1, sum2, sum3;
    load(&state.sum[0][j], sum0);
    load(&state.sum[1][j], sum1);
    load(&state.sum[2][j], sum2);
    load(&state.sum[3][j], sum3);
    for (std::int64_t k = 0; k < tile.steps; ++k) {
      Reals b;
      load(tile.lanes + k * tile_lanes + j, b);
      multiply_add(tile.rows[0][k] - Reals{}, b, sum0);
      multiply_add(tile.rows[1][k] - Reals{}, b, sum1);
      multiply_add(tile.rows[2][k] - Reals{}, b, sum2);
      multiply_add(tile.rows[3][k] - Reals{}, b, sum3);
    }
    store(&state.sum[0][j], sum0);
    store(&state.sum[1][j], sum1);
    store(&state.sum[2][j], sum2);
    store(&state.sum[3][j], sum3);
  }
}

/// A step to nearest even in FP32, `sum` times its scale being the product, which a double holds.
template <int bytes, class Real>
PRECSIM_INLINE void spill_in_doubles(const LaneFormat<double>& fp32, const AccumulateState<Real>& state,
                                     const SpillScales& scales, SpillState& to) {
  using L = Lanes<double, bytes>;
  using Reals = typename L::Reals;
  using Sums = typename VectorOf<Real, L::count>::type;
  using Singles = typename VectorOf<float, L::count>::type;
  for (int r = 0; r < tile_rows; ++r) {
    for (int j = 0; j < tile_lanes; j += L::count) {
      Sums sum;
      Singles single, scale;
      load(&state.sum[r][j], sum);
      load(scales.lanes + j, scale);
      load(&to.sum[r][j], single);
      const Reals lanes = __builtin_convertvector(scale, Reals);
      const Reals p = __builtin_convertvector(sum, Reals) * (static_cast<double>(scales.rows[r]) * lanes);
      const Reals c = __builtin_convertvector(single, Reals);
      const Reals s = p + c;
      const Reals of_c = s - p;
      const Reals e = (p - (s - of_c)) + (c - of_c);
      Reals rounded;
      round_lanes<RoundingMode::nearest_even, L>(fp32, s, e, nullptr, rounded);
      store(&to.sum[r][j], __builtin_convertvector(rounded, Singles));
    }
  }
}

/// All bits of a lane where its highest is set. (Comparisons of these vectors become scalar code with g++ 12.)
template <class L>
PRECSIM_INLINE void spread_sign(typename L::Words& words) {
  constexpr int highest = 8 * sizeof(typename L::Number) - 1;
  words = reinterpret_cast<typename L::Words>(reinterpret_cast<typename L::Ints>(words) >> highest);
}

/// One FP32 FMA, which is the spill wherever FP32 holds the scale; where it does not, only a zero may meet it. False,
/// and nothing done, where that is not so.
template <int bytes>
PRECSIM_INLINE bool spill_in_floats(const AccumulateState<float>& state, const SpillScales& scales, SpillState& to) {
  using L = Lanes<float, bytes>;
  using Reals = typename L::Reals;
  using Words = typename L::Words;
  float spilled[tile_rows][tile_lanes];
  Words bad{};
  for (int r = 0; r < tile_rows; ++r) {
    for (int j = 0; j < tile_lanes; j += L::count) {
      Reals sum, scale, c;
      load(&state.sum[r][j], sum);
      load(scales.lanes + j, scale);
      load(&to.sum[r][j], c);
      scale *= scales.rows[r];
      const Words factor = reinterpret_cast<Words>(scale);
      Words not_held = (factor - 1) | (factor + (L::sign_bit - L::infinity));
      spread_sign<L>(not_held);
      bad |= reinterpret_cast<Words>(sum) & ~L::sign_bit & not_held;
      scale = reinterpret_cast<Reals>(factor & ~not_held);
      multiply_add(sum, scale, c);
      store(&spilled[r][j], c);
    }
  }
  std::uint32_t lanes[L::count];
  store(lanes, bad);
  std::uint32_t any = 0;
  for (const std::uint32_t lane : lanes) {
    any |= lane;
  }
  if (any == 0) {
    std::memcpy(to.sum, spilled, sizeof spilled);
  }
  return any == 0;
}

/// Marks sums that are not finite, and those that were lost before.
template <int bytes, class Real>
PRECSIM_INLINE void note_lost(const AccumulateState<Real>& state, SpillState& to) {
  using L = Lanes<Real, bytes>;
  using Words = typename L::Words;
  for (int r = 0; r < tile_rows; ++r) {
    for (int j = 0; j < tile_lanes; j += L::count) {
      Words sum, lost;
      typename VectorOf<std::uint32_t, L::count>::type noted;
      load(&state.sum[r][j], sum);
      load(&state.lost[r][j], lost);
      load(&to.lost[r][j], noted);
      Words nonfinite = (sum & ~L::sign_bit) + (L::sign_bit - L::infinity);
      spread_sign<L>(nonfinite);
      lost |= nonfinite;
      noted |= __builtin_convertvector(lost, decltype(noted));
      store(&to.lost[r][j], noted);
    }
  }
}

template <int bytes, class Real>
PRECSIM_INLINE void spill(const LaneFormat<double>& fp32, const AccumulateState<Real>& state, const SpillScales& scales,
                          SpillState& to) {
  note_lost<bytes>(state, to);
  if constexpr (bytes > 16 && sizeof(Real) == sizeof(float)) {
    if (spill_in_floats<bytes>(state, scales, to)) {
      return;
    }
  }
  spill_in_doubles<bytes>(fp32, state, scales, to);
}

/// The rows' sums in one vector of lanes.
template <int bytes>
struct ExactLanes {
  using Reals = typename Lanes<double, bytes>::Reals;
  static_assert(tile_rows == 4);
  Reals sum0, sum1, sum2, sum3;

  PRECSIM_INLINE explicit ExactLanes(const double (*exact)[tile_lanes], int j) {
    load(&exact[0][j], sum0);
    load(&exact[1][j], sum1);
    load(&exact[2][j], sum2);
    load(&exact[3][j], sum3);
  }
  PRECSIM_INLINE void step(const ExactTile& tile, std::int64_t k, int j) {
    Reals b;
    load(tile.lanes + k * tile_lanes + j, b);
    multiply_add(tile.rows[0][k] - Reals{}, b, sum0);
    multiply_add(tile.rows[1][k] - Reals{}, b, sum1);
    multiply_add(tile.rows[2][k] - Reals{}, b, sum2);
    multiply_add(tile.rows[3][k] - Reals{}, b, sum3);
  }
  PRECSIM_INLINE void finish(double (*exact)[tile_lanes], int j) const {
    store(&exact[0][j], sum0);
    store(&exact[1][j], sum1);
    store(&exact[2][j], sum2);
    store(&exact[3][j], sum3);
  }
};

/// Two vectors at once, so that eight multiply-adds are under way.
template <int bytes>
PRECSIM_INLINE void exact(const ExactTile& given, double (*exact)[tile_lanes]) {
  constexpr int width = bytes / 8;
  const ExactTile tile = given;
  for (int j = 0; j < tile_lanes; j += 2 * width) {
    ExactLanes<bytes> left(exact, j);
    ExactLanes<bytes> right(exact, j + width);
    for (std::int64_t k = 0; k < tile.steps; ++k) {
      left.step(tile, k, j);
      right.step(tile, k, j + width);
    }
    left.finish(exact, j);
    right.finish(exact, j + width);
  }
}

}  // namespace precsim::kernels::float_body
