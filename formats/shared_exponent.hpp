// Dynamic fixed point: integers of P bits with one exponent per block (Das et al. 2018, section 3).
#pragma once

#include <cstdint>

#include "formats/exact.hpp"
#include "formats/format.hpp"
#include "formats/rounding.hpp"

namespace precsim::formats {

/// What happens to a code that rounding carried to 2^(P-1-h).
enum class TopRule : std::uint8_t {
  saturate,  ///< becomes 2^(P-1-h) - 1; the most negative code never appears
  bump,      ///< the block's exponent goes up by one and the block is converted again; next to FLT_MAX the value is
             ///< 2^128, which as an FP32 number is infinite (and ends a training step as such)
  wrap,      ///< keeps its low P-h bits, sign-extended: what unguarded hardware does
};

/// Elements of a block of the reduction, at most.
inline constexpr std::int64_t largest_block = 65536;

/// dfpP with its options: 2 <= bits <= 16, 0 <= headroom <= bits - 2.
struct DfpFormat {
  int bits = 16;
  int headroom = 0;
  TopRule top = TopRule::saturate;
  Blocking blocking{BlockKind::tensor, 0};

  /// The largest magnitude that saturation leaves, 2^(P-1-h) - 1.
  std::int32_t largest_code() const { return (1 << (bits - 1 - headroom)) - 1; }
};

/// E_s = E(absmax) - (P-2) + h, always an int16.
constexpr int shared_exponent(float absmax, const DfpFormat& format) {
  return exponent_of(absmax) - (format.bits - 2) + format.headroom;
}

/// The code of a finite x under exponent `exponent` and the top rule (bump: not applied, the carried code is
/// returned for the caller to see). `carried` is set iff rounding left the range.
std::int32_t dfp_code(const Exact& x, int exponent, const DfpFormat& format, Rounding rounding, std::uint32_t word,
                      bool& carried);

/// Applies saturate or wrap to a magnitude, with its sign.
std::int32_t apply_top(std::uint64_t magnitude, bool negative, const DfpFormat& format);

FormatPtr make_dfp(const DfpFormat& format);

}  // namespace precsim::formats
