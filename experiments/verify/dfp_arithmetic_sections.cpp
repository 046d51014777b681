// Down-conversion and addition of dynamic fixed point tensors.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "experiments/verify/dfp_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "sim/arith/dfp_arithmetic.hpp"

namespace precsim::verify {
namespace {

using support::Sample;

constexpr std::int32_t lowest = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t highest = std::numeric_limits<std::int32_t>::max();

std::string text(const std::vector<std::int32_t>& numbers) {
  std::string list;
  for (const std::int32_t number : numbers) {
    list += fmt::format("{}{}", list.empty() ? "" : " ", number);
  }
  return "[" + list + "]";
}

void check_tensor(Tally& tally, const std::string& input, const oracle::Converted& expected,
                  const arith::DfpTensor& actual) {
  for (std::size_t i = 0; i < expected.codes.size(); ++i) {
    tally.check(actual.exponent == expected.exponent && actual.codes[i] == expected.codes[i], [&] {
      return Mismatch{input, fmt::format("{} * 2^{}", text(expected.codes), expected.exponent),
                      fmt::format("{} * 2^{}", text(actual.codes), actual.exponent)};
    });
  }
}

/// One number and its neighbors at every length, ties of the shift that it needs, and both ends of INT32.
std::vector<std::int32_t> edges(const DfpCase& dfp, int length) {
  std::vector<std::int32_t> all{0, 1, -1, lowest, lowest + 1, highest, highest - 1};
  const std::int64_t power = std::int64_t{1} << length;
  const int shift = std::max(0, length + 1 - (dfp.bits - 1 - dfp.headroom));
  const std::int64_t step = std::int64_t{1} << shift;
  for (const std::int64_t base : {power, 2 * power - step, 2 * power - step / 2, 2 * power - 3 * step / 4,
                                  power + step / 2, power + step + step / 2, power + step / 4}) {
    for (std::int64_t near = base - 1; near <= base + 1; ++near) {
      if (near <= highest) {
        all.push_back(static_cast<std::int32_t>(near));
        all.push_back(static_cast<std::int32_t>(-near));
      }
    }
  }
  return all;
}

void check_down(Tally& tally, const DfpCase& dfp, const std::vector<std::int32_t>& numbers, int exponent,
                const std::string& origin, Sample& sample) {
  const formats::RandomBits bits{sample.word(), formats::Stream::rounding, sample.word(), 7, 1};
  const auto actual = arith::down_convert(numbers, exponent, dfp.format(), dfp.rounding, bits);
  const oracle::Converted expected =
      oracle::down_convert(dfp.oracle(), {exponent, numbers}, [&](std::size_t i) { return bits.word(i); });
  check_tensor(tally, fmt::format("{} * 2^{} to {}; {}", text(numbers), exponent, dfp.text(), origin), expected,
               actual);
}

std::vector<std::int32_t> draw_numbers(Sample& sample) {
  std::vector<std::int32_t> numbers(1 + sample.below(8));
  const std::uint64_t shift = sample.below(32);
  for (std::int32_t& number : numbers) {
    number = static_cast<std::int32_t>(sample.word());
    number = shift == 31 ? 0 : number >> shift;
  }
  return numbers;
}

/// A tensor of 16-bit codes; some are zero throughout.
oracle::Converted draw_tensor(std::size_t size, int exponent, Sample& sample) {
  oracle::Converted x{exponent, std::vector<std::int32_t>(size)};
  const bool zeros = sample.below(8) == 0;
  const std::uint64_t shift = sample.below(6);
  constexpr std::array<std::int32_t, 4> extremes{-32768, -32767, 32767, 16384};
  for (std::int32_t& code : x.codes) {
    code = static_cast<std::int16_t>(sample.word()) >> shift;
    code = zeros ? 0 : sample.below(5) == 0 ? extremes[sample.below(4)] : code;
  }
  return x;
}

void check_sum(Tally& tally, const DfpCase& dfp, int distance, const std::string& origin, Sample& sample) {
  const std::size_t size = 1 + sample.below(6);
  const int exponent = static_cast<int>(sample.below(200)) - 150;
  const oracle::Converted a = draw_tensor(size, exponent, sample);
  const oracle::Converted b = draw_tensor(size, exponent + distance, sample);
  const formats::RandomBits bits{sample.word(), formats::Stream::rounding, sample.word(), 7, 1};
  formats::RandomBits down = bits;
  down.use += 1;
  const arith::DfpTensor actual =
      arith::add({a.codes, a.exponent}, {b.codes, b.exponent}, dfp.format(), dfp.rounding, bits);
  const oracle::Converted expected = oracle::add(
      dfp.oracle(), a, b, [&](std::size_t i) { return bits.word(i); }, [&](std::size_t i) { return down.word(i); });
  check_tensor(tally,
               fmt::format("{} * 2^{} + {} * 2^{} to {}; {}", text(a.codes), a.exponent, text(b.codes), b.exponent,
                           dfp.text(), origin),
               expected, actual);
}

}  // namespace

void down_conversions(Run& run) {
  const std::vector<DfpCase> cases = every_dfp();
  const int stride = run.by_depth(6, 1, 1);
  const int random = run.by_depth(30, 300, 10000);
  run.parallel(cases.size(), [&](std::uint64_t part, Tally& tally) {
    const DfpCase& dfp = cases[part];
    Sample sample = sample_of(run, 6, part);
    const std::string origin = origin_of(run, 6, part);
    for (int length = static_cast<int>(part % static_cast<std::uint64_t>(stride)); length < 31; length += stride) {
      for (const std::int32_t edge : edges(dfp, length)) {
        check_down(tally, dfp, {edge}, length - 20, origin, sample);
      }
      check_down(tally, dfp, edges(dfp, length), -length, origin, sample);
    }
    for (int i = 0; i < random; ++i) {
      check_down(tally, dfp, draw_numbers(sample), static_cast<int>(sample.below(600)) - 300, origin, sample);
    }
  });
  run.covers(fmt::format(
      "{} cases of format, rule and rounding: {} length with its neighbors and ties, and {} seeded tensors each",
      cases.size(), stride == 1 ? "every" : "every sixth", random));
}

void sums(Run& run) {
  const std::vector<DfpCase> cases = every_dfp();
  const int rounds = run.by_depth(1, 3, 100);
  run.parallel(cases.size(), [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 7, part);
    const std::string origin = origin_of(run, 7, part);
    for (int round = 0; round < rounds; ++round) {
      for (int distance = -36; distance <= 36; ++distance) {
        check_sum(tally, cases[part], distance, origin, sample);
      }
      for (const int distance : {-300, -100, -65, -64, -63, -62, 62, 63, 64, 65, 100, 300}) {
        check_sum(tally, cases[part], distance, origin, sample);
      }
    }
  });
  run.covers(fmt::format("{} cases of format, rule and rounding, {} seeded tensors for each distance of exponents",
                         cases.size(), rounds));
}

}  // namespace precsim::verify
