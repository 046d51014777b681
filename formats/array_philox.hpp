// Philox4x32-10 on vectors: the random words of consecutive elements, all four words of each block.
#pragma once

#include <cstdint>

#include "formats/array_lanes.hpp"
#include "formats/random_bits.hpp"

namespace precsim::formats::array_body {

/// The products of the low 32 bits of two vectors of 64-bit lanes: one instruction, which g++ does not find by itself.
template <class Longs>
PRECSIM_INLINE void multiply_low(const Longs& a, const Longs& b, Longs& product) {
#if defined(__x86_64__) && !defined(__clang__)
  if constexpr (sizeof(Longs) > 16) {
    asm("vpmuludq %2, %1, %0" : "=v"(product) : "v"(a), "v"(b));
    return;
  }
#endif
  product = (a & 0xffffffffu) * (b & 0xffffffffu);
}

/// even = a0 b0 a2 b2 ..., odd = a1 b1 a3 b3 ...
PRECSIM_INLINE void pair_lanes(const Lanes<16>::Longs& a, const Lanes<16>::Longs& b, Lanes<16>::Longs& even,
                               Lanes<16>::Longs& odd) {
  even = __builtin_shufflevector(a, b, 0, 2);
  odd = __builtin_shufflevector(a, b, 1, 3);
}
PRECSIM_INLINE void pair_lanes(const Lanes<32>::Longs& a, const Lanes<32>::Longs& b, Lanes<32>::Longs& even,
                               Lanes<32>::Longs& odd) {
  even = __builtin_shufflevector(a, b, 0, 4, 2, 6);
  odd = __builtin_shufflevector(a, b, 1, 5, 3, 7);
}
PRECSIM_INLINE void pair_lanes(const Lanes<64>::Longs& a, const Lanes<64>::Longs& b, Lanes<64>::Longs& even,
                               Lanes<64>::Longs& odd) {
  even = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
  odd = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
}

/// One block per 64-bit lane, each of its four words in the low half of a lane of its own vector; what the high halves
/// hold is never looked at. Two such sets take turns so that one multiplies while the other waits.
template <int bytes>
class Philox {
 public:
  using Longs = typename Lanes<bytes>::Longs;
  static constexpr int lanes = bytes / 8;
  static constexpr int group_blocks = 2 * lanes;
  static constexpr int group_words = 4 * group_blocks;

  PRECSIM_INLINE explicit Philox(const RandomBits& bits) {
    std::uint32_t first = bits.seed;
    auto second = static_cast<std::uint32_t>(bits.stream);
    for (int round = 0; round < rounds; ++round) {
      key_[round][0] = Longs{} + first;
      key_[round][1] = Longs{} + second;
      first += 0x9e3779b9u;
      second += 0xbb67ae85u;
    }
    step_ = bits.step;
    tensor_ = bits.tensor;
    use_ = bits.use;
    // Lane 2g + k holds block k * lanes / 2 + g of its set, so that pair_lanes() leaves whole blocks in order.
    for (int lane = 0; lane < lanes; ++lane) {
      offset_[lane] = static_cast<std::uint64_t>(lane % 2 * (lanes / 2) + lane / 2);
    }
  }

  /// The words of `group_blocks` blocks from `block` on, in element order.
  PRECSIM_INLINE void group(std::uint64_t block, std::uint32_t* out) const {
    State a, b;
    start(block, a);
    start(block + lanes, b);
    for (int round = 0; round < rounds; ++round) {
      step(key_[round], a);
      step(key_[round], b);
    }
    finish(a, out);
    finish(b, out + 4 * lanes);
  }

 private:
  static constexpr int rounds = 10;
  struct State {
    Longs c0, c1, c2, c3;
  };

  PRECSIM_INLINE void start(std::uint64_t block, State& s) const {
    s.c0 = offset_ + block;
    s.c1 = Longs{} + step_;
    s.c2 = Longs{} + tensor_;
    s.c3 = ((s.c0 >> 32) << 8) + use_;
  }
  PRECSIM_INLINE static void step(const Longs (&key)[2], State& s) {
    Longs first, second;
    multiply_low(s.c0, Longs{} + 0xd2511f53u, first);
    multiply_low(s.c2, Longs{} + 0xcd9e8d57u, second);
    s.c0 = (second >> 32) ^ s.c1 ^ key[0];
    s.c2 = (first >> 32) ^ s.c3 ^ key[1];
    s.c1 = second;
    s.c3 = first;
  }
  PRECSIM_INLINE static void finish(const State& s, std::uint32_t* out) {
    const Longs low = (s.c0 & 0xffffffffu) | (s.c1 << 32);
    const Longs high = (s.c2 & 0xffffffffu) | (s.c3 << 32);
    Longs even, odd;
    pair_lanes(low, high, even, odd);
    store(out, even);
    store(out + 2 * lanes, odd);
  }

  Longs key_[rounds][2];
  Longs offset_{};
  std::uint64_t step_, tensor_, use_;
};

}  // namespace precsim::formats::array_body
