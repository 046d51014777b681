// Floating-point formats against the independent oracle and, for FP16, against the processor's F16C instructions.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "formats/float_format.hpp"
#include "tests/oracle/exact_oracle.hpp"
#include "tests/support/oracle_bridge.hpp"
#include "tests/support/sample.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace precsim::formats {
namespace {

using support::every_rounding;
using support::float_record;
using support::Sample;

/// A third any finite bits, a third within the format's range, a third on or beside its codes and midpoints.
std::uint32_t operand(const oracle::Format& format, std::uint64_t i, Sample& sample) {
  const std::uint32_t sign = sample.word() & 0x80000000u;
  if (i % 3 == 0) {
    return sign | static_cast<std::uint32_t>(sample.below(0x7f800000u));
  }
  const auto octaves = static_cast<std::uint64_t>(1 << format.exponent_bits) + 4;
  const std::uint64_t lowest = static_cast<std::uint64_t>(127 - format.bias);
  std::uint64_t field = lowest + sample.below(octaves) - (lowest < 3 ? lowest : 3);
  field = field > 254 ? 254 : field;
  const std::uint32_t bits = static_cast<std::uint32_t>(field << 23) | (sample.word() >> 9);
  if (i % 3 == 1 || format.fraction_bits > 21) {
    return sign | bits;
  }
  const int dropped = 23 - format.fraction_bits;
  const std::uint32_t eighth = static_cast<std::uint32_t>(sample.below(8)) << dropped >> 3;
  const std::uint32_t cut = (bits & ~((1u << dropped) - 1)) | eighth;
  const std::uint32_t nudged = cut + static_cast<std::uint32_t>(sample.below(3)) - 1;
  return sign | ((nudged & 0x7fffffffu) < 0x7f800000u ? nudged & 0x7fffffffu : 0x7f7fffffu);
}

/// Random words, and words on either side of the threshold of `stochastic` at this place.
std::uint32_t random_word(std::uint64_t i, const oracle::Place& place, Sample& sample) {
  const std::uint32_t word = sample.word();
  if (i % 2 == 0) {
    return word;
  }
  const double parts =
      std::ldexp(static_cast<double>(place.rest.significand), place.rest.exponent - place.gap_exponent + 32);
  return static_cast<std::uint32_t>(parts) - (word & 1);
}

void agree_on_sample(const std::string& name, int count) {
  const FloatFormat format = float_record(name);
  const oracle::Format described = support::oracle_format(format);
  const std::vector<Rounding> all = every_rounding();
  Sample sample(2024);
  std::uint64_t compared = 0;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    const std::uint32_t bits = operand(described, i, sample);
    const oracle::Place place = oracle::place_in(described, bits);
    const std::uint32_t word = random_word(i, place, sample);
    const Exact x = exact(std::bit_cast<float>(bits));
    for (const Rounding rounding : all) {
      const std::uint32_t expected = oracle::encode_at(described, place, bits >> 31 != 0,
                                                       support::oracle_mode(rounding.mode), rounding.bits, word);
      if (encode(format, x, rounding, word) != expected) {
        FAIL() << name << ' ' << formats::name(rounding) << ": " << std::hex << bits << " gives "
               << encode(format, x, rounding, word) << ", oracle " << expected << ", word " << word;
      }
      ++compared;
    }
  }
  EXPECT_EQ(compared, static_cast<std::uint64_t>(count) * all.size());
  std::printf("[ COVERED  ] %s: %d inputs x %zu roundings\n", name.c_str(), count, all.size());
}

class NamedFloats : public ::testing::TestWithParam<std::string> {};

TEST_P(NamedFloats, AgreeWithTheOracle) {
  agree_on_sample(GetParam(), support::sample_size(2'000'000));
}

TEST_P(NamedFloats, NonfiniteInputsAgreeWithTheOracle) {
  const FloatFormat format = float_record(GetParam());
  Sample sample(7);
  for (std::uint32_t i = 0; i < 20000; ++i) {
    const std::uint32_t fraction = i == 0 ? 0 : i < 24 ? 1u << (i - 1) : sample.word() >> 9;
    for (const std::uint32_t sign : {0u, 0x80000000u}) {
      const std::uint32_t bits = sign | 0x7f800000u | fraction;
      ASSERT_EQ(encode(format, std::bit_cast<float>(bits), {}, 0),
                oracle::encode_nonfinite(support::oracle_format(format), bits))
          << std::hex << bits;
    }
  }
}

std::vector<std::string> names_of_named_floats() {
  std::vector<std::string> names;
  for (const NamedFloat& row : named_floats()) {
    names.emplace_back(row.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(FloatFormat, NamedFloats, ::testing::ValuesIn(names_of_named_floats()),
                         [](const auto& named) { return named.param; });

TEST(FloatFormatOracle, NamedFormatsAreWhatTheirStandardsSay) {
  const std::array<oracle::Format, 9> expected{{{8, 23, 127, true, 0x7fffff, oracle::Overflow::infinity},
                                                {5, 10, 15, true, 0x3ff, oracle::Overflow::infinity},
                                                {8, 7, 127, true, 0x7f, oracle::Overflow::infinity},
                                                {8, 10, 127, true, 0x3ff, oracle::Overflow::infinity},
                                                {5, 2, 15, true, 3, oracle::Overflow::infinity},
                                                {4, 3, 7, false, 1, oracle::Overflow::nan},
                                                {3, 2, 3, false, 0, oracle::Overflow::saturate},
                                                {2, 3, 1, false, 0, oracle::Overflow::saturate},
                                                {2, 1, 1, false, 0, oracle::Overflow::saturate}}};
  const std::vector<std::string> names = {"fp32",       "fp16",     "bf16",     "tf32",    "fp8_e5m2",
                                          "fp8_e4m3fn", "fp6_e3m2", "fp6_e2m3", "fp4_e2m1"};
  ASSERT_EQ(names_of_named_floats(), names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const oracle::Format described = support::oracle_format(float_record(names[i]));
    EXPECT_EQ(described.exponent_bits, expected[i].exponent_bits) << names[i];
    EXPECT_EQ(described.fraction_bits, expected[i].fraction_bits) << names[i];
    EXPECT_EQ(described.bias, expected[i].bias) << names[i];
    EXPECT_EQ(described.has_infinity, expected[i].has_infinity) << names[i];
    EXPECT_EQ(described.nan_codes, expected[i].nan_codes) << names[i];
    EXPECT_EQ(described.overflow, expected[i].overflow) << names[i];
  }
}

TEST(FloatFormatOracle, EveryWidthAgrees) {
  int formats_checked = 0;
  for (int exponent_bits = 2; exponent_bits <= 8; ++exponent_bits) {
    for (int fraction_bits = 1; fraction_bits <= 23; ++fraction_bits, ++formats_checked) {
      const std::string name = "e" + std::to_string(exponent_bits) + "m" + std::to_string(fraction_bits);
      const FloatFormat format = float_record(name);
      const oracle::Format described = support::oracle_format(format);
      Sample sample(99);
      for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(support::sample_size(2000)); ++i) {
        const std::uint32_t bits = operand(described, i, sample);
        const oracle::Place place = oracle::place_in(described, bits);
        const std::uint32_t word = random_word(i, place, sample);
        for (const Rounding rounding : every_rounding()) {
          ASSERT_EQ(encode(format, std::bit_cast<float>(bits), rounding, word),
                    oracle::encode_at(described, place, bits >> 31 != 0, support::oracle_mode(rounding.mode),
                                      rounding.bits, word))
              << name << ' ' << formats::name(rounding) << ' ' << std::hex << bits;
        }
      }
    }
  }
  EXPECT_EQ(formats_checked, 7 * 23);
}

#if defined(__x86_64__)

bool cpu_has_f16c() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0 && __builtin_cpu_supports("avx");
}

template <int Direction>
__attribute__((target("avx,f16c"))) std::uint32_t f16c_encode(float x) {
  return static_cast<std::uint32_t>(_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(x), Direction), 0));
}
__attribute__((target("avx,f16c"))) float f16c_decode(std::uint32_t code) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(static_cast<int>(code))));
}

TEST(FloatFormatHardware, F16cAgrees) {
  if (!cpu_has_f16c()) {
    GTEST_SKIP() << "this processor has no F16C; fp16 was checked against the oracle and known answers only";
  }
  const FloatFormat fp16 = float_record("fp16");
  for (std::uint32_t code = 0; code < 65536; ++code) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(decode(fp16, code)), std::bit_cast<std::uint32_t>(f16c_decode(code)));
  }
  Sample sample(5);
  const oracle::Format described = support::oracle_format(fp16);
  const auto count = static_cast<std::uint64_t>(support::sample_size(2'000'000));
  for (std::uint64_t i = 0; i < count; ++i) {
    const bool nonfinite = i % 16 == 0;
    const std::uint32_t bits = nonfinite ? sample.word() | 0x7f800000u : operand(described, i, sample);
    const auto x = std::bit_cast<float>(bits);
    ASSERT_EQ(encode(fp16, x, {RoundingMode::nearest_even}, 0), f16c_encode<0>(x)) << std::hex << bits;
    ASSERT_EQ(encode(fp16, x, {RoundingMode::toward_negative}, 0), f16c_encode<1>(x)) << std::hex << bits;
    ASSERT_EQ(encode(fp16, x, {RoundingMode::toward_positive}, 0), f16c_encode<2>(x)) << std::hex << bits;
    ASSERT_EQ(encode(fp16, x, {RoundingMode::toward_zero}, 0), f16c_encode<3>(x)) << std::hex << bits;
  }
  std::printf("[ COVERED  ] F16C: 65536 codes decoded, %llu inputs x 4 roundings encoded\n",
              static_cast<unsigned long long>(count));
}

#else

TEST(FloatFormatHardware, F16cAgrees) {
  GTEST_SKIP() << "not an x86 processor; fp16 was checked against the oracle and known answers only";
}

#endif

}  // namespace
}  // namespace precsim::formats
