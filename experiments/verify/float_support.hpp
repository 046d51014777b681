// What the sections on number formats share: roundings in the words of both sides, seeded words, text of mismatches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/verify/section.hpp"
#include "formats/float_format.hpp"
#include "formats/random_bits.hpp"
#include "tests/oracle/exact_oracle.hpp"
#include "tests/support/sample.hpp"

namespace precsim::verify {

using support::scramble;

/// A rounding and what the oracles call it.
struct Mode {
  formats::Rounding library;
  oracle::Mode oracle;
};
/// Every rounding of the library, in its order; `stochastic` with each of the numbers of bits.
std::vector<Mode> every_mode(const std::vector<int>& stochastic_bits);
/// Those that MPFR has.
std::vector<Mode> mpfr_modes();

/// A floating-point format of the library, and the same by the oracle's own table.
struct Target {
  std::string name;
  formats::FloatFormat library;
  oracle::Format oracle;
};
/// By name, "e4m3:overflow=saturate".
Target target(const std::string& name);

/// The random word of an element, from the oracle.
std::uint32_t oracle_word(const formats::RandomBits& bits, std::uint64_t element);

/// A random word for `stochastic` in this place: every other one is on or just below the threshold of 32 bits.
std::uint32_t word_near(const oracle::Place& place, std::uint64_t random);

/// Holds formats::encode of FP32 bits against the oracle under every mode; `place` is theirs (unused for infinities and
/// NaN).
void hold_encode(const Target& to, std::uint32_t fp32_bits, const oracle::Place& place, const std::vector<Mode>& modes,
                 std::uint64_t random, Tally& tally);

/// The code that the oracle gives FP32 bits at their place; nullopt for a NaN where the format has none.
std::optional<std::uint32_t> expected_code(const oracle::Format& format, std::uint32_t fp32_bits,
                                           const oracle::Place& place, const Mode& mode, std::uint32_t word);

inline constexpr std::uint32_t magnitude_mask = 0x7fffffffu;
inline constexpr std::uint32_t infinity_bits = 0x7f800000u;

/// Equal bits, or both NaN.
bool same(float a, float b);

std::string hex(std::uint32_t bits);
std::string bits_and_value(float x);
/// "0x3f800001 stochastic:bits=8 word 0x1234abcd".
std::string describe(std::uint32_t fp32_bits, formats::Rounding rounding, std::uint32_t word);

}  // namespace precsim::verify
