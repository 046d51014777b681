// Section: multiply-accumulates beside midpoints, which random operands miss.
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <utility>

#include "experiments/verify/operation_support.hpp"
#include "tests/oracle/step_oracle.hpp"

namespace precsim::verify {
namespace {

using formats::RoundingMode;

/// Products u * v * 2^scale of two values of the format, of one bit more than it keeps, plus or minus `tiny`, which an
/// FP32 FMA loses.
struct Directed {
  const char* format;
  int significand_bits;
  int scale;
  float tiny;
};
/// bf16: products in [1, 2) plus 2^-30, and plus the smallest subnormal. fp16: products in [16, 32) plus that, 2^-24.
constexpr Directed directed[] = {{"bf16", 8, -8, 0x1p-30f}, {"bf16", 8, -8, 0x1p-133f}, {"fp16", 11, -7, 0x1p-24f}};

/// Odd u <= v of at most `bits` bits whose product has bits + 1: the product lies halfway between two values.
std::vector<std::pair<int, int>> midpoint_factors(int bits) {
  std::vector<std::pair<int, int>> factors;
  for (int u = 1; u < 1 << bits; u += 2) {
    for (int v = u; v < 1 << bits && u * v < 2 << bits; v += 2) {
      if (u * v >= 1 << bits) {
        factors.emplace_back(u, v);
      }
    }
  }
  return factors;
}

/// m is odd, and m - 1 and m + 1 are neighbors in the format, the lower with the kept value (m - 1) / 2. What a
/// magnitude a hair above or below m becomes (stochastic: with a word of zeros):
int rounded(int m, bool above, bool negative, RoundingMode mode) {
  switch (mode) {
    case RoundingMode::nearest_even:
    case RoundingMode::nearest_away:
      return above ? m + 1 : m - 1;
    case RoundingMode::toward_zero:
      return m - 1;
    case RoundingMode::toward_positive:
      return negative ? m - 1 : m + 1;
    case RoundingMode::toward_negative:
      return negative ? m + 1 : m - 1;
    case RoundingMode::to_odd:
      return (m - 1) / 2 % 2 == 1 ? m - 1 : m + 1;
    case RoundingMode::stochastic:
    case RoundingMode::biased:
      return m + 1;
  }
  return 0;
}

void check(Tally& tally, const arith::FloatAccumulator& accumulator, const Triple& t, float expected) {
  const float actual = arith::accumulate(accumulator, t.c, t.a, t.b, {});
  tally.check(same(expected, actual), [&] {
    const std::string words = accumulator.rounding.is_stochastic() ? " words of zeros" : "";
    return Mismatch{fmt::format("{} {}{}", accumulator.name(), describe(t), words), bits_and_value(expected),
                    bits_and_value(actual)};
  });
}

/// Raises an error unless an FP32 FMA and one rounding to the format, as of hardware without such an accumulator, give
/// `expected`: a case that tells them apart from one rounding is no case otherwise. It does not touch the library, and
/// counts nothing.
void expect_of_two_roundings(const oracle::Format& format, const Triple& t, float expected) {
  const float twice =
      oracle::product_step(format, std::fmaf(t.a, t.b, t.c), 1).rounded(oracle::Mode::nearest_even, 32, 0);
  if (!same(twice, expected)) {
    throw std::logic_error(fmt::format("two roundings of {} give {}, not {}", describe(t), bits_and_value(twice),
                                       bits_and_value(expected)));
  }
}

void hold_midpoints(const Directed& one, Tally& tally) {
  const Target to = target(one.format);
  std::vector<arith::FloatAccumulator> accumulators;
  for (const Mode& mode : every_mode({32})) {
    accumulators.push_back({to.library, std::nullopt, mode.library});
  }
  for (const auto& [u, v] : midpoint_factors(one.significand_bits)) {
    for (const int signs : {0, 1, 2, 3}) {
      const bool negative = (signs & 1) != 0;
      const bool above = (signs & 2) != 0;
      const int m = u * v;
      const auto value = [&, scale = one.scale](int multiple) {
        return static_cast<float>(std::ldexp(negative ? -multiple : multiple, scale));
      };
      const Triple t{static_cast<float>(negative ? -u : u), static_cast<float>(std::ldexp(v, one.scale)),
                     above == negative ? -one.tiny : one.tiny};
      for (const arith::FloatAccumulator& accumulator : accumulators) {
        check(tally, accumulator, t, value(rounded(m, above, negative, accumulator.rounding.mode)));
      }
      const int even = m - 1 + (m - 1) / 2 % 2 * 2;
      expect_of_two_roundings(to.oracle, t, value(even));
    }
  }
}

}  // namespace

void hold_directed_cases(Run& run) {
  run.serial([](Tally& tally) {
    const arith::FloatAccumulator bf16 = arith::parse_float_accumulator("bf16");
    const Triple known{1.203125f, 1.25f, 0x1p-30f};
    check(tally, bf16, known, 1.5078125f);
    expect_of_two_roundings(target("bf16").oracle, known, 1.5f);
    for (const Directed& one : directed) {
      hold_midpoints(one, tally);
    }
  });
  run.covers("all products of two odd significands that are midpoints of bf16 (beside two trifles) and of fp16");
}

}  // namespace precsim::verify
