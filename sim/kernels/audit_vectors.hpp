// Generic vectors for the audit, by the instruction set that PRECSIM_TARGET selects.
#pragma once

#include <cstdint>
#include <cstring>

#include "sim/kernels/audit_kernel.hpp"

#define PRECSIM_INLINE PRECSIM_TARGET inline __attribute__((always_inline))

namespace precsim::kernels {
namespace {

template <class T, int size>
struct Vector {
  using type __attribute__((vector_size(size))) = T;
};

/// Generic vectors of 32-bit words.
template <int size>
struct PlainVectors {
  static constexpr int lanes = size / 4;
  using Words = typename Vector<std::uint32_t, size>::type;
  using Integers = typename Vector<std::int32_t, size>::type;
  using Floats = typename Vector<float, size>::type;
  /// No more than the words of a block.
  static constexpr int block_lanes = lanes < block_codes / 2 ? lanes : block_codes / 2;
  using BlockWords = typename Vector<std::uint32_t, 4 * block_lanes>::type;
  using BlockIntegers = typename Vector<std::int32_t, 4 * block_lanes>::type;

  static PRECSIM_INLINE void raise(Words& most, const Words& x) { most = x > most ? x : most; }
  /// The highest set bit alone; 0 of 0.
  static PRECSIM_INLINE void keep_top_bit(Words& x) {
    x |= x >> 1;
    x |= x >> 2;
    x |= x >> 4;
    x |= x >> 8;
    x |= x >> 16;
    x ^= x >> 1;
  }
  /// Bit by bit: sum, a and b become the sum, and the carry in a.
  static PRECSIM_INLINE void full_add(Words& sum, Words& a, const Words& b) {
    const Words one = sum ^ a;
    a = (sum & a) | (one & b);
    sum = one ^ b;
  }
  static PRECSIM_INLINE unsigned above(const Words& x, std::uint32_t limit) {
    unsigned mask = 0;
    for (int j = 0; j < lanes; ++j) {
      mask |= (x[j] > limit ? 1u : 0u) << j;
    }
    return mask;
  }
  static PRECSIM_INLINE Words magnitude(const Words& lane) {
    const auto sign = reinterpret_cast<Words>(reinterpret_cast<Integers>(lane) >> 31);
    return (lane ^ sign) - sign;
  }
  /// The FP32 number start + a * b, for a start up to 2^31.
  static PRECSIM_INLINE Words bound(const Words& start, float a, const Floats& b) {
    const auto low = __builtin_convertvector(reinterpret_cast<Integers>(start & 0x7fffffffu), Floats);
    const auto high = reinterpret_cast<Floats>((start >> 31) * 0x4f000000u);
    return reinterpret_cast<Words>(a * b + (low + high));
  }
  /// b becomes the sum of two products of codes mod 2^32.
  static PRECSIM_INLINE void multiply_pairs(native::Word a, Words& b) {
    const auto low = static_cast<std::uint32_t>(static_cast<std::int16_t>(a));
    const auto high = static_cast<std::uint32_t>(static_cast<std::int32_t>(a) >> 16);
    b = reinterpret_cast<Words>(reinterpret_cast<Integers>(b << 16) >> 16) * low +
        reinterpret_cast<Words>(reinterpret_cast<Integers>(b) >> 16) * high;
  }
  /// The sums of the squares of two codes.
  static PRECSIM_INLINE void square_pairs(BlockWords& x) {
    const auto low = reinterpret_cast<BlockIntegers>(x << 16) >> 16;
    const auto high = reinterpret_cast<BlockIntegers>(x) >> 16;
    x = reinterpret_cast<BlockWords>(low * low) + reinterpret_cast<BlockWords>(high * high);
  }
  static PRECSIM_INLINE void spill(const Words& lane, const Floats& first, const Floats& second, Floats& c) {
    for (int j = 0; j < lanes; ++j) {
      c[j] = __builtin_fmaf(static_cast<float>(static_cast<std::int32_t>(lane[j])) * first[j], second[j], c[j]);
    }
  }
};

template <class V>
PRECSIM_INLINE void load(const void* from, V& to) {
  std::memcpy(&to, from, sizeof to);
}
template <class V>
PRECSIM_INLINE void store(void* to, const V& from) {
  std::memcpy(to, &from, sizeof from);
}

}  // namespace
}  // namespace precsim::kernels
