// Helpers of the sections on number formats.
#include "experiments/verify/float_support.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "tests/oracle/mpfr_oracle.hpp"
#include "tests/oracle/named_formats.hpp"
#include "tests/oracle/philox_oracle.hpp"
#include "tests/support/oracle_bridge.hpp"

namespace precsim::verify {

std::vector<Mode> every_mode(const std::vector<int>& stochastic_bits) {
  std::vector<Mode> modes;
  for (const formats::RoundingEntry& row : formats::roundings()) {
    const oracle::Mode mode = support::oracle_mode(row.mode);
    if (row.mode != formats::RoundingMode::stochastic) {
      modes.push_back({{row.mode}, mode});
      continue;
    }
    for (const int bits : stochastic_bits) {
      modes.push_back({{row.mode, static_cast<std::uint8_t>(bits)}, mode});
    }
  }
  return modes;
}

std::vector<Mode> mpfr_modes() {
  std::vector<Mode> modes = every_mode({});
  std::erase_if(modes, [](const Mode& mode) { return !oracle::mpfr_has(mode.oracle); });
  return modes;
}

Target target(const std::string& name) {
  return {name, support::float_record(name), oracle::named_format(name)};
}

std::uint32_t oracle_word(const formats::RandomBits& bits, std::uint64_t element) {
  const oracle::WordSource source{bits.seed, static_cast<std::uint32_t>(bits.stream), bits.step, bits.tensor, bits.use};
  return source.word(element);
}

std::uint32_t word_near(const oracle::Place& place, std::uint64_t random) {
  const auto word = static_cast<std::uint32_t>(random >> 32);
  if ((random & 1) == 0) {
    return word;
  }
  const double threshold =
      std::ldexp(static_cast<double>(place.rest.significand), place.rest.exponent - place.gap_exponent + 32);
  return static_cast<std::uint32_t>(threshold) - (word & 1);
}

std::optional<std::uint32_t> expected_code(const oracle::Format& format, std::uint32_t fp32_bits,
                                           const oracle::Place& place, const Mode& mode, std::uint32_t word) {
  if ((fp32_bits & magnitude_mask) >= infinity_bits) {
    return oracle::encode_nonfinite(format, fp32_bits);
  }
  return oracle::encode_at(format, place, fp32_bits >> 31 != 0, mode.oracle, mode.library.bits, word);
}

void hold_encode(const Target& to, std::uint32_t fp32_bits, const oracle::Place& place, const std::vector<Mode>& modes,
                 std::uint64_t random, Tally& tally) {
  const std::uint32_t word = word_near(place, random);
  for (const Mode& mode : modes) {
    const auto code = formats::encode(to.library, std::bit_cast<float>(fp32_bits), mode.library, word);
    const auto expected = expected_code(to.oracle, fp32_bits, place, mode, word);
    tally.check(code == expected, [&] {
      const auto text = [](const std::optional<std::uint32_t>& bits) { return bits ? hex(*bits) : "no code"; };
      return Mismatch{to.name + " " + describe(fp32_bits, mode.library, word), text(expected), text(code)};
    });
  }
}

bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

std::string hex(std::uint32_t bits) {
  return fmt::format("{:#x}", bits);
}

std::string bits_and_value(float x) {
  return fmt::format("{:#010x} ({:.9g})", std::bit_cast<std::uint32_t>(x), x);
}

std::string describe(std::uint32_t fp32_bits, formats::Rounding rounding, std::uint32_t word) {
  const std::string text = fmt::format("{:#010x} {}", fp32_bits, formats::name(rounding));
  return rounding.is_stochastic() ? text + fmt::format(" word {:#010x}", word) : text;
}

}  // namespace precsim::verify
