// Shared exponents of single blocks: every exponent, every boundary, the smallest blocks.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "experiments/verify/dfp_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "formats/convert.hpp"

namespace precsim::verify {
namespace {

using support::Sample;

constexpr std::uint32_t finite_magnitudes = 0x7f800000u;

/// 2^e for e = -149 ... 128, by doubling.
std::array<double, 278> powers_of_two() {
  std::array<double, 278> powers{};
  double power = static_cast<double>(std::bit_cast<float>(1u));
  for (double& entry : powers) {
    entry = power;
    power += power;
  }
  return powers;
}

/// Largest magnitudes of blocks whose exponent is e: at the power of two, and around the values that a rounding may
/// carry to 2^(P-1-h), in quarters of a step; each one ulp below and above too.
std::vector<float> boundary_magnitudes(const DfpCase& dfp, int e) {
  std::vector<float> all;
  const auto add = [&](double magnitude) {
    const auto x = static_cast<float>(magnitude);
    for (const float near : {std::nextafter(x, 0.0f), x, std::nextafter(x, 3e38f)}) {
      if (near != 0) {
        all.push_back(std::min(near, std::bit_cast<float>(finite_magnitudes - 1)));
      }
    }
  };
  add(std::ldexp(1.0, e));
  const double steps = std::ldexp(1.0, dfp.bits - 1 - dfp.headroom);
  for (int quarters = 0; quarters < 4; ++quarters) {
    const double magnitude = std::ldexp(steps - 1 + quarters / 4.0, e - (dfp.bits - 2) + dfp.headroom);
    add(std::min(magnitude, 0x1.fffffep127));
  }
  return all;
}

/// A block of four with this largest magnitude: itself, about half a step more than a code, the smallest number there
/// is, and anything; in any places, of any signs.
void add_block(float absmax, const DfpCase& dfp, Sample& sample, std::vector<float>& x) {
  const int step = std::ilogb(absmax) - (dfp.bits - 2) + dfp.headroom;
  const auto code = static_cast<double>(sample.below(std::uint64_t{1} << (dfp.bits - 1 - dfp.headroom)));
  float half = std::fmin(static_cast<float>(std::ldexp(code + 0.5, step)), absmax);
  half = sample.below(2) == 0 ? half : std::nextafter(half, 0.0f);
  const float any = std::bit_cast<float>(
      static_cast<std::uint32_t>(sample.below(std::uint64_t{std::bit_cast<std::uint32_t>(absmax)} + 1)));
  std::array<float, 4> block{absmax, half, std::bit_cast<float>(1u), any};
  std::swap(block[0], block[sample.below(4)]);
  const std::uint64_t signs = sample.below(16);
  for (std::size_t i = 0; i < 4; ++i) {
    x.push_back((signs >> i & 1) != 0 ? -block[i] : block[i]);
  }
}

/// All blocks of an array at once, by the format's name.
void check_array(Tally& tally, const DfpCase& dfp, const std::vector<float>& x, const formats::RandomBits& bits,
                 std::string_view origin) {
  const formats::Conversion conversion{formats::parse_format(dfp.name("block=4")), dfp.rounding};
  const formats::ConvertedArray out = formats::convert(x, static_cast<std::int64_t>(x.size()), conversion, bits, "x");
  std::vector<float> block(4);
  ConvertedBlock actual;
  for (std::size_t at = 0; at < x.size(); at += 4) {
    const auto from = static_cast<std::ptrdiff_t>(at);
    block.assign(x.begin() + from, x.begin() + from + 4);
    actual.exponent = out.exponents[at / 4];
    actual.codes.assign(out.codes.begin() + from, out.codes.begin() + from + 4);
    actual.values.assign(out.values.begin() + from, out.values.begin() + from + 4);
    const oracle::Converted expected =
        oracle::convert_block(dfp.oracle(), block, [&](std::size_t i) { return bits.word(at + i); });
    check_block(tally, dfp, block, expected, actual, fmt::format("{}, elements from {}, ", origin, at));
  }
}

/// A block of few elements with any bits of a kind.
std::vector<float> small_block(std::uint64_t kind, Sample& sample) {
  std::vector<float> x(kind % 3 == 0 ? 1 : 1 + sample.below(6));
  for (float& element : x) {
    switch (kind % 5) {
      case 0:
        element = sample.finite_float();
        break;
      case 1:
        element = std::bit_cast<float>(sample.word() & 0x807fffffu);
        break;
      case 2:
        element = sample.below(2) == 0 ? 0.0f : -0.0f;
        break;
      case 3:
        element = std::bit_cast<float>((1u + static_cast<std::uint32_t>(sample.below(9))) | (sample.word() & 1u) << 31);
        break;
      default:
        element = sample.below(2) == 0 ? sample.normal_float(-126, -120) : sample.normal_float(120, 127);
    }
  }
  return x;
}

/// The format's own conversion of one strided block; what lies between the elements may not be touched.
void check_strided(Tally& tally, const DfpCase& dfp, const std::vector<float>& x, std::string_view origin,
                   Sample& sample) {
  constexpr float poison = 12345;
  const formats::FormatPtr format = formats::make_dfp(dfp.format());
  const formats::RandomBits bits{sample.word(), formats::Stream::rounding, sample.word(), sample.word(), 3};
  const auto stride = static_cast<std::int64_t>(1 + sample.below(4));
  const std::uint64_t first = sample.next() >> 26;
  const std::size_t size = x.size() * static_cast<std::size_t>(stride);
  std::vector<float> source(size, 1e30f);
  std::vector<float> values(size, poison);
  std::vector<std::int16_t> codes(size, 12345);
  for (std::size_t i = 0; i < x.size(); ++i) {
    source[i * static_cast<std::size_t>(stride)] = x[i];
  }
  const formats::Block in{source.data(), static_cast<std::int64_t>(x.size()), stride, first};
  const float absmax = formats::extent(in.x, in.count, in.stride).absmax;
  formats::ConversionCounts counts;
  ConvertedBlock actual;
  actual.exponent = format->convert(in, absmax, format->block_exponent(absmax), dfp.rounding, bits,
                                    {values.data(), codes.data()}, counts);
  bool untouched = true;
  for (std::size_t at = 0; at < size; ++at) {
    if (at % static_cast<std::size_t>(stride) == 0) {
      actual.codes.push_back(codes[at]);
      actual.values.push_back(values[at]);
    } else {
      untouched = untouched && codes[at] == 12345 && values[at] == poison;
    }
  }
  const oracle::Converted expected = oracle::convert_block(
      dfp.oracle(), x, [&](std::size_t i) { return bits.word(first + i * static_cast<std::uint64_t>(stride)); });
  check_block(tally, dfp, x, expected, actual, fmt::format("{}, stride {}, first {}, ", origin, stride, first));
  tally.check(untouched && counts.refused < 0, [&] {
    return Mismatch{fmt::format("{}, {} elements, stride {}", dfp.text(), x.size(), stride),
                    "nothing between the elements, none refused", fmt::format("refused {}", counts.refused)};
  });
}

}  // namespace

void exponents_of_all_magnitudes(Run& run) {
  static const std::array<double, 278> powers = powers_of_two();
  constexpr std::uint32_t parts = 1020;
  static_assert(finite_magnitudes % parts == 0);
  const std::uint32_t step = run.by_depth(64u, 1u, 1u);
  const auto check = [](Tally& tally, std::uint32_t magnitude) {
    const float x = std::bit_cast<float>(magnitude);
    const int e = formats::exponent_of(x);
    const auto at = static_cast<std::size_t>(e + 149);
    const bool holds =
        magnitude == 0 ? e == -149
                       : at < 277 && powers[at] <= static_cast<double>(x) && static_cast<double>(x) < powers[at + 1];
    tally.check(holds && formats::exponent_of(-x) == e, [&] {
      return Mismatch{fmt::format("0x{:08x}", magnitude), "2^E <= |x| < 2^(E+1), E(0) = -149, the same for -x",
                      fmt::format("E = {}", e)};
    });
  };
  run.covers("all 2139095040 finite magnitudes");
  run.parallel(parts, [&](std::uint64_t part, Tally& tally) {
    constexpr std::uint32_t count = finite_magnitudes / parts;
    const std::uint32_t first = static_cast<std::uint32_t>(part) * count;
    for (std::uint32_t i = 0; i < count; i += step) {
      const std::uint32_t within = step == 1 ? 0 : (run.seed() + i / step * 37) % step;
      check(tally, first + std::min(i + within, count - 1));
    }
  });
  if (step > 1) {
    run.serial([&](Tally& tally) {
      for (std::uint32_t bit = 0; bit < 23; ++bit) {
        check(tally, (1u << bit) - 1);
        check(tally, 1u << bit);
        check(tally, (1u << bit) + 1);
      }
      for (std::uint32_t field = 1; field < 255; ++field) {
        for (std::uint32_t offset = 0; offset < 5; ++offset) {
          check(tally, (field << 23) + offset - 2);
        }
      }
      check(tally, finite_magnitudes - 1);
    });
    run.covers("one of every 64 of the 2139095040 magnitudes, seeded, and those around every power of two");
  }
}

void boundaries(Run& run) {
  const std::vector<DfpCase> cases = every_dfp();
  const int stride = run.by_depth(12, 1, 1);
  const int rounds = run.by_depth(1, 1, 24);
  run.parallel(cases.size(), [&](std::uint64_t part, Tally& tally) {
    const DfpCase& dfp = cases[part];
    Sample sample = sample_of(run, 1, part);
    for (int round = 0; round < rounds; ++round) {
      const formats::RandomBits bits{sample.word(), formats::Stream::rounding, sample.word(), sample.word(), 1};
      std::vector<float> x;
      for (int e = -149; e <= 127; ++e) {
        const bool edge = e < -145 || e > 125 || e == -126 || e == 0;
        if (edge || (static_cast<std::uint64_t>(e + 149) + part) % static_cast<std::uint64_t>(stride) == 0) {
          for (const float absmax : boundary_magnitudes(dfp, e)) {
            add_block(absmax, dfp, sample, x);
          }
        }
      }
      check_array(tally, dfp, x, bits, origin_of(run, 1, part));
    }
  });
  run.covers(stride > 1 ? "every 12th exponent and the ends, for every format, rule and rounding; other elements seeded"
                        : "every exponent from -149 to 127 for every format, rule and rounding; other elements seeded");
}

void small_blocks(Run& run) {
  const std::vector<DfpCase> cases = every_dfp();
  const std::uint64_t blocks = run.by_depth<std::uint64_t>(30, 300, 10000);
  run.parallel(cases.size(), [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 2, part);
    const std::string origin = origin_of(run, 2, part);
    for (std::uint64_t kind = 0; kind < blocks; ++kind) {
      check_strided(tally, cases[part], small_block(kind, sample), origin, sample);
    }
  });
  run.covers(fmt::format("{} seeded blocks of each of {} cases of format, rule and rounding", blocks, cases.size()));
}

}  // namespace precsim::verify
