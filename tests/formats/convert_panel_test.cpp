// Panels of blocks through every row of array kernels against Format::convert of each block, bit for bit.
#include "formats/convert_panel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "formats/catalogue.hpp"
#include "tests/support/array_support.hpp"

namespace precsim::formats {
namespace {

using support::Guarded;
using support::Sample;

constexpr RandomBits draws{.seed = 11, .step = 2, .tensor = 77, .use = 1};

const std::vector<std::string> names = {"mxint8",
                                        "mxfp8_e4m3",
                                        "mxfp8_e5m2",
                                        "mxfp6_e3m2",
                                        "mxfp6_e2m3",
                                        "mxfp4_e2m1",
                                        "dfp16:block=32",
                                        "dfp16:headroom=14,block=2",
                                        "dfp2:block=4",
                                        "dfp12:channel",
                                        "dfp8:top=bump,block=6",
                                        "dfp8:top=wrap,block=6"};

struct Expected {
  std::vector<float> values;
  std::vector<std::int16_t> codes, exponents;
  ConversionCounts counts;
};

/// One block after the other by the definition.
Expected by_definition(const Format& format, const Panel& in, std::size_t size, Rounding rounding) {
  Expected out{std::vector<float>(size), std::vector<std::int16_t>(size), {}, {}};
  const auto one = [&](std::int64_t at, std::int64_t count, std::int64_t stride) {
    const Block block{in.x + at, count, stride, in.first + static_cast<std::uint64_t>(at)};
    const float absmax = extent(block.x, count, stride).absmax;
    out.exponents.push_back(
        static_cast<std::int16_t>(format.convert(block, absmax, format.block_exponent(absmax), rounding, draws,
                                                 {out.values.data() + at, out.codes.data() + at}, out.counts)));
  };
  for (std::int64_t column = 0; in.down && column < in.length; ++column) {
    one(column, in.lines, in.distance);
  }
  for (std::int64_t line = 0; !in.down && line < in.lines; ++line) {
    for (std::int64_t at = 0; at < in.length; at += in.block) {
      one(line * in.length + at, std::min(in.block, in.length - at), 1);
    }
  }
  return out;
}

/// Numbers of one kind: a few octaves, subnormal and near, zeros, any.
std::vector<float> draw(std::size_t size, std::uint64_t kind, Sample& sample) {
  std::vector<float> x(size);
  const int low = static_cast<int>(sample.below(200)) - 126;
  for (float& value : x) {
    value = kind == 0   ? sample.finite_float()
            : kind == 1 ? std::bit_cast<float>(sample.word() & 0x80ffffffu)
            : kind == 2 ? (sample.below(9) == 0 ? sample.normal_float(-126, -100) : -0.0f)
                        : sample.normal_float(low, low + 20);
  }
  return x;
}

void compare(const Format& format, Panel in, std::size_t size, Rounding rounding, int outputs, const std::string& row) {
  const Expected expected = by_definition(format, in, size, rounding);
  Guarded<float> values(size, in.first % 3);
  Guarded<std::int16_t> codes(size, in.first % 5);
  std::vector<std::int16_t> exponents(expected.exponents.size());
  ConversionCounts counts;
  convert_panel(format, in, rounding, draws,
                {outputs == 1 ? nullptr : values.data(), outputs == 2 ? nullptr : codes.data(), exponents.data()},
                counts, find_array_kernel(row));
  const std::string what = row + " " + format.name() + " " + name(rounding) + (in.down ? " down " : " along ") +
                           std::to_string(in.lines) + " x " + std::to_string(in.length);
  ASSERT_EQ(exponents, expected.exponents) << what;
  ASSERT_EQ(counts.saturated, expected.counts.saturated) << what;
  ASSERT_EQ(counts.refused, -1) << what;
  for (std::size_t i = 0; i < size; ++i) {
    const bool inside = !in.down || static_cast<std::int64_t>(i) % in.distance < in.length;
    ASSERT_TRUE(!inside || outputs == 1 || Guarded<float>::same(values[i], expected.values[i]))
        << what << ": element " << i << " = " << in.x[i] << " gives " << values[i] << ", not " << expected.values[i];
    ASSERT_TRUE(!inside || outputs == 2 || codes[i] == expected.codes[i])
        << what << ": element " << i << " = " << in.x[i] << " gives " << codes[i] << ", not " << expected.codes[i];
  }
  ASSERT_TRUE(values.untouched_beyond(outputs == 1 ? 0 : size)) << what;
}

TEST(ConvertPanel, EqualsTheDefinitionAlongAndDownOnEveryRow) {
  Sample sample(61);
  int cases = 0;
  for (const std::string& name : names) {
    const FormatPtr format = parse_format(name);
    for (const Rounding rounding : support::every_rounding()) {
      for (std::uint64_t kind = 0; kind < 4; ++kind) {
        for (const bool down : {false, true}) {
          const auto lines = static_cast<std::int64_t>(1 + sample.below(down ? 40 : 6));
          const auto length = static_cast<std::int64_t>(1 + sample.below(kind == 3 ? 700 : 80));
          const std::int64_t distance = down ? length + static_cast<std::int64_t>(sample.below(3)) : 0;
          const auto size = static_cast<std::size_t>(down ? (lines - 1) * distance + length : lines * length);
          const std::vector<float> x = draw(size, kind, sample);
          const std::int64_t block = format->blocking().kind == BlockKind::channel ? length : format->blocking().size;
          const Panel panel{x.data(), lines, length, block, distance, down, sample.next() >> 30};
          for (const std::string& row : support::required_array_kernels()) {
            ASSERT_NO_FATAL_FAILURE(compare(*format, panel, size, rounding, cases++ % 3, row));
          }
        }
      }
    }
  }
  EXPECT_GE(cases, 12 * 8 * 4 * 2);
}

TEST(ConvertPanel, RefusesTheFirstElementThatIsNotFinite) {
  int refused = 0;
  for (const std::string& name : names) {
    const FormatPtr format = parse_format(name);
    for (const bool down : {false, true}) {
      std::vector<float> x(9 * 20, 1.5f);
      x[5 * 20 + 3] = std::numeric_limits<float>::infinity();
      x[6 * 20 + 1] = std::numeric_limits<float>::quiet_NaN();
      std::vector<float> values(x.size());
      std::vector<std::int16_t> exponents(x.size());
      ConversionCounts counts;
      convert_panel(*format, {x.data(), 9, 20, 6, 20, down, 0}, {}, draws, {values.data(), nullptr, exponents.data()},
                    counts);
      EXPECT_EQ(counts.refused, 5 * 20 + 3) << name;
      ++refused;
    }
  }
  EXPECT_EQ(refused, 24);
}

}  // namespace
}  // namespace precsim::formats
