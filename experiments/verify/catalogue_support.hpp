// The bodies of the sections on the catalogue's formats.
#pragma once

#include <algorithm>

#include "experiments/verify/float_support.hpp"
#include "experiments/verify/section.hpp"

namespace precsim::verify {

/// The catalogue's floating-point formats, each with every overflow option that it takes.
std::vector<Target> float_targets();

/// The catalogue's floating-point formats, as they are without options.
std::vector<Target> plain_targets();

/// The widest formats whose every code is visited, and codes visited of wider ones, for a statement of coverage;
/// `of_each` says what is tried at a code.
std::string codes_text(int bits, std::string_view of_each);

/// Value of a magnitude code, and the distance to the next one.
double value_of(const Target& to, std::uint64_t code);
double gap_above(const Target& to, std::uint64_t code);

/// The i-th of `visited` codes out of [0, codes): all in order where these are as many, else one drawn by `seed` from
/// each of `visited` equal ranges, and the last.
inline std::uint64_t drawn_code(std::uint64_t i, std::uint64_t visited, std::uint64_t codes, std::uint64_t seed) {
  const std::uint64_t first = i * codes / visited;
  const std::uint64_t range = (i + 1) * codes / visited - first;
  return i + 1 == visited ? codes - 1 : first + scramble(seed + i) % range;
}

/// Calls body(target, code, random, tally) for magnitude codes of finite numbers: at most 2^bits of each target.
template <class Body>
void visit_codes(Run& run, const std::vector<Target>& targets, int bits, const Body& body) {
  constexpr std::uint64_t codes_of_part = 1024;
  for (const Target& to : targets) {
    const std::uint64_t codes = std::uint64_t{to.oracle.largest_code()} + 1;
    const std::uint64_t visited = std::min(codes, std::uint64_t{1} << bits);
    const std::uint64_t seed = scramble(run.seed() ^ codes);
    run.parallel((visited + codes_of_part - 1) / codes_of_part, [&](std::uint64_t part, Tally& tally) {
      const std::uint64_t end = std::min(visited, (part + 1) * codes_of_part);
      for (std::uint64_t i = part * codes_of_part; i < end; ++i) {
        const auto code = static_cast<std::uint32_t>(drawn_code(i, visited, codes, seed));
        body(to, code, scramble(seed ^ (i << 8)), tally);
      }
    });
  }
}

/// Constants of every name.
void hold_constants(Run& run);

/// Floating point.
void hold_float_codes(Run& run);
void hold_float_neighbors(Run& run);
void hold_float_overflow(Run& run);
void hold_float_nan(Run& run);
void hold_float_brackets(Run& run);
void hold_float_draws(Run& run);
/// eXmY beyond the catalogue: all of 2..8 exponent bits up to a width.
void hold_small_floats(Run& run);

/// Fixed point, and dynamic fixed point under chosen exponents, through Format::convert.
void hold_fixed_codes(Run& run);
void hold_dfp_codes(Run& run);
/// Predicted and controlled exponents likewise.
void hold_controlled_codes(Run& run);
void hold_integer_draws(Run& run);

/// NaN and infinities in arrays of every format.
void hold_refusals(Run& run);

}  // namespace precsim::verify
