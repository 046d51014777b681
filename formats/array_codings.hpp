// Encoding and decoding of a vector of elements: floating-point codes, integer codes.
#pragma once

#include <cstdint>
#include <type_traits>

#include "formats/array_kernel.hpp"
#include "formats/array_lanes.hpp"

namespace precsim::formats::array_body {

inline constexpr std::uint32_t infinity_bits = 0x7f800000u;

/// FP32 numbers taken apart: magnitudes are significand * 2^(field - 150); subnormals have field 1. Infinity comes out
/// as 2^128.
template <int bytes>
struct Parts {
  using Words = typename Lanes<bytes>::Words;
  using Ints = typename Lanes<bytes>::Ints;
  Words magnitude, negative, significand;  ///< negative: all bits of a lane or none
  Ints field;

  PRECSIM_INLINE explicit Parts(const Words& bits) {
    magnitude = bits & 0x7fffffffu;
    negative = reinterpret_cast<Words>(reinterpret_cast<Ints>(bits) >> 31);
    const Ints biased = reinterpret_cast<Ints>(magnitude >> 23);
    field = biased > 1 ? biased : Ints{} + 1;
    significand = magnitude + 0x800000u - (reinterpret_cast<Words>(field) << 23);
  }
  /// Lanes of finite numbers that were rounded to more than the limit.
  template <class Limit>
  PRECSIM_INLINE void above(const Words& rounded, const Limit& limit, Words& saturated) const {
    const Words finite = magnitude < infinity_bits ? rounded : Words{};
    saturated = reinterpret_cast<Words>(finite > limit);
  }
  /// One of two words, by sign.
  PRECSIM_INLINE void by_sign(std::uint32_t if_positive, std::uint32_t if_negative, Words& chosen) const {
    chosen = if_positive ^ (negative & (if_positive ^ if_negative));
  }
};

/// 2^exponent in two factors, since it may be no normal number itself; -252 <= exponent <= 254.
template <int bytes>
struct Powers {
  using Words = typename Lanes<bytes>::Words;
  using Ints = typename Lanes<bytes>::Ints;
  typename Lanes<bytes>::Floats first, second;

  PRECSIM_INLINE explicit Powers(const Ints& exponent) {
    const Ints half = exponent >> 1;
    first = reinterpret_cast<decltype(first)>((half + 127) << 23);
    second = reinterpret_cast<decltype(second)>((exponent - half + 127) << 23);
  }
};

/// FloatCoding with an exponent in each lane.
template <int bytes>
struct FloatCodings : FloatCoding {
  typename Lanes<bytes>::Ints lowest_field;
  typename Lanes<bytes>::Words rebias;
  typename Lanes<bytes>::Floats smallest;

  PRECSIM_INLINE FloatCodings(const FloatCoding& base, const typename Lanes<bytes>::Ints& exponent)
      : FloatCoding(base) {
    lowest_field = base.lowest_field + exponent;
    rebias = base.rebias + (reinterpret_cast<typename Lanes<bytes>::Words>(exponent) << 23);
    const Powers<bytes> scale(exponent);
    smallest = base.smallest * scale.first * scale.second;
  }
};

/// `C` is FloatCoding or FloatCodings.
template <int bytes, class C = FloatCoding>
struct FloatLanes {
  using Words = typename Lanes<bytes>::Words;
  using Ints = typename Lanes<bytes>::Ints;
  using Floats = typename Lanes<bytes>::Floats;
  using Coding = FloatCoding;
  using InLanes = C;

  template <RoundingMode mode>
  PRECSIM_INLINE static void encode(const C& c, const Words& bits, const Words& draw, Words& code, Words& saturated) {
    const Parts<bytes> x(bits);
    const Ints above = x.field - c.lowest_field;
    const Ints below = above < 0 ? above : Ints{};
    Words rounded;
    round_lanes<mode, bytes>(x.significand, c.drop - below, x.negative, draw, rounded);
    rounded += reinterpret_cast<Words>(above - below) << c.fraction_bits;
    Words limit;
    x.by_sign(c.above_positive, c.above_negative, limit);
    const Words nan = c.quiet_nan | ((x.magnitude & 0x7fffffu) >> c.drop);
    const Words special = x.magnitude == infinity_bits ? Words{} + c.from_infinity : nan;
    x.above(rounded, c.largest, saturated);
    code = rounded > c.largest ? limit : rounded;
    code = x.magnitude < infinity_bits ? code : special;
    code |= x.negative & c.sign_bit;
  }

  PRECSIM_INLINE static void decode(const C& c, const Words& code, Floats& value) {
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

/// IntegerCoding with an exponent in each lane; only of what saturates.
template <int bytes>
struct IntegerCodings {
  typename Lanes<bytes>::Ints exponent;
  std::uint32_t largest, most_negative;

  PRECSIM_INLINE IntegerCodings(const IntegerCoding& base, const typename Lanes<bytes>::Ints& exponents)
      : exponent(exponents), largest(base.largest), most_negative(base.most_negative) {}
};

template <int bytes, bool wraps, class C = IntegerCoding>
struct IntegerLanes {
  using Words = typename Lanes<bytes>::Words;
  using Ints = typename Lanes<bytes>::Ints;
  using Floats = typename Lanes<bytes>::Floats;
  using Coding = IntegerCoding;
  using InLanes = C;

  template <RoundingMode mode>
  PRECSIM_INLINE static void encode(const C& c, const Words& bits, const Words& draw, Words& code, Words& saturated) {
    const Parts<bytes> x(bits);
    const Ints drop = c.exponent + 150 - x.field;
    Words kept;
    round_lanes<mode, bytes>(x.significand, drop, x.negative, draw, kept);
    Words limit;
    x.by_sign(c.largest, c.most_negative, limit);
    x.above(kept, limit, saturated);
    if constexpr (wraps) {
      const Ints up = drop < 0 ? -drop : Ints{};
      kept <<= reinterpret_cast<Words>(up < 31 ? up : Ints{} + 31);
    } else {
      kept = kept > limit ? limit : kept;
    }
    code = (kept ^ x.negative) - x.negative;
    if constexpr (wraps) {
      code = reinterpret_cast<Words>(reinterpret_cast<Ints>(code << c.unused_bits) >> c.unused_bits);
    }
  }

  PRECSIM_INLINE static void decode(const C& c, const Words& code, Floats& value) {
    value = __builtin_convertvector(reinterpret_cast<Ints>(code), Floats);
    if constexpr (std::is_same_v<C, IntegerCoding>) {
      value *= c.step;
    } else {
      const Powers<bytes> scale(c.exponent);
      value = value * scale.first * scale.second;
    }
  }
};

/// The same codes under rounding to nearest even, for finite numbers where c.inverse is not 0: scaled exactly (what
/// underflows is 0 anyway) and rounded by the addition of a number whose fraction has no bits left.
template <int bytes>
struct NearestIntegerLanes : IntegerLanes<bytes, false> {
  using Words = typename Lanes<bytes>::Words;
  using Ints = typename Lanes<bytes>::Ints;
  using Floats = typename Lanes<bytes>::Floats;

  template <RoundingMode>
  PRECSIM_INLINE static void encode(const IntegerCoding& c, const Words& bits, const Words&, Words& code,
                                    Words& saturated) {
    constexpr float no_fraction = 12582912;  // 1.5 * 2^23
    constexpr std::int32_t no_fraction_bits = 0x4b400000;
    const Floats above = Floats{} + static_cast<float>(c.largest + 1);
    const Floats below = Floats{} - static_cast<float>(c.most_negative + 1);
    Floats scaled = reinterpret_cast<Floats>(bits) * c.inverse;
    scaled = scaled < above ? scaled : above;
    scaled = scaled > below ? scaled : below;
    const Ints kept = reinterpret_cast<Ints>(scaled + no_fraction) - no_fraction_bits;
    const Ints largest = Ints{} + static_cast<std::int32_t>(c.largest);
    const Ints least = Ints{} - static_cast<std::int32_t>(c.most_negative);
    Ints bounded = kept < largest ? kept : largest;
    bounded = bounded > least ? bounded : least;
    saturated = reinterpret_cast<Words>(kept != bounded);
    code = reinterpret_cast<Words>(bounded);
  }
};

}  // namespace precsim::formats::array_body
