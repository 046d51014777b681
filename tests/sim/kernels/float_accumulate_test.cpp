// Float accumulators in lanes equal the reference in every bit: every kernel, format, rounding and kind of operand.
#include "sim/kernels/float_accumulate.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <iostream>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "sim/kernels/multiply.hpp"
#include "sim/kernels/tile.hpp"
#include "tests/support/operand_support.hpp"

namespace precsim::kernels {
namespace {

using support::Sample;

constexpr const char* formats_of_sums[] = {
    "fp32",
    "fp16",
    "bf16",
    "tf32",
    "fp8_e5m2",
    "fp8_e4m3fn",
    "fp6_e3m2",
    "fp4_e2m1",
    "e6m9",
    "e7m12",
    "e8m20",
    "e8m21",
    "e5m22",
    "e2m1",
    "fp16:overflow=saturate",
    "fp16:overflow=nan",
    "fp8_e4m3fn:overflow=saturate",
    "fp16:product=fp16",
    "bf16:product=fp16",
    "fp16:product=fp8_e4m3fn",
    "fp16:overflow=saturate,product=e5m3",
    "fp32:product=bf16",
    "e6m9:product=e3m2",
};

/// What the elements of a kind of operand are; all but `fp32`, `extremes`, `ends` and `nonfinite` have at most 12 bits.
enum class Kind { halves, brains, eighths, fp32, extremes, ends, subnormal, ties, one_hot, nonfinite };
constexpr Kind kinds[] = {Kind::halves, Kind::brains,    Kind::eighths, Kind::fp32,    Kind::extremes,
                          Kind::ends,   Kind::subnormal, Kind::ties,    Kind::one_hot, Kind::nonfinite};

float keep_bits(float x, int bits) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & ~((1u << (24 - bits)) - 1));
}

float draw(Kind kind, Sample& sample) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  switch (kind) {
    case Kind::halves:
      return keep_bits(sample.normal_float(-14, 8), 11);
    case Kind::brains:
      return keep_bits(sample.normal_float(-60, 57), 8);
    case Kind::eighths:
      return keep_bits(sample.normal_float(-6, 3), 4);
    case Kind::fp32:
      return sample.normal_float(-8, 2);
    case Kind::extremes:
      return sample.normal_float(-60, 60);
    case Kind::ends:
      return sample.finite_float();
    case Kind::subnormal:
      return keep_bits(sample.normal_float(-14, -4), 1 + static_cast<int>(sample.below(12)));
    case Kind::ties: {
      // Products of these with 1 and with one another lie on and just beside ties of every format.
      const float unit = std::ldexp(1.0f, -static_cast<int>(sample.below(12)));
      constexpr float others[] = {1, 1.203125f, 1.25f, 0x1p-15f, -0x1p-15f, 0x1p-40f, -0x1p-40f, -1};
      return sample.below(2) == 0 ? 1 + unit : others[sample.below(8)];
    }
    case Kind::one_hot:
      return sample.below(16) == 0 ? keep_bits(sample.normal_float(-30, 3), 11) : sample.below(2) == 0 ? -0.0f : 0.0f;
    case Kind::nonfinite: {
      constexpr float others[] = {infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 0, -0.0f};
      return sample.below(40) == 0 ? others[sample.below(5)] : keep_bits(sample.normal_float(-3, 3), 11);
    }
  }
  return 0;
}

std::vector<float> draw(Kind kind, std::size_t count, Sample& sample) {
  std::vector<float> values(count);
  for (float& value : values) {
    value = draw(kind, sample);
  }
  return values;
}

/// Runs every usable kernel and compares with the reference.
class Comparison {
 public:
  void run(const Product& product, std::size_t outputs, bool full) {
    const TelemetryLevel level = full ? TelemetryLevel::full : TelemetryLevel::events;
    std::vector<float> expected(outputs);
    Telemetry expected_telemetry;
    multiply_reference(product, expected, level, expected_telemetry);
    for (const TileKernel& kernel : tile_kernels()) {
      if (!kernel.usable()) {
        continue;
      }
      std::vector<float> result(outputs, std::bit_cast<float>(0x7fc0deadu));
      Telemetry telemetry;
      multiply(product, result, level, telemetry, &kernel);
      for (std::size_t i = 0; i < outputs; ++i) {
        ASSERT_TRUE(support::same_bits(result[i], expected[i]))
            << kernel.name << ", output " << i << " is " << result[i] << ", not " << expected[i];
        nonfinite_ += std::isfinite(result[i]) ? 0u : 1u;
        subnormal_ += result[i] != 0 && std::abs(result[i]) < 0x1p-14f ? 1u : 0u;
      }
      ASSERT_TRUE(support::same(telemetry, expected_telemetry)) << kernel.name << ": telemetry differs";
      kernels_.insert(kernel.name);
      ++runs_;
    }
  }
  void report() const {
    std::cout << runs_ << " products on " << kernels_.size() << " kernels, " << nonfinite_
              << " outputs infinite or NaN, " << subnormal_ << " below 2^-14\n";
  }
  const std::set<std::string_view>& kernels() const { return kernels_; }
  std::uint64_t runs() const { return runs_; }
  std::uint64_t nonfinite() const { return nonfinite_; }
  std::uint64_t subnormal() const { return subnormal_; }

 private:
  std::set<std::string_view> kernels_;
  std::uint64_t runs_ = 0, nonfinite_ = 0, subnormal_ = 0;
};

std::size_t usable_kernels() {
  std::size_t usable = 0;
  for (const TileKernel& kernel : tile_kernels()) {
    usable += kernel.usable() ? 1u : 0u;
  }
  return usable;
}

/// Ragged tiles, more rows than lanes and the reverse, groups, more steps than are drawn at once.
const std::vector<ConvShape>& shapes() {
  static const std::vector<ConvShape> all = {ConvShape::gemm(1, 1, 1),    ConvShape::gemm(5, 17, 33),
                                             ConvShape::gemm(21, 3, 40),  {2, 3, 3, 6, 8, 2, 3, 1, 1, 2},
                                             ConvShape::gemm(2, 16, 257), ConvShape::gemm(4, 33, 2)};
  return all;
}

TEST(FloatAccumulate, EveryFormatRoundingAndKindOfOperandEqualsTheReference) {
  Sample sample(301);
  Comparison comparison;
  const std::vector<formats::Rounding> roundings = support::every_rounding();
  std::size_t turn = 0;
  for (const char* sum : formats_of_sums) {
    arith::FloatAccumulator accumulator = arith::parse_float_accumulator(sum);
    for (const formats::Rounding rounding : roundings) {
      accumulator.rounding = rounding;
      const Accumulators accumulators{{}, accumulator};
      for (const Kind kind : kinds) {
        const bool mixes = kind == Kind::nonfinite;
        if (mixes && (accumulator.sum.nan_codes == 0 || accumulator.is_fp32_fma())) {
          continue;
        }
        if (turn++ % (support::slow_build ? 23 : 1) != 0) {
          continue;
        }
        const ConvShape& shape = shapes()[turn % shapes().size()];
        const Pass pass = passes[turn % 3];
        const Matrix left =
            lower(shape, pass, Side::left, draw(kind, support::operand_size(shape, pass, Side::left), sample));
        const Matrix right =
            lower(shape, pass, Side::right, draw(kind, support::operand_size(shape, pass, Side::right), sample));
        comparison.run({shape, pass, left, right, accumulators, {7, formats::Stream::rounding, 2, 99, 3}},
                       support::result_size(shape, pass), !mixes && turn % 2 == 0);
        ASSERT_FALSE(HasFatalFailure()) << accumulator.name() << ", kind " << static_cast<int>(kind) << ", "
                                        << support::text(shape) << ' ' << name(pass);
      }
    }
  }
  comparison.report();
  EXPECT_EQ(comparison.kernels().size(), usable_kernels());
  EXPECT_GE(comparison.runs(), (support::slow_build ? 90u : 2100u) * usable_kernels());
  EXPECT_GT(comparison.nonfinite(), support::slow_build ? 100u : 10000u);
  EXPECT_GT(comparison.subnormal(), support::slow_build ? 100u : 10000u);
}

/// Sums of every code of small formats, met by products at and beside every edge: halves and quarters of the smallest
/// number, the smallest normal one, the largest, and what only a sticky bit remembers; in lanes of float and of double.
TEST(FloatAccumulate, EverySumOfSmallFormatsMeetsEveryEdge) {
  Comparison comparison;
  for (const char* name : {"fp6_e3m2", "fp8_e4m3fn", "fp8_e5m2", "e4m4", "fp16:overflow=saturate"}) {
    arith::FloatAccumulator accumulator = arith::parse_float_accumulator(name);
    const formats::FloatFormat& format = accumulator.sum;
    std::vector<float> sums;
    for (std::uint32_t code = 0; code <= format.largest_code(); code += format.fraction_bits > 4 ? 97 : 1) {
      sums.push_back(formats::decode(format, code));
      sums.push_back(formats::decode(format, code | format.sign_bit()));
    }
    const float least = formats::decode(format, 1);
    const float normal = formats::decode(format, 1u << format.fraction_bits);
    const float most = formats::decode(format, format.largest_code());
    const auto columns = std::vector<float>{0x1p-70f,  -0x1p-70f,          0x1p-30f,  -0x1p-30f,  least,         -least,
                                            least / 2, -least / 2,         least / 4, -least / 4, 3 * least / 4, normal,
                                            -normal,   normal - least / 4, most,      -most};
    const ConvShape shape =
        ConvShape::gemm(static_cast<std::int64_t>(sums.size()), static_cast<std::int64_t>(columns.size()), 2);
    std::vector<float> w;
    for (const float column : columns) {
      w.insert(w.end(), {1, column});
    }
    for (const float factor : {1.0f, 0x1.000002p0f}) {
      std::vector<float> x;
      for (const float sum : sums) {
        x.insert(x.end(), {sum, factor});
      }
      const Matrix left = lower(shape, Pass::forward, Side::left, x);
      const Matrix right = lower(shape, Pass::forward, Side::right, w);
      for (const formats::Rounding rounding : support::every_rounding()) {
        accumulator.rounding = rounding;
        const Accumulators accumulators{{}, accumulator};
        comparison.run({shape, Pass::forward, left, right, accumulators, {}}, sums.size() * columns.size(), false);
        ASSERT_FALSE(HasFatalFailure()) << accumulator.name() << ", factor " << factor;
      }
    }
  }
  comparison.report();
  EXPECT_EQ(comparison.runs(), 5 * 2 * support::every_rounding().size() * usable_kernels());
}

/// 1.203125 * 1.25 = 1.50390625 is a tie of BF16; the second product decides it, 2^-30 below what FP32 keeps.
TEST(FloatAccumulate, ATieIsDecidedByWhatFp32WouldLose) {
  const ConvShape shape = ConvShape::gemm(4, 16, 2);
  int decided = 0;
  for (const float sign : {1.0f, -1.0f}) {
    for (const float rest : {0x1p-15f, -0x1p-15f}) {
      std::vector<float> x;
      std::vector<float> w;
      for (int row = 0; row < 4; ++row) {
        x.insert(x.end(), {rest, 1.203125f * sign});
      }
      for (int column = 0; column < 16; ++column) {
        w.insert(w.end(), {0x1p-15f, 1.25f});
      }
      const Matrix left = lower(shape, Pass::forward, Side::left, x);
      const Matrix right = lower(shape, Pass::forward, Side::right, w);
      const Accumulators accumulators{{}, arith::parse_float_accumulator("bf16")};
      const float expected = sign * (rest * sign > 0 ? 1.5078125f : 1.5f);
      for (const TileKernel& kernel : tile_kernels()) {
        if (!kernel.usable()) {
          continue;
        }
        std::vector<float> result(64);
        Telemetry telemetry;
        multiply({shape, Pass::forward, left, right, accumulators, {}}, result, TelemetryLevel::events, telemetry,
                 &kernel);
        for (const float value : result) {
          ASSERT_EQ(value, expected) << kernel.name;
        }
        ++decided;
      }
    }
  }
  EXPECT_EQ(decided, 4 * static_cast<int>(usable_kernels()));
}

/// Which formats each width of lane may round: enough bits below the last place for every rule to see the same.
TEST(FloatAccumulate, LanesRoundWhatTheirBitsAllow) {
  int narrow = 0;
  int wide = 0;
  int total = 0;
  for (const char* sum : formats_of_sums) {
    const formats::FloatFormat format = arith::parse_float_accumulator(sum).sum;
    for (const formats::Rounding rounding : support::every_rounding()) {
      const bool in_float = lanes_round<float>(format, rounding);
      const bool in_double = lanes_round<double>(format, rounding);
      EXPECT_TRUE(in_double || !in_float);
      EXPECT_EQ(in_float, !rounding.is_stochastic() && format.fraction_bits <= 20) << sum;
      EXPECT_EQ(in_double, !rounding.is_stochastic() || format.fraction_bits + rounding.bits < 52) << sum;
      narrow += in_float ? 1 : 0;
      wide += in_double ? 1 : 0;
      ++total;
    }
  }
  EXPECT_GT(narrow, 0);
  EXPECT_GT(wide, narrow);
  EXPECT_GT(total, wide);
}

TEST(FloatAccumulate, EveryRowHasEveryFunction) {
  for (const TileKernel& kernel : tile_kernels()) {
    ASSERT_NE(kernel.floats, nullptr) << kernel.name;
    for (std::size_t mode = 0; mode < kernel.floats->wide.size(); ++mode) {
      const bool stochastic = static_cast<formats::RoundingMode>(mode) == formats::RoundingMode::stochastic;
      EXPECT_NE(kernel.floats->wide[mode], nullptr) << kernel.name;
      EXPECT_EQ(kernel.floats->narrow[mode] == nullptr, stochastic) << kernel.name;
    }
    EXPECT_NE(kernel.floats->exact, nullptr) << kernel.name;
  }
}

}  // namespace
}  // namespace precsim::kernels
