// The rows of array kernels: the table, random words, extents, decoding.
#include "formats/array_kernel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "formats/catalogue.hpp"
#include "formats/convert_block.hpp"
#include "formats/error.hpp"
#include "formats/exact.hpp"
#include "tests/support/array_support.hpp"

namespace precsim::formats {
namespace {

using support::Guarded;
using support::Sample;

TEST(ArrayKernels, TheRowsThatThisCpuMustRunAreUsableInTheOrderOfTheTable) {
  std::vector<std::string> usable;
  std::set<std::string_view> names;
  for (const ArrayKernel& kernel : array_kernels()) {
    names.insert(kernel.name);
    if (kernel.usable()) {
      usable.emplace_back(kernel.name);
    }
    for (std::size_t mode = 0; mode < rounding_modes; ++mode) {
      EXPECT_TRUE(kernel.float_codes[mode] && kernel.saturating_codes[mode] && kernel.wrapping_codes[mode]);
      EXPECT_TRUE(kernel.scaled_blocks[mode] && kernel.saturating_blocks[mode]);
    }
    EXPECT_TRUE(kernel.decode_floats && kernel.decode_integers && kernel.extent && kernel.words) << kernel.name;
    EXPECT_TRUE(kernel.largest_along && kernel.largest_down) << kernel.name;
  }
  EXPECT_EQ(usable, support::required_array_kernels());
  EXPECT_EQ(names.size(), array_kernels().size());
  EXPECT_EQ(array_kernels().back().name, "portable");
  EXPECT_EQ(best_array_kernel().name, usable.front());
  EXPECT_EQ(roundings().size(), rounding_modes);
}

TEST(ArrayKernels, AreFoundByName) {
  for (const ArrayKernel& kernel : array_kernels()) {
    if (kernel.usable()) {
      EXPECT_EQ(&find_array_kernel(kernel.name), &kernel);
    } else {
      EXPECT_THROW(find_array_kernel(kernel.name), UserError);
    }
  }
  EXPECT_THROW(find_array_kernel(""), UserError);
  EXPECT_THROW(find_array_kernel("avx"), UserError);
}

TEST(ArrayKernels, DrawTheWordsOfAnyElements) {
  const RandomBits draws{.seed = 0xdeadbeefu, .stream = Stream::fill, .step = 77, .tensor = 0x9abcdef0u, .use = 200};
  constexpr std::uint64_t carry = std::uint64_t{1} << 34;  // elements: the block's low 32 bits are full
  int cases = 0;
  for (const std::string& name : support::required_array_kernels()) {
    const ArrayKernel& kernel = find_array_kernel(name);
    for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{1} << 20, carry - 40, 5 * carry - 3}) {
      for (std::uint64_t first = start; first < start + 5; ++first) {
        for (const std::size_t count : {0, 1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 127, 200, 1024, 1025, 2100}) {
          Guarded<std::uint32_t> out(count, first & 1);
          kernel.words(draws, first, static_cast<std::int64_t>(count), out.data());
          for (std::size_t i = 0; i < count; ++i) {
            ASSERT_EQ(out[i], draws.word(first + i)) << name << ' ' << first << " + " << i;
          }
          ASSERT_TRUE(out.untouched_beyond(count)) << name << ' ' << count;
          ++cases;
        }
      }
    }
  }
  EXPECT_EQ(cases, 4 * 5 * 17 * static_cast<int>(support::required_array_kernels().size()));
}

TEST(ArrayKernels, FindExtents) {
  Sample sample(3);
  int bad_ones = 0;
  for (const std::string& name : support::required_array_kernels()) {
    const ArrayKernel& kernel = find_array_kernel(name);
    for (std::size_t count = 0; count < 2200; count += count < 70 ? 1 : 137) {
      std::vector<float> x(count + 1);
      std::generate(x.begin(), x.end(), [&] { return sample.finite_float(); });
      for (int bad = 0; bad < 3 && count > 0; ++bad) {
        std::uint32_t largest = 0;
        std::int64_t first = -1;
        for (std::size_t j = 0; j < count; ++j) {
          const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x[j + 1]) & 0x7fffffffu;
          first = first < 0 && magnitude >= 0x7f800000u ? static_cast<std::int64_t>(j) : first;
          largest = magnitude < 0x7f800000u ? std::max(largest, magnitude) : largest;
        }
        const Extent extent = kernel.extent(x.data() + 1, static_cast<std::int64_t>(count));
        ASSERT_EQ(std::bit_cast<std::uint32_t>(extent.absmax), largest) << name << ' ' << count;
        ASSERT_EQ(extent.first_nonfinite, first) << name << ' ' << count;
        bad_ones += first >= 0 ? 1 : 0;
        x[1 + sample.below(count)] =
            bad == 0 ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
      }
    }
    EXPECT_EQ(kernel.extent(nullptr, 0).absmax, 0.0f);
    const std::vector<float> zeros(35);
    EXPECT_EQ(kernel.extent(zeros.data(), 35).absmax, 0.0f);
    EXPECT_EQ(kernel.extent(nullptr, 0).first_nonfinite, -1);
  }
  EXPECT_GT(bad_ones, 100);
}

/// All 2^16 bit patterns, those above the width of the format included.
TEST(ArrayKernels, DecodeEveryFloatingCode) {
  std::vector<std::int16_t> codes(1 << 16);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<std::int16_t>(i);
  }
  std::vector<FloatFormat> records;
  for (int exponent_bits = 2; exponent_bits <= 8; ++exponent_bits) {
    for (int fraction_bits = 1; 1 + exponent_bits + fraction_bits <= 16; ++fraction_bits) {
      records.push_back(ieee_format(exponent_bits, fraction_bits));
    }
  }
  for (const NamedFloat& row : named_floats()) {
    if (row.format.width() <= 16) {
      records.push_back(row.format);
    }
  }
  EXPECT_EQ(records.size(), 70u + 7u);
  for (const std::string& name : support::required_array_kernels()) {
    for (const FloatFormat& record : records) {
      Guarded<float> values(codes.size() - 3, 1);
      find_array_kernel(name).decode_floats(float_coding(record, {}), codes.data() + 3,
                                            static_cast<std::int64_t>(codes.size()) - 3, values.data());
      const std::uint32_t mask = record.sign_bit() | record.magnitude_mask();
      for (std::uint32_t i = 3; i < 1u << 16; ++i) {
        ASSERT_TRUE(Guarded<float>::same(values[i - 3], decode(record, i & mask)))
            << name << " e" << record.exponent_bits << 'm' << record.fraction_bits << " code " << i;
      }
      ASSERT_TRUE(values.untouched_beyond(codes.size() - 3));
    }
  }
}

/// At either end of the range all elements are there, one beyond it the largest or the smallest normal one is not.
TEST(ArrayKernels, ScaleElementsAsFarAsTheyAreFp32Numbers) {
  for (const NamedFloat& row : named_floats()) {
    const FloatFormat& format = row.format;
    const ExponentRange range = scaled_exponents(format);
    EXPECT_TRUE(range.has(range.lowest) && range.has(range.highest)) << row.name;
    EXPECT_FALSE(range.has(range.lowest - 1) || range.has(range.highest + 1)) << row.name;
    const double largest = decode(format, format.largest_code());
    const double smallest_normal = decode(format, 1u << format.fraction_bits);
    EXPECT_LE(std::ldexp(largest, range.highest), std::numeric_limits<float>::max()) << row.name;
    EXPECT_GT(std::ldexp(largest, range.highest + 1), std::numeric_limits<float>::max()) << row.name;
    EXPECT_GE(std::ldexp(smallest_normal, range.lowest), std::numeric_limits<float>::min()) << row.name;
    EXPECT_GE(std::ldexp(decode(format, 1), range.lowest), std::numeric_limits<float>::denorm_min()) << row.name;
    EXPECT_LT(std::ldexp(smallest_normal, range.lowest - 1), std::numeric_limits<float>::min()) << row.name;
  }
}

TEST(ArrayKernels, DecodeEveryIntegerCodeUnderEveryExponent) {
  std::vector<std::int16_t> codes(1 << 16);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<std::int16_t>(i);
  }
  const FormatPtr format = parse_format("dfp16:top=wrap");
  int exponents = 0;
  for (const std::string& name : support::required_array_kernels()) {
    for (int exponent = -200; exponent <= 150; exponent += support::slow_build ? 35 : 7, ++exponents) {
      Guarded<float> values(codes.size());
      decode_block(*format, codes.data(), static_cast<std::int64_t>(codes.size()), exponent, values.data(),
                   find_array_kernel(name));
      for (std::size_t i = 0; i < codes.size(); ++i) {
        ASSERT_EQ(values[i], static_cast<float>(std::ldexp(static_cast<double>(codes[i]), exponent)))
            << name << ' ' << codes[i] << ' ' << exponent;
      }
      ASSERT_TRUE(values.untouched_beyond(codes.size()));
    }
  }
  EXPECT_GE(exponents, 11 * static_cast<int>(support::required_array_kernels().size()));
  float value = 0;
  EXPECT_THROW(decode_block(*parse_format("fix8.16"), codes.data(), 1, 0, &value), CheckError);
  EXPECT_THROW(decode_block(*parse_format("tf32"), codes.data(), 1, 0, &value), CheckError);
}

}  // namespace
}  // namespace precsim::formats
