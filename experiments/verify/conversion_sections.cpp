// Sections: FP32 to fp16, bf16 and dfp16, all inputs, against the CPU and the oracle.
#include <fmt/format.h>

#include <array>
#include <bit>
#include <utility>

#include "experiments/verify/float_support.hpp"
#include "experiments/verify/fp32_windows.hpp"
#include "experiments/verify/hardware_convert.hpp"
#include "experiments/verify/integer_codes.hpp"
#include "experiments/verify/tables.hpp"
#include "formats/convert.hpp"
#include "formats/exact.hpp"
#include "formats/shared_exponent.hpp"

namespace precsim::verify {
namespace {

void hold_codes(Run& run, const std::string& name, const std::vector<Mode>& modes, int quick, int standard) {
  const Target to = target(name);
  const std::uint64_t seed = scramble(run.seed());
  visit_fp32(run, quick, standard, 32, [&](std::uint32_t first, std::uint32_t count, Tally& tally) {
    oracle::Ascent ascent(to.oracle);
    oracle::Place place;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t bits = first + i;
      if ((bits & magnitude_mask) < infinity_bits) {
        place = ascent.place(bits & magnitude_mask);
      }
      hold_encode(to, bits, place, modes, scramble(seed ^ bits), tally);
    }
  });
}

void hold_deterministic(Run& run, const std::string& name) {
  hold_codes(run, name, every_mode({}), 21, 26);
}

void hold_stochastic(Run& run, const std::string& name) {
  const std::vector<Mode> all = every_mode({32, 8, 1});
  std::vector<Mode> modes;
  std::copy_if(all.begin(), all.end(), std::back_inserter(modes),
               [](const Mode& mode) { return mode.library.is_stochastic(); });
  hold_codes(run, name, modes, 21, 26);
  run.covers(run.coverage() + ", one random word each");
}

std::array<float, 4096> window_of(std::uint32_t first, std::uint32_t count) {
  std::array<float, 4096> x{};
  for (std::uint32_t i = 0; i < count; ++i) {
    x[i] = std::bit_cast<float>(first + i);
  }
  return x;
}

void hold_fp16_to_cpu(Run& run) {
  const formats::FloatFormat fp16 = target("fp16").library;
  std::vector<Mode> modes = every_mode({});
  std::erase_if(modes, [](const Mode& mode) { return !f16c_has(mode.library.mode); });
  visit_fp32(run, 22, 27, 32, [&](std::uint32_t first, std::uint32_t count, Tally& tally) {
    const std::array<float, 4096> x = window_of(first, count);
    std::array<std::uint16_t, 4096> expected{};
    for (const Mode& mode : modes) {
      f16c_convert(std::span(x).first(count), std::span(expected).first(count), mode.library.mode);
      for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t code = formats::encode(fp16, x[i], mode.library, 0).value();
        tally.check(code == expected[i], [&] {
          return Mismatch{"fp16 " + describe(first + i, mode.library, 0), hex(expected[i]), hex(code)};
        });
      }
    }
  });
}

void hold_bf16_to_cpu(Run& run) {
  const Target bf16 = target("bf16");
  visit_fp32(run, 24, 28, 32, [&](std::uint32_t first, std::uint32_t count, Tally& tally) {
    const std::array<float, 4096> x = window_of(first, count);
    std::array<std::uint16_t, 4096> cpu{};
    avx512_bf16_convert(std::span(x).first(count), std::span(cpu).first(count));
    oracle::Ascent ascent(bf16.oracle);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t bits = first + i;
      const bool flushed = (bits & infinity_bits) == 0 && cpu[i] == (bits >> 31) << 15;
      const std::uint32_t expected = flushed ? oracle::encode_at(bf16.oracle, ascent.place(bits & magnitude_mask),
                                                                 bits >> 31 != 0, oracle::Mode::nearest_even, 32, 0)
                                             : cpu[i];
      const std::uint32_t code = formats::encode(bf16.library, x[i], {}, 0).value();
      tally.check(code == expected, [&] {
        return Mismatch{"bf16 " + describe(bits, {}, 0), hex(expected), hex(code)};
      });
    }
  });
}

/// Arrays go another way than single numbers: values instead of codes, words by the index, saturated elements counted.
void hold_arrays(Run& run) {
  std::vector<Target> targets;
  for (const char* name : {"fp16", "bf16", "fp8_e4m3fn", "fp16:overflow=saturate"}) {
    targets.push_back(target(name));
  }
  const std::vector<Mode> modes = every_mode({32});
  visit_fp32(run, 18, 22, 27, [&](std::uint32_t first, std::uint32_t count, Tally& tally) {
    const std::array<float, 4096> x = window_of(first, count);
    const formats::RandomBits random{run.seed(), formats::Stream::rounding, 1, 2, 3};
    for (const Target& to : targets) {
      const formats::FormatPtr format = formats::parse_format(to.name);
      for (const Mode& mode : modes) {
        const auto converted =
            formats::convert(std::span(x).first(count), count, {format, mode.library}, random, "inputs");
        oracle::Ascent ascent(to.oracle);
        std::uint64_t saturated = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
          const std::uint32_t bits = first + i;
          const bool finite = (bits & magnitude_mask) < infinity_bits;
          const std::uint32_t word = mode.library.is_stochastic() ? oracle_word(random, i) : 0;
          const oracle::Place place = finite ? ascent.place(bits & magnitude_mask) : oracle::Place{};
          saturated += finite && oracle::decide(place, bits >> 31 != 0, mode.oracle, mode.library.bits, word) >
                                     to.oracle.largest_code();
          const float expected = oracle::fp32_of(to.oracle, expected_code(to.oracle, bits, place, mode, word).value());
          tally.check(std::bit_cast<std::uint32_t>(converted.values[i]) == std::bit_cast<std::uint32_t>(expected), [&] {
            return Mismatch{fmt::format("{} {}, element {} of the array from {:#010x}", to.name,
                                        describe(bits, mode.library, word), i, first),
                            bits_and_value(expected), bits_and_value(converted.values[i])};
          });
        }
        tally.check(converted.counts.saturated == saturated, [&] {
          return Mismatch{fmt::format("{}@{} saturated elements of the array of {} from {:#010x}, words of seed {}",
                                      to.name, formats::name(mode.library), count, first, random.seed),
                          fmt::format("{}", saturated), fmt::format("{}", converted.counts.saturated)};
        });
      }
    }
  });
  run.covers(run.coverage() + ", each window an array");
}

struct DfpCase {
  formats::DfpFormat format;
  int exponent;
};

void hold_dfp(Run& run, const std::vector<DfpCase>& cases, const std::vector<Mode>& modes, int quick, int standard) {
  const std::uint64_t seed = scramble(run.seed());
  visit_fp32(run, quick, standard, 32, [&](std::uint32_t first, std::uint32_t count, Tally& tally) {
    for (const DfpCase& one : cases) {
      oracle::Ascent ascent(one.exponent);
      for (std::uint32_t bits = first; bits - first < count && (bits & magnitude_mask) < infinity_bits; ++bits) {
        const bool negative = bits >> 31 != 0;
        const oracle::Place& place = ascent.place(bits & magnitude_mask);
        const std::uint32_t word = word_near(place, scramble(seed ^ bits));
        for (const Mode& mode : modes) {
          bool carried = false;
          const std::int32_t code = formats::dfp_code(formats::exact(std::bit_cast<float>(bits)), one.exponent,
                                                      one.format, mode.library, word, carried);
          const IntegerCode expected = expected_dfp_code(
              oracle::decide(place, negative, mode.oracle, mode.library.bits, word), negative, one.format);
          tally.check(code == expected.code && carried == expected.saturated, [&] {
            return Mismatch{fmt::format("{} exponent {} {}", formats::make_dfp(one.format)->name(), one.exponent,
                                        describe(bits, mode.library, word)),
                            fmt::format("{}, carried {}", expected.code, expected.saturated),
                            fmt::format("{}, carried {}", code, carried)};
          });
        }
      }
    }
  });
  run.covers(run.coverage() + "; finite ones, one random word each");
}

constexpr formats::DfpFormat dfp16(formats::TopRule top, int headroom = 0) {
  return {16, headroom, top, {formats::BlockKind::tensor, 0}};
}

/// E(absmax) = 0: the exponent of blocks whose largest magnitude lies in [1, 2).
void hold_dfp_of_one(Run& run) {
  hold_dfp(run, {{dfp16(formats::TopRule::saturate), -14}, {dfp16(formats::TopRule::wrap), -14}}, every_mode({32}), 20,
           25);
}

/// The smallest exponent (absmax 2^-149), the largest (2^127), one with subnormal values, and headroom.
void hold_dfp_of_others(Run& run) {
  const std::vector<Mode> all = every_mode({32});
  const std::vector<Mode> modes{all[0], all[6]};
  hold_dfp(run,
           {{dfp16(formats::TopRule::saturate), -163},
            {dfp16(formats::TopRule::saturate), 113},
            {dfp16(formats::TopRule::wrap), -140},
            {dfp16(formats::TopRule::saturate, 1), -13},
            {dfp16(formats::TopRule::wrap, 14), 3}},
           modes, 20, 25);
}

constexpr std::array<Section, 9> table{{
    {"convert/fp16/f16c", "FP32 to fp16 in the CPU's four roundings; zeros, infinities and NaN by their bits",
     "VCVTPS2PH", f16c_obstacle, hold_fp16_to_cpu},
    {"convert/fp16/exact", "FP32 to fp16 in the seven deterministic roundings", "bisection over codes", nullptr,
     [](Run& run) { hold_deterministic(run, "fp16"); }},
    {"convert/fp16/stochastic", "FP32 to fp16, stochastic with 32, 8 and 1 bits; words on the threshold",
     "bisection over codes", nullptr, [](Run& run) { hold_stochastic(run, "fp16"); }},
    {"convert/bf16/avx512",
     "FP32 to bf16, nearest_even (subnormals, which the CPU flushes, against bisection over codes)", "VCVTNEPS2BF16",
     avx512_bf16_obstacle, hold_bf16_to_cpu},
    {"convert/bf16/exact", "FP32 to bf16 in the seven deterministic roundings", "bisection over codes", nullptr,
     [](Run& run) { hold_deterministic(run, "bf16"); }},
    {"convert/bf16/stochastic", "FP32 to bf16, stochastic with 32, 8 and 1 bits; words on the threshold",
     "bisection over codes", nullptr, [](Run& run) { hold_stochastic(run, "bf16"); }},
    {"convert/dfp16/every_mode", "FP32 to dfp16 of exponent -14, saturating and wrapping, every rounding",
     "bisection over integers", nullptr, hold_dfp_of_one},
    {"convert/dfp16/exponents", "FP32 to dfp16 of exponents -163, -140, -13, 3 and 113, nearest_even and stochastic",
     "bisection over integers", nullptr, hold_dfp_of_others},
    {"convert/arrays", "arrays to fp16, bf16 and fp8_e4m3fn: values, words by index, count of saturated elements",
     "bisection over codes", nullptr, hold_arrays},
}};

}  // namespace

std::span<const Section> conversion_sections() {
  return table;
}

}  // namespace precsim::verify
