// Blocks through every row of array kernels against Format::convert, bit for bit.
#include "formats/convert_block.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "formats/catalogue.hpp"
#include "formats/error.hpp"
#include "formats/exact.hpp"
#include "tests/support/array_support.hpp"

namespace precsim::formats {
namespace {

using support::Guarded;
using support::Sample;

constexpr RandomBits draws{.seed = 5, .step = 1, .tensor = 9, .use = 3};
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

std::vector<std::string> narrow_formats() {
  std::vector<std::string> names = catalogue_names();
  names.insert(names.end(), {"fp16:overflow=nan", "fp16:overflow=saturate", "bf16:overflow=saturate", "e8m1", "e7m8",
                             "e2m13", "e4m1:overflow=nan", "e3m12:overflow=saturate", "fp8_e4m3fn:overflow=saturate"});
  names.insert(names.end(), {"dfp2", "dfp2:top=wrap", "dfp3:top=bump", "dfp16:top=bump", "dfp16:top=wrap",
                             "dfp16:headroom=14", "dfp12:headroom=2,top=wrap", "dfp9:headroom=3,top=bump"});
  names.insert(names.end(), {"fix1.15", "fix16.0", "fix1.1", "fix2.0"});
  std::erase_if(names, [](const std::string& name) { return parse_format(name)->width() > 16; });
  return names;
}

/// What the scalar definition says of one block.
struct Expected {
  Expected(const Format& format, const Block& in, float absmax, int wanted, Rounding rounding)
      : values(static_cast<std::size_t>(in.count)), codes(values.size()) {
    const bool coded = format.kind() == OperandKind::integer || format.kind() == OperandKind::scaled;
    exponent =
        format.convert(in, absmax, wanted, rounding, draws, {values.data(), coded ? codes.data() : nullptr}, counts);
    written = counts.refused < 0 ? values.size() : static_cast<std::size_t>(counts.refused);
    const CodeRule rule = format.code_rule();
    if (const auto* record = std::get_if<FloatFormat>(&rule)) {
      WordReader word(draws, rounding);
      for (std::size_t j = 0; j < written; ++j) {
        codes[j] = static_cast<std::int16_t>(encode(*record, in.x[j], rounding, word(in.first + j)).value());
      }
    }
  }
  std::vector<float> values;
  std::vector<std::int16_t> codes;
  ConversionCounts counts;
  int exponent = 0;
  std::size_t written = 0;
};

enum class Wanted : std::uint8_t { both, codes, values };

void expect_equal(const Format& format, const Block& in, float absmax, int wanted, Rounding rounding,
                  const Expected& expected, const std::string& row, Wanted outputs) {
  const auto size = static_cast<std::size_t>(in.count);
  Guarded<float> values(size, in.first % 3);
  Guarded<std::int16_t> codes(size, in.first % 5);
  const BlockOutput out{outputs == Wanted::codes ? nullptr : values.data(),
                        outputs == Wanted::values || format.width() > 16 ? nullptr : codes.data()};
  ConversionCounts counts;
  const int exponent = convert_block(format, in, absmax, wanted, rounding, draws, out, counts, find_array_kernel(row));
  const std::string what = row + " " + format.name() + " " + name(rounding) + " 2^" + std::to_string(wanted) + " x" +
                           std::to_string(size) + " from " + std::to_string(in.first);
  ASSERT_EQ(exponent, expected.exponent) << what;
  ASSERT_EQ(counts.refused, expected.counts.refused) << what;
  ASSERT_EQ(counts.saturated, expected.counts.saturated) << what;
  for (std::size_t j = 0; j < expected.written; ++j) {
    ASSERT_TRUE(out.values == nullptr || Guarded<float>::same(values[j], expected.values[j]))
        << what << ": element " << j << " = " << in.x[j] << " gives " << values[j] << ", not " << expected.values[j];
    ASSERT_TRUE(out.codes == nullptr || codes[j] == expected.codes[j])
        << what << ": element " << j << " = " << in.x[j] << " gives " << codes[j] << ", not " << expected.codes[j];
  }
  ASSERT_TRUE(values.untouched_beyond(out.values == nullptr ? 0 : size)) << what;
  ASSERT_TRUE(codes.untouched_beyond(out.codes == nullptr ? 0 : size)) << what;
}

void compare_rows(const Format& format, const Block& in, float absmax, int wanted, Rounding rounding, int& cases) {
  const Expected expected(format, in, absmax, wanted, rounding);
  for (const std::string& row : support::required_array_kernels()) {
    for (const Wanted outputs : {Wanted::both, Wanted::codes, Wanted::values}) {
      ASSERT_NO_FATAL_FAILURE(expect_equal(format, in, absmax, wanted, rounding, expected, row, outputs));
      ++cases;
    }
  }
}

/// NaN and infinity become zeros where the format refuses them.
std::vector<float> takeable(std::vector<float> x, const Format& format) {
  for (float& value : x) {
    if (is_nan(value) ? !format.takes_nan() : is_nonfinite(value) && !format.takes_infinity()) {
      value = 0;
    }
  }
  return x;
}

/// Exponents within the kernels' range, at its ends and beyond; for formats without a choice the one there is.
std::vector<int> exponents_to_try(const Format& format) {
  if (format.kind() == OperandKind::scaled) {
    return {-127, -126, -120, -14, 112};
  }
  if (format.name().rfind("dfp", 0) != 0) {
    return {format.block_exponent(1)};
  }
  return support::slow_build ? std::vector<int>{-149, -14, 113} : std::vector<int>{-149, -126, -14, 113, 127};
}

TEST(ConvertBlock, EveryFormatRoundingAndRowAtTheEdgesOfEveryBinade) {
  Sample sample(1);
  const std::vector<float> edges = support::edges_of_every_binade(sample);
  int cases = 0;
  for (const std::string& name : narrow_formats()) {
    const FormatPtr format = parse_format(name);
    const std::vector<float> x = takeable(edges, *format);
    for (const Rounding rounding : support::every_rounding()) {
      for (const int exponent : exponents_to_try(*format)) {
        const Block in{x.data(), static_cast<std::int64_t>(x.size()), 1, 2};
        ASSERT_NO_FATAL_FAILURE(compare_rows(*format, in, 0x1.9p3f, exponent, rounding, cases));
      }
    }
  }
  EXPECT_GT(cases, 1500);
}

TEST(ConvertBlock, DrawnBitsUnderTheExponentOfTheBlock) {
  Sample sample(2);
  int cases = 0;
  for (const std::string& name : narrow_formats()) {
    const FormatPtr format = parse_format(name);
    for (const Rounding rounding : support::every_rounding()) {
      for (const int center : {-140, -60, 0, 90}) {
        std::vector<float> x(static_cast<std::size_t>(support::sample_size(8000)) + 37);
        std::generate(x.begin(), x.end(), [&] {
          return center < -126 ? std::bit_cast<float>(sample.word() & 0x80003fffu)
                               : sample.normal_float(center - 18, center + 3);
        });
        const auto size = static_cast<std::int64_t>(x.size());
        const float absmax = extent(x.data(), size).absmax;
        const Block in{x.data(), size, 1, sample.next() >> 20};
        ASSERT_NO_FATAL_FAILURE(compare_rows(*format, in, absmax, format->block_exponent(absmax), rounding, cases));
      }
    }
  }
  EXPECT_GT(cases, 4000);
}

TEST(ConvertBlock, EveryLengthAndStart) {
  Sample sample(3);
  std::vector<float> x(1100);
  std::generate(x.begin(), x.end(), [&] { return sample.normal_float(-12, 2); });
  int cases = 0;
  for (const char* name : {"fp16", "fp4_e2m1", "dfp16", "dfp5:top=bump", "dfp8:top=wrap", "fix4.4"}) {
    const FormatPtr format = parse_format(name);
    for (const Rounding rounding : {Rounding{}, Rounding{RoundingMode::stochastic}}) {
      for (std::int64_t length = 0; length <= 67; ++length) {
        const std::uint64_t first = sample.below(1000);
        const auto at = static_cast<std::int64_t>(sample.below(16));
        const Block in{x.data() + at, length, 1, first};
        ASSERT_NO_FATAL_FAILURE(compare_rows(*format, in, 4, format->block_exponent(4), rounding, cases));
      }
      for (std::uint64_t first = 0; first < 9; ++first) {
        for (const std::int64_t length : {1019, 1023, 1024, 1025, 1088}) {
          const Block in{x.data() + first, length, 1, first};
          ASSERT_NO_FATAL_FAILURE(compare_rows(*format, in, 4, format->block_exponent(4), rounding, cases));
        }
      }
    }
  }
  EXPECT_EQ(cases, 6 * 2 * (68 + 45) * 3 * static_cast<int>(support::required_array_kernels().size()));
}

TEST(ConvertBlock, StopsAtTheFirstRefusedElement) {
  Sample sample(4);
  int cases = 0;
  for (const char* name : {"dfp16", "dfp6:top=bump", "dfp6:top=wrap", "fix8.8", "fp4_e2m1", "fp16"}) {
    const FormatPtr format = parse_format(name);
    for (const Rounding rounding : {Rounding{}, Rounding{RoundingMode::stochastic, 8}}) {
      for (const std::int64_t bad : {0, 1, 15, 16, 40, 1022, 1023, 1024, 1029, 2098, 2099}) {
        for (const float value : {nan, -nan, infinity, -infinity}) {
          std::vector<float> x(2100);
          std::generate(x.begin(), x.end(), [&] { return sample.normal_float(-9, 1); });
          x[static_cast<std::size_t>(bad)] = value;
          x[2099] = nan;
          const Block in{x.data(), 2100, 1, 6};
          ASSERT_NO_FATAL_FAILURE(compare_rows(*format, in, 3.999f, format->block_exponent(3.999f), rounding, cases));
        }
      }
    }
  }
  EXPECT_EQ(cases, 6 * 2 * 11 * 4 * 3 * static_cast<int>(support::required_array_kernels().size()));
}

/// Far from FP32's range Format::convert itself takes over; a block of zeros does not need it.
TEST(ConvertBlock, ExponentsBeyondTheRangeOfTheKernels) {
  std::vector<float> x = {0, -0.0f, 0x1p-149f, -0x1.8p-148f, 0x1p-140f, -0x1.fffcp-127f, 1, -0x1.fffffep127f};
  int cases = 0;
  for (const char* name : {"dfp16", "dfp16:top=bump", "dfp16:top=wrap", "dfp2", "dfp2:top=bump"}) {
    const FormatPtr format = parse_format(name);
    for (const Rounding rounding : support::every_rounding()) {
      for (const int exponent : {-163, -157, -156, -150, -149, -148, 126, 127, 128}) {
        for (const std::int64_t count : {2, 8}) {
          for (const float absmax : {0.0f, 1.0f}) {
            ASSERT_NO_FATAL_FAILURE(compare_rows(*format, {x.data(), count, 1, 0}, absmax, exponent, rounding, cases));
          }
        }
      }
    }
  }
  EXPECT_GT(cases, 1000);
}

/// Only a draw next to 0 tells how many bits below the last place are still looked at; these elements have one.
TEST(ConvertBlock, FarBelowTheLastPlaceADrawOfAlmostZeroRoundsUp) {
  int cases = 0;
  int went_up = 0;
  for (const auto& [index, word] :
       {std::pair{std::uint64_t{5170589990}, 1u}, std::pair{std::uint64_t{5809084368}, 0u}}) {
    ASSERT_EQ(draws.word(index), word);
    for (const char* name : {"dfp16", "dfp16:top=wrap", "e5m10", "e7m8"}) {
      const FormatPtr format = parse_format(name);
      for (int exponent = -70; exponent <= -10; ++exponent) {
        const std::vector<float> x(3, std::ldexp(0x1.fffffep0f, exponent));
        const Block in{x.data(), 3, 1, index - 1};
        const Rounding rounding{RoundingMode::stochastic};
        went_up += Expected(*format, in, 1, -14, rounding).values[1] > x[1] ? 1 : 0;
        ASSERT_NO_FATAL_FAILURE(compare_rows(*format, in, 1, -14, rounding, cases));
      }
    }
  }
  EXPECT_GT(went_up, 100);
  EXPECT_EQ(cases, 2 * 4 * 61 * 3 * static_cast<int>(support::required_array_kernels().size()));
}

TEST(ConvertBlock, WideFormatsGiveValues) {
  Sample sample(5);
  const std::vector<float> edges = support::edges_of_every_binade(sample);
  int cases = 0;
  for (const char* name : {"fp32", "tf32", "e8m22", "e7m23", "e2m23", "e5m20:overflow=saturate", "fix8.16"}) {
    const FormatPtr format = parse_format(name);
    const std::vector<float> x = takeable(edges, *format);
    for (const Rounding rounding : support::every_rounding()) {
      const Block in{x.data(), static_cast<std::int64_t>(x.size()), 1, 0};
      const int exponent = format->block_exponent(1);
      const Expected expected(*format, in, 1, exponent, rounding);
      for (const std::string& row : support::required_array_kernels()) {
        ASSERT_NO_FATAL_FAILURE(expect_equal(*format, in, 1, exponent, rounding, expected, row, Wanted::values));
        ++cases;
      }
    }
  }
  EXPECT_EQ(cases, 7 * 13 * static_cast<int>(support::required_array_kernels().size()));
  std::int16_t code = 0;
  ConversionCounts counts;
  EXPECT_THROW(convert_block(*parse_format("tf32"), {edges.data(), 1, 1, 0}, 1, 0, {}, draws, {nullptr, &code}, counts),
               CheckError);
  EXPECT_THROW(convert_block(*parse_format("e8m8"), {edges.data(), 1, 1, 0}, 1, 0, {}, draws, {nullptr, &code}, counts),
               CheckError);  // 17 bits
  EXPECT_THROW(convert_block(*parse_format("fp16"), {edges.data(), 2, 2, 0}, 1, 0, {}, draws, {nullptr, &code}, counts),
               CheckError);  // strided: by Format::convert, which gives no codes of floating formats
}

TEST(ConvertBlock, FloatsMayBeConvertedInPlace) {
  Sample sample(6);
  for (const std::string& row : support::required_array_kernels()) {
    for (const char* name : {"fp16", "fp6_e2m3"}) {
      std::vector<float> x(1500);
      std::generate(x.begin(), x.end(), [&] { return sample.normal_float(-20, 20); });
      const FormatPtr format = parse_format(name);
      const Rounding rounding{RoundingMode::stochastic};
      const Expected expected(*format, {x.data(), 1500, 1, 3}, 0, 0, rounding);
      ConversionCounts counts;
      convert_block(*format, {x.data(), 1500, 1, 3}, 0, 0, rounding, draws, {x.data(), nullptr}, counts,
                    find_array_kernel(row));
      EXPECT_EQ(x, expected.values) << row;
      EXPECT_EQ(counts.saturated, expected.counts.saturated);
      EXPECT_GT(counts.saturated, 0u);
    }
  }
}

TEST(ConvertBlock, OtherStridesAreLeftToTheFormat) {
  std::vector<float> x(60);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<float>(i) * 0.37f;
  }
  const FormatPtr format = parse_format("dfp6");
  const Rounding rounding{RoundingMode::stochastic};
  std::vector<float> values(60, nan), wanted(60, nan);
  std::vector<std::int16_t> codes(60), wanted_codes(60);
  ConversionCounts counts, wanted_counts;
  const Block in{x.data(), 20, 3, 17};
  convert_block(*format, in, 22, 0, rounding, draws, {values.data(), codes.data()}, counts);
  format->convert(in, 22, 0, rounding, draws, {wanted.data(), wanted_codes.data()}, wanted_counts);
  EXPECT_EQ(codes, wanted_codes);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_TRUE(Guarded<float>::same(values[i], wanted[i]));
  }
  std::fill(codes.begin(), codes.end(), std::int16_t{0});
  convert_block(*format, in, 22, 0, rounding, draws, {nullptr, codes.data()}, counts);
  EXPECT_EQ(codes, wanted_codes);
}

}  // namespace
}  // namespace precsim::formats
