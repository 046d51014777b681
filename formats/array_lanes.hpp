// Vectors of the array kernels, and the rounding of a vector of magnitudes.
#pragma once

#include <cstdint>
#include <cstring>

#include "formats/rounding.hpp"

#define PRECSIM_INLINE inline __attribute__((always_inline))

namespace precsim::formats::array_body {

/// Vectors of `bytes` bytes. They are passed by reference only: by value their calling convention would depend on the
/// instruction set of the caller.
template <int bytes>
struct Lanes {
  using Words __attribute__((vector_size(bytes))) = std::uint32_t;
  using Ints __attribute__((vector_size(bytes))) = std::int32_t;
  using Floats __attribute__((vector_size(bytes))) = float;
  using Longs __attribute__((vector_size(bytes))) = std::uint64_t;
  using Halves __attribute__((vector_size(bytes / 2))) = std::int16_t;
  static constexpr int count = bytes / 4;
};

template <class V>
PRECSIM_INLINE void load(const void* from, V& to) {
  std::memcpy(&to, from, sizeof to);
}

template <class V>
PRECSIM_INLINE void store(void* to, const V& from) {
  std::memcpy(to, &from, sizeof from);
}

/// Asks for the cache line a page ahead in a stream; the address may lie beyond the array, or come from null.
/// Without it, a loop of this many instructions per line waits for memory at every line.
template <int write>
PRECSIM_INLINE void prefetch(const void* stream) {
  constexpr std::uintptr_t ahead = 4096;
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(stream) + ahead), write);
}

/// The kept magnitude goes up by one iff fraction > threshold, where `fraction` is f in units of 2^-32 (the table of
/// roundings.hpp, without a branch). `negative` has all bits of a lane set or none. `draw` is the random word with ones
/// below its top r bits, so that draw_r < floor(f * 2^r) is draw < floor(f * 2^32).
template <RoundingMode mode, class Words>
PRECSIM_INLINE void threshold(const Words& kept, const Words& negative, const Words& draw, Words& out) {
  switch (mode) {
    case RoundingMode::nearest_even:
      out = 0x80000000u - (kept & 1u);
      break;
    case RoundingMode::nearest_away:
      out = Words{} + 0x7fffffffu;
      break;
    case RoundingMode::toward_zero:
      out = ~Words{};
      break;
    case RoundingMode::toward_positive:
      out = negative;
      break;
    case RoundingMode::toward_negative:
      out = ~negative;
      break;
    case RoundingMode::to_odd:
      out = 0u - (kept & 1u);
      break;
    case RoundingMode::stochastic:
      out = draw;
      break;
    case RoundingMode::biased:
      out = Words{} + 0x3fffffffu;
      break;
  }
}

/// discard_bits() in every lane: magnitude * 2^-drop, rounded. Where drop > 0, magnitude < 2^24; drop < 0 counts as 0.
/// From 26 dropped bits on, f lies in (0, 1/4) or is 0, which is all that a rounding without a draw looks at.
template <RoundingMode mode, int bytes>
PRECSIM_INLINE void round_lanes(const typename Lanes<bytes>::Words& magnitude, const typename Lanes<bytes>::Ints& drop,
                                const typename Lanes<bytes>::Words& negative, const typename Lanes<bytes>::Words& draw,
                                typename Lanes<bytes>::Words& rounded) {
  using Words = typename Lanes<bytes>::Words;
  using Ints = typename Lanes<bytes>::Ints;
  constexpr int most = mode == RoundingMode::stochastic ? 31 : 26;
  const Ints at_least_zero = drop > 0 ? drop : Ints{};
  const Ints shift = at_least_zero < most ? at_least_zero : Ints{} + most;
  Words fraction = (magnitude << reinterpret_cast<Words>(31 - shift)) << 1;
  if constexpr (mode == RoundingMode::stochastic) {
    const Ints more = at_least_zero - shift;
    fraction >>= reinterpret_cast<Words>(more < 31 ? more : Ints{} + 31);
  }
  const Words kept = magnitude >> reinterpret_cast<Words>(shift);
  Words limit;
  threshold<mode>(kept, negative, draw, limit);
  rounded = kept - reinterpret_cast<Words>(fraction > limit);
}

}  // namespace precsim::formats::array_body
