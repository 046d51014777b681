// Sections: laws that roundings to every floating-point format of the catalogue obey.
#include <fmt/format.h>

#include <cmath>

#include "experiments/verify/catalogue_support.hpp"

namespace precsim::verify {
namespace {

/// x lies between its directed roundings, which are neighbors or equal; the others are one of the two.
void hold_bracket(const Target& to, float x, Tally& tally) {
  const auto rounded = [&](formats::RoundingMode mode) {
    return formats::decode(to.library, formats::encode(to.library, x, {mode}, 0).value());
  };
  using formats::RoundingMode;
  const float below = rounded(RoundingMode::toward_negative);
  const float above = rounded(RoundingMode::toward_positive);
  const float toward_zero = rounded(RoundingMode::toward_zero);
  const float nearest = rounded(RoundingMode::nearest_even);
  const std::uint32_t mask = to.library.magnitude_mask();
  const auto code = [&](float y) {
    const auto magnitude = static_cast<std::int64_t>(formats::encode(to.library, y, {}, 0).value() & mask);
    return std::signbit(y) ? -magnitude : magnitude;
  };
  const double distance = std::fabs(static_cast<double>(x) - static_cast<double>(nearest));
  const bool brackets = below <= x && x <= above && (below == above ? below == x : code(above) - code(below) == 1) &&
                        toward_zero == (x < 0 ? above : below) && (nearest == below || nearest == above) &&
                        distance <= static_cast<double>(x) - static_cast<double>(below) &&
                        distance <= static_cast<double>(above) - static_cast<double>(x);
  tally.check(brackets, [&] {
    return Mismatch{
        to.name + " " + bits_and_value(x), "below <= x <= above, neighbors, the nearest one of them",
        fmt::format("{:.9g}, {:.9g}; toward zero {:.9g}, nearest {:.9g}", below, above, toward_zero, nearest)};
  });
}

/// Sums the results over all draws of `bits` bits: 2^bits times x, x taken down to multiples of gap / 2^bits.
void hold_draws(const Target& to, std::uint64_t code, std::uint64_t random, int bits, Tally& tally) {
  const double low = value_of(to, code);
  const double gap = gap_above(to, code);
  const std::uint64_t draws = std::uint64_t{1} << bits;
  const std::uint64_t part = random % (2 * draws);
  const auto x = static_cast<float>(low + static_cast<double>(part) / (2.0 * static_cast<double>(draws)) * gap);
  const double x_value = static_cast<double>(x);
  if (code == to.oracle.largest_code() || x_value >= low + gap || x_value < low) {
    return;
  }
  const auto expected = static_cast<std::int64_t>(std::floor(x_value / gap * static_cast<double>(draws)));
  const std::uint64_t ending = random >> 16 & ((std::uint64_t{1} << (32 - bits)) - 1);
  std::int64_t sum = 0;
  for (std::uint64_t draw = 0; draw < draws; ++draw) {
    const auto word = static_cast<std::uint32_t>(draw << (32 - bits) | ending);
    const formats::Rounding rounding{formats::RoundingMode::stochastic, static_cast<std::uint8_t>(bits)};
    const float y = formats::decode(to.library, formats::encode(to.library, x, rounding, word).value());
    sum += static_cast<std::int64_t>(static_cast<double>(y) / gap);
  }
  tally.check(sum == expected, [&] {
    return Mismatch{fmt::format("{}@stochastic:bits={} {}, all draws over words ending in {:#x}", to.name, bits,
                                bits_and_value(x), ending),
                    fmt::format("a sum of {} steps", expected), fmt::format("{}", sum)};
  });
}

}  // namespace

void hold_float_brackets(Run& run) {
  const int bits = run.by_depth(11, 16, 20);
  visit_codes(run, plain_targets(), bits,
              [&](const Target& to, std::uint32_t code, std::uint64_t random, Tally& tally) {
                for (int i = 0; i < 16; ++i) {
                  random = scramble(random);
                  const double part = i < 3 ? i / 2.0 : std::ldexp(static_cast<double>(random >> 32), -32);
                  const auto x = static_cast<float>(value_of(to, code) + part * gap_above(to, code));
                  if (static_cast<double>(x) <= value_of(to, to.oracle.largest_code())) {
                    hold_bracket(to, x, tally);
                    hold_bracket(to, -x, tally);
                  }
                }
              });
  run.covers(codes_text(bits, "16 numbers from each to the next"));
}

void hold_float_draws(Run& run) {
  const int bits = run.by_depth(8, 13, 17);
  visit_codes(run, plain_targets(), bits,
              [&](const Target& to, std::uint32_t code, std::uint64_t random, Tally& tally) {
                for (const int draw_bits : {1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8}) {
                  random = scramble(random);
                  hold_draws(to, code, random, draw_bits, tally);
                }
                if (code % 64 == 0) {
                  hold_draws(to, code, random, 12, tally);
                }
              });
  run.covers(codes_text(bits, "11 seeded numbers of 1 to 8 bits above each, 12 bits at every 64th"));
}

}  // namespace precsim::verify
