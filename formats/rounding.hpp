// Rounding modes, and the only place in the program where bits are thrown away.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace precsim::formats {

/// The kept magnitude goes up by one iff (f = discarded fraction of one unit of the last kept place):
enum class RoundingMode : std::uint8_t {
  nearest_even,     ///< f > 1/2, or f = 1/2 and the kept value is odd
  nearest_away,     ///< f >= 1/2
  toward_zero,      ///< never
  toward_positive,  ///< f > 0 and x > 0
  toward_negative,  ///< f > 0 and x < 0
  to_odd,           ///< f > 0 and the kept value is even
  stochastic,       ///< draw < floor(f * 2^bits)
  biased,           ///< f >= 1/4 (Das et al. 2018, third mode; sign-symmetric)
};

/// A rounding as it is used: `stochastic` carries the number of random bits it looks at, 1..32.
struct Rounding {
  RoundingMode mode = RoundingMode::nearest_even;
  std::uint8_t bits = 32;

  bool is_stochastic() const { return mode == RoundingMode::stochastic; }
  friend bool operator==(const Rounding&, const Rounding&) = default;
};

/// One row per mode, in the order of the enumeration.
struct RoundingEntry {
  RoundingMode mode;
  std::string_view name;
  std::string_view rule;
};
std::span<const RoundingEntry> roundings();

/// "nearest_even", ..., "stochastic", "stochastic:bits=8". The canonical name omits bits=32.
std::string name(Rounding rounding);
/// Inverse of name(); raises UserError naming the valid roundings.
Rounding parse_rounding(std::string_view text);

/// magnitude * 2^-drop rounded to an integer. `word` is the element's random word; only stochastic rounding
/// looks at it, at its top `bits` bits. drop >= 0 is unlimited: beyond 63 nothing is kept and f is tiny.
/// The lowest bit of `magnitude` may be a sticky bit if at least bits + 2 (stochastic) or 3 bits are dropped.
std::uint64_t discard_bits(std::uint64_t magnitude, int drop, bool negative, Rounding rounding, std::uint32_t word);

/// magnitude >> drop (drop >= 0, unlimited) with every lost one collected in the lowest bit kept.
std::uint64_t shift_right_sticky(std::uint64_t magnitude, int drop);

}  // namespace precsim::formats
