// Discarding bits under every rounding mode; names of roundings.
#include "formats/rounding.hpp"

#include <fmt/format.h>

#include <array>

#include "formats/grammar.hpp"

namespace precsim::formats {
namespace {

constexpr std::array<RoundingEntry, 8> table{{
    {RoundingMode::nearest_even, "nearest_even", "f > 1/2, or f = 1/2 and the kept value is odd"},
    {RoundingMode::nearest_away, "nearest_away", "f >= 1/2"},
    {RoundingMode::toward_zero, "toward_zero", "never"},
    {RoundingMode::toward_positive, "toward_positive", "f > 0 and x > 0"},
    {RoundingMode::toward_negative, "toward_negative", "f > 0 and x < 0"},
    {RoundingMode::to_odd, "to_odd", "f > 0 and the kept value is even"},
    {RoundingMode::stochastic, "stochastic", "draw < floor(f * 2^bits), bits = 1..32 (default 32)"},
    {RoundingMode::biased, "biased", "f >= 1/4"},
}};

/// floor(f * 2^bits) for the `drop` discarded bits in `rest`.
std::uint64_t leading_fraction(std::uint64_t rest, int drop, int bits) {
  if (drop <= bits) {
    return rest << (bits - drop);
  }
  return drop - bits > 63 ? 0 : rest >> (drop - bits);
}

/// Where f lies against 2^-power: negative, zero or positive for f <, =, > 2^-power (power = 1 or 2).
int compare_fraction(std::uint64_t rest, int drop, int power) {
  if (drop < power) {
    return rest == 0 ? -1 : 1;
  }
  if (drop - power > 63) {
    return -1;
  }
  const std::uint64_t threshold = std::uint64_t{1} << (drop - power);
  return rest < threshold ? -1 : rest > threshold ? 1 : 0;
}

bool goes_up(std::uint64_t kept, std::uint64_t rest, int drop, bool negative, Rounding rounding, std::uint32_t word) {
  const bool odd = (kept & 1) != 0;
  switch (rounding.mode) {
    case RoundingMode::nearest_even: {
      const int half = compare_fraction(rest, drop, 1);
      return half > 0 || (half == 0 && odd);
    }
    case RoundingMode::nearest_away:
      return compare_fraction(rest, drop, 1) >= 0;
    case RoundingMode::toward_zero:
      return false;
    case RoundingMode::toward_positive:
      return rest != 0 && !negative;
    case RoundingMode::toward_negative:
      return rest != 0 && negative;
    case RoundingMode::to_odd:
      return rest != 0 && !odd;
    case RoundingMode::stochastic:
      return (word >> (32 - rounding.bits)) < leading_fraction(rest, drop, rounding.bits);
    case RoundingMode::biased:
      return compare_fraction(rest, drop, 2) >= 0;
  }
  return false;
}

}  // namespace

std::span<const RoundingEntry> roundings() {
  return table;
}

std::uint64_t discard_bits(std::uint64_t magnitude, int drop, bool negative, Rounding rounding, std::uint32_t word) {
  if (drop == 0) {
    return magnitude;
  }
  const std::uint64_t kept = drop > 63 ? 0 : magnitude >> drop;
  const std::uint64_t rest = drop > 63 ? magnitude : magnitude & ((std::uint64_t{1} << drop) - 1);
  return kept + (goes_up(kept, rest, drop, negative, rounding, word) ? 1 : 0);
}

std::uint64_t shift_right_sticky(std::uint64_t magnitude, int drop) {
  if (drop == 0) {
    return magnitude;
  }
  if (drop > 63) {
    return magnitude != 0 ? 1 : 0;
  }
  const bool lost = (magnitude & ((std::uint64_t{1} << drop) - 1)) != 0;
  return (magnitude >> drop) | (lost ? 1 : 0);
}

std::string name(Rounding rounding) {
  const std::string_view mode = table[static_cast<std::size_t>(rounding.mode)].name;
  return rounding.is_stochastic() && rounding.bits != 32 ? fmt::format("{}:bits={}", mode, rounding.bits)
                                                         : std::string(mode);
}

Rounding parse_rounding(std::string_view text) {
  const ParsedName parsed = parse_name(text, "rounding");
  for (const RoundingEntry& row : table) {
    if (row.name != parsed.base) {
      continue;
    }
    Rounding rounding{row.mode};
    OptionReader options(parsed, "rounding");
    if (rounding.is_stochastic()) {
      rounding.bits = static_cast<std::uint8_t>(options.integer("bits", 1, 32, 32));
    }
    options.finish();
    return rounding;
  }
  throw unknown_name("rounding", text, parsed.base, table, &RoundingEntry::name);
}

}  // namespace precsim::formats
