// Encoding and decoding of a vector of elements: floating-point codes, integer codes.
#pragma once

#include <cstdint>

#include "formats/array_kernel.hpp"
#include "formats/array_lanes.hpp"

namespace precsim::formats::array_body {

/// A magnitude of FP32 bits as significand * 2^(field - 150); FP32 subnormals have field 1. Infinity comes out as
/// 2^128.
template <int bytes>
PRECSIM_INLINE void take_apart(const typename Lanes<bytes>::Words& magnitude, typename Lanes<bytes>::Words& significand,
                               typename Lanes<bytes>::Ints& field) {
  using Words = typename Lanes<bytes>::Words;
  using Ints = typename Lanes<bytes>::Ints;
  const Ints biased = reinterpret_cast<Ints>(magnitude >> 23);
  field = biased > 1 ? biased : Ints{} + 1;
  significand = magnitude + 0x800000u - (reinterpret_cast<Words>(field) << 23);
}

inline constexpr std::uint32_t infinity_bits = 0x7f800000u;

template <int bytes>
struct FloatLanes {
  using Words = typename Lanes<bytes>::Words;
  using Ints = typename Lanes<bytes>::Ints;
  using Floats = typename Lanes<bytes>::Floats;
  using Coding = FloatCoding;

  template <RoundingMode mode>
  PRECSIM_INLINE static void encode(const Coding& c, const Words& bits, const Words& draw, Words& code,
                                    Words& saturated) {
    const Words magnitude = bits & 0x7fffffffu;
    const Words negative = reinterpret_cast<Words>(reinterpret_cast<Ints>(bits) >> 31);
    Words significand;
    Ints field;
    take_apart<bytes>(magnitude, significand, field);
    const Ints above = field - c.lowest_field;
    const Ints below = above < 0 ? above : Ints{};
    Words rounded;
    round_lanes<mode, bytes>(significand, c.drop - below, negative, draw, rounded);
    rounded += reinterpret_cast<Words>(above - below) << c.fraction_bits;
    const Words limit = c.above_positive ^ (negative & (c.above_positive ^ c.above_negative));
    const Words nan = c.quiet_nan | ((magnitude & 0x7fffffu) >> c.drop);
    const Words special = magnitude == infinity_bits ? Words{} + c.from_infinity : nan;
    const Words finite = magnitude < infinity_bits ? rounded : Words{};
    saturated = reinterpret_cast<Words>(finite > c.largest);
    code = rounded > c.largest ? limit : rounded;
    code = magnitude < infinity_bits ? code : special;
    code |= negative & c.sign_bit;
  }

  PRECSIM_INLINE static void decode(const Coding& c, const Words& code, Floats& value) {
    const Words magnitude = code & c.magnitude_mask;
    const Floats small = __builtin_convertvector(reinterpret_cast<Ints>(magnitude), Floats) * c.smallest;
    Words bits = (magnitude << c.drop) + c.rebias;
    bits = magnitude < c.first_normal ? reinterpret_cast<Words>(small) : bits;
    const Words nan = 0x7fc00000u | ((magnitude & c.payload_mask) << c.drop);
    const Words special = magnitude == c.infinity ? Words{} + infinity_bits : nan;
    bits = magnitude > c.largest ? special : bits;
    bits |= (code << c.sign_shift) & 0x80000000u;
    value = reinterpret_cast<Floats>(bits);
  }
};

template <int bytes, bool wraps>
struct IntegerLanes {
  using Words = typename Lanes<bytes>::Words;
  using Ints = typename Lanes<bytes>::Ints;
  using Floats = typename Lanes<bytes>::Floats;
  using Coding = IntegerCoding;

  template <RoundingMode mode>
  PRECSIM_INLINE static void encode(const Coding& c, const Words& bits, const Words& draw, Words& code,
                                    Words& saturated) {
    const Words magnitude = bits & 0x7fffffffu;
    const Words negative = reinterpret_cast<Words>(reinterpret_cast<Ints>(bits) >> 31);
    Words significand;
    Ints field;
    take_apart<bytes>(magnitude, significand, field);
    const Ints drop = c.exponent + 150 - field;
    Words kept;
    round_lanes<mode, bytes>(significand, drop, negative, draw, kept);
    const Words limit = c.largest ^ (negative & (c.largest ^ c.most_negative));
    const Words finite = magnitude < infinity_bits ? kept : Words{};
    saturated = reinterpret_cast<Words>(finite > limit);
    if constexpr (wraps) {
      const Ints up = drop < 0 ? -drop : Ints{};
      kept <<= reinterpret_cast<Words>(up < 31 ? up : Ints{} + 31);
    } else {
      kept = kept > limit ? limit : kept;
    }
    code = (kept ^ negative) - negative;
    if constexpr (wraps) {
      code = reinterpret_cast<Words>(reinterpret_cast<Ints>(code << c.unused_bits) >> c.unused_bits);
    }
  }

  PRECSIM_INLINE static void decode(const Coding& c, const Words& code, Floats& value) {
    value = __builtin_convertvector(reinterpret_cast<Ints>(code), Floats) * c.step;
  }
};

}  // namespace precsim::formats::array_body
