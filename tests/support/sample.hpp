// Seeded operands for tests, sized to the build: a sequence of its own, unrelated to the library's random bits.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "formats/rounding.hpp"

namespace precsim::support {

#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
inline constexpr bool slow_build = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool slow_build = true;
#else
inline constexpr bool slow_build = false;
#endif
#else
inline constexpr bool slow_build = false;
#endif

/// `count` in an optimized build, a fortieth of it where sanitizers or missing optimization slow the test down.
constexpr int sample_size(int count) {
  return slow_build ? (count + 39) / 40 : count;
}

inline constexpr std::uint64_t golden_step = 0x9e3779b97f4a7c15u;

/// A bijection of 64-bit numbers that looks random: the output of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) in
/// the state x.
constexpr std::uint64_t scramble(std::uint64_t x) {
  x += golden_step;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// SplitMix64.
class Sample {
 public:
  explicit Sample(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    const std::uint64_t drawn = scramble(state_);
    state_ += golden_step;
    return drawn;
  }
  std::uint32_t word() { return static_cast<std::uint32_t>(next() >> 32); }
  /// 0 <= result < bound, bound at most 2^32.
  std::uint64_t below(std::uint64_t bound) { return (next() >> 32) * bound >> 32; }
  /// Finite, either sign, any bits.
  float finite_float() { return std::bit_cast<float>(static_cast<std::uint32_t>(below(0x7f800000u)) | word() << 31); }
  /// Either sign, E(x) uniform in [low, high], -126 <= low <= high <= 127.
  float normal_float(int low, int high) {
    const auto field = static_cast<std::uint32_t>(low + 127) +
                       static_cast<std::uint32_t>(below(static_cast<std::uint64_t>(high - low) + 1));
    return std::bit_cast<float>((word() & 0x807fffffu) | field << 23);
  }

 private:
  std::uint64_t state_;
};

/// Every rounding the library lists, `stochastic` with several numbers of bits.
inline std::vector<formats::Rounding> every_rounding() {
  std::vector<formats::Rounding> all;
  for (const formats::RoundingEntry& row : formats::roundings()) {
    all.push_back({row.mode});
  }
  for (const int bits : {1, 2, 8, 24, 31}) {
    all.push_back({formats::RoundingMode::stochastic, static_cast<std::uint8_t>(bits)});
  }
  return all;
}

}  // namespace precsim::support
