// Sections: every floating-point format of the catalogue.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "experiments/verify/catalogue_support.hpp"
#include "formats/catalogue.hpp"
#include "formats/families.hpp"
#include "tests/support/oracle_bridge.hpp"

namespace precsim::verify {
namespace {

std::vector<Target> with_every_overflow(const std::string& name) {
  std::vector<Target> targets;
  const oracle::Format format = target(name).oracle;
  const std::string base = name.substr(0, name.find(':'));
  if (format.has_infinity) {
    targets.push_back(target(base + ":overflow=inf"));
  }
  if (format.nan_codes != 0) {
    targets.push_back(target(base + ":overflow=nan"));
  }
  targets.push_back(target(base + ":overflow=saturate"));
  return targets;
}

/// Decoded as the oracle says; encoded again the same code, a NaN's with its quiet bit.
void hold_code(const Target& to, std::uint32_t code, const std::vector<Mode>& modes, Tally& tally) {
  const float expected = oracle::fp32_of(to.oracle, code);
  const float value = formats::decode(to.library, code);
  tally.check(std::bit_cast<std::uint32_t>(value) == std::bit_cast<std::uint32_t>(expected), [&] {
    return Mismatch{fmt::format("{} code {:#x}", to.name, code), bits_and_value(expected), bits_and_value(value)};
  });
  const bool infinity = std::isinf(expected);
  const bool quiets = std::isnan(expected) && to.oracle.nan_codes > 1;
  std::uint32_t again = code | (quiets ? 1u << (to.oracle.fraction_bits - 1) : 0);
  if (infinity && to.oracle.overflow != oracle::Overflow::infinity) {
    again = oracle::encode_nonfinite(to.oracle, std::bit_cast<std::uint32_t>(expected)).value();
  }
  for (const Mode& mode : modes) {
    const auto encoded = formats::encode(to.library, value, mode.library, 0);
    tally.check(encoded == again, [&] {
      return Mismatch{fmt::format("{} {}, code {:#x} encoded again", to.name,
                                  describe(std::bit_cast<std::uint32_t>(value), mode.library, 0), code),
                      hex(again), encoded ? hex(*encoded) : "no code"};
    });
  }
}

/// The eighths between a code and the next, and the FP32 numbers beside them, both signs.
void hold_gap(const Target& to, std::uint64_t code, const std::vector<Mode>& modes, std::uint64_t random,
              Tally& tally) {
  for (int eighth = 0; eighth < 8; ++eighth) {
    const double exact = value_of(to, code) + eighth / 8.0 * gap_above(to, code);
    const auto point = static_cast<float>(std::min(exact, 0x1.fffffep127));
    for (const std::uint32_t beside : {0u, 1u, 2u}) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(point) + beside - 1;
      if (bits >= infinity_bits) {
        continue;
      }
      const oracle::Place place = oracle::place_in(to.oracle, bits);
      random = scramble(random);
      hold_encode(to, bits, place, modes, random, tally);
      hold_encode(to, bits | ~magnitude_mask, place, modes, random, tally);
    }
  }
}

std::vector<Mode> all_modes() {
  return every_mode({32, 8, 1});
}

}  // namespace

std::vector<Target> plain_targets() {
  std::vector<Target> targets;
  for (const std::string& name : support::catalogue_floats(32)) {
    targets.push_back(target(name));
  }
  return targets;
}

std::vector<Target> float_targets() {
  std::vector<Target> targets;
  for (const std::string& name : support::catalogue_floats(32)) {
    for (Target& one : with_every_overflow(name)) {
      targets.push_back(std::move(one));
    }
  }
  return targets;
}

std::string codes_text(int bits, std::string_view of_each) {
  return fmt::format("all codes of formats that have at most 2^{}, 2^{} seeded codes of others; {}", bits, bits,
                     of_each);
}

double value_of(const Target& to, std::uint64_t code) {
  const oracle::Number value = oracle::value_of(to.oracle, code);
  return std::ldexp(static_cast<double>(value.significand), value.exponent);
}

double gap_above(const Target& to, std::uint64_t code) {
  return std::ldexp(1.0, oracle::value_of(to.oracle, code).exponent);
}

void hold_float_codes(Run& run) {
  const std::vector<Mode> modes = every_mode({32});
  const int bits = run.by_depth(16, 20, 28);
  for (const Target& to : float_targets()) {
    const int all = to.library.width();
    const int visited = std::min(all, bits);
    const std::uint64_t seed = scramble(run.seed());
    const int of_part = std::min(visited, 14);
    run.parallel(std::uint64_t{1} << (visited - of_part), [&](std::uint64_t part, Tally& tally) {
      for (std::uint64_t i = part << of_part; i < (part + 1) << of_part; ++i) {
        const std::uint64_t code = all == visited ? i : i * 0x9e3779b1u + seed;
        hold_code(to, static_cast<std::uint32_t>(code & ((std::uint64_t{1} << all) - 1)), modes, tally);
      }
    });
  }
  run.covers(fmt::format("all codes of formats of up to {} bits, 2^{} codes of wider ones, seeded", bits, bits));
}

void hold_float_neighbors(Run& run) {
  const std::vector<Mode> modes = all_modes();
  const int bits = run.by_depth(11, 16, 23);
  visit_codes(run, plain_targets(), bits,
              [&](const Target& to, std::uint32_t code, std::uint64_t random, Tally& tally) {
                hold_gap(to, code, modes, random, tally);
              });
  run.covers(codes_text(bits, "one random word for each number"));
}

void hold_float_overflow(Run& run) {
  const std::vector<Target> targets = float_targets();
  const std::vector<Mode> modes = all_modes();
  run.parallel(targets.size(), [&](std::uint64_t part, Tally& tally) {
    const Target& to = targets[part];
    for (std::uint64_t code = to.oracle.largest_code() - 1u; code <= to.oracle.largest_code() + 2ull; ++code) {
      hold_gap(to, code, modes, code, tally);
    }
    const auto largest = std::bit_cast<std::uint32_t>(oracle::fp32_of(to.oracle, to.oracle.largest_code()));
    for (std::uint32_t bits = largest; bits < infinity_bits; bits += 1u << 22) {
      const oracle::Place place = oracle::place_in(to.oracle, bits);
      hold_encode(to, bits, place, modes, scramble(bits), tally);
      hold_encode(to, bits | ~magnitude_mask, place, modes, scramble(bits), tally);
    }
    const oracle::Place beyond = oracle::place_in(to.oracle, infinity_bits - 1);
    for (const std::uint32_t sign : {0u, ~magnitude_mask}) {
      hold_encode(to, sign | (infinity_bits - 1), beyond, modes, 1, tally);
      hold_encode(to, sign | infinity_bits, beyond, modes, 1, tally);
    }
  });
  run.covers("around the largest code, every 2^22nd FP32 number above it and the last two, not seeded");
}

void hold_float_nan(Run& run) {
  const std::vector<Target> targets = plain_targets();
  const std::vector<Mode> modes = every_mode({32});
  const int bits = run.by_depth(12, 17, 23);
  const std::uint64_t seed = scramble(run.seed());
  run.parallel(targets.size() << (bits - 12), [&](std::uint64_t part, Tally& tally) {
    const Target& to = targets[part % targets.size()];
    const std::uint64_t first = part / targets.size() << 12;
    for (std::uint64_t i = first; i < first + 4096; ++i) {
      const auto fraction =
          static_cast<std::uint32_t>(i < 24 && bits < 23 ? std::uint64_t{1} << i : i * 0x9e3779b1u + seed) % (1u << 23);
      if (fraction != 0) {
        hold_encode(to, infinity_bits | fraction, {}, modes, i, tally);
        hold_encode(to, ~magnitude_mask | infinity_bits | fraction, {}, modes, i, tally);
      }
    }
  });
  run.covers(bits == 23
                 ? "all 2^23 - 1 fractions of either sign"
                 : fmt::format("2^{} of 2^23 fractions of either sign, seeded, every single bit among them", bits));
}

void hold_small_floats(Run& run) {
  const std::vector<Mode> modes = all_modes();
  const int widest = run.by_depth(9, 12, 16);
  std::vector<Target> targets;
  for (int exponent_bits = 2; exponent_bits <= 8; ++exponent_bits) {
    for (int fraction_bits = 1; 1 + exponent_bits + fraction_bits <= widest; ++fraction_bits) {
      for (Target& one : with_every_overflow(fmt::format("e{}m{}", exponent_bits, fraction_bits))) {
        targets.push_back(std::move(one));
      }
    }
  }
  visit_codes(run, targets, widest, [&](const Target& to, std::uint32_t code, std::uint64_t random, Tally& tally) {
    hold_code(to, code, modes, tally);
    hold_code(to, code | to.library.sign_bit(), modes, tally);
    hold_gap(to, code, modes, random, tally);
  });
  run.covers(fmt::format("all codes of all {} formats with options of up to {} bits, one random word for each number",
                         targets.size(), widest));
}

}  // namespace precsim::verify
