// Sections: the MX formats, from blocks to operands and spills.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "experiments/verify/chain_cases.hpp"
#include "experiments/verify/dfp_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "experiments/verify/tables.hpp"
#include "formats/convert.hpp"
#include "formats/microscaling.hpp"
#include "sim/arith/chain.hpp"
#include "tests/oracle/mx_oracle.hpp"
#include "tests/support/oracle_bridge.hpp"

namespace precsim::verify {
namespace {

using formats::OperandKind;
using kernels::ConvShape;
using kernels::Pass;
using kernels::Side;
using support::Sample;

formats::RandomBits draw_bits(Sample& sample) {
  return {sample.word(), formats::Stream::rounding, sample.word(), sample.word(),
          static_cast<std::uint32_t>(sample.below(256))};
}

/// One format under one rounding: the part of a section.
struct MxCase {
  const oracle::NamedMx& mx;
  formats::Rounding rounding;
  std::string text() const { return fmt::format("{}@{}", mx.name, formats::name(rounding)); }
  oracle::MxBlock expected(const std::vector<float>& x, const std::function<std::uint32_t(std::size_t)>& word) const {
    return oracle::convert_block(mx, x, support::oracle_mode(rounding.mode), rounding.bits, word);
  }
};
std::vector<MxCase> every_mx() {
  std::vector<MxCase> all;
  for (const oracle::NamedMx& mx : oracle::named_mx()) {
    for (const formats::Rounding rounding : roundings_of_interest()) {
      all.push_back({mx, rounding});
    }
  }
  return all;
}

/// Integers have one zero; elements keep the sign of theirs.
float value_of(const MxCase& one, const oracle::MxBlock& block, std::size_t i) {
  const float value = block.value(i);
  return one.mx.integer && value == 0 ? 0.0f : value;
}

/// An array of rows in blocks, by the format's name.
void check_array(Tally& tally, const MxCase& one, const std::vector<float>& x, std::size_t row, std::size_t block,
                 const formats::RandomBits& bits, const std::string& origin) {
  const formats::Conversion conversion{formats::parse_format(fmt::format("{}:block={}", one.mx.name, block)),
                                       one.rounding};
  const formats::ConvertedArray out = formats::convert(x, static_cast<std::int64_t>(row), conversion, bits, "x");
  std::size_t blocks = 0;
  std::uint64_t saturated = 0;
  for (std::size_t start = 0; start < x.size(); start += row) {
    for (std::size_t at = start; at < start + row; at += block, ++blocks) {
      const std::size_t end = std::min(at + block, start + row);
      const std::vector<float> part(x.begin() + static_cast<std::ptrdiff_t>(at),
                                    x.begin() + static_cast<std::ptrdiff_t>(end));
      const oracle::MxBlock expected = one.expected(part, [&](std::size_t i) { return bits.word(at + i); });
      saturated += expected.saturated;
      for (std::size_t i = at; i < end; ++i) {
        const float value = value_of(one, expected, i - at);
        const bool equal = blocks < out.exponents.size() && out.exponents[blocks] == expected.exponent &&
                           out.codes[i] == expected.codes[i - at] && support::same_bits(out.values[i], value);
        tally.check(equal, [&] {
          return Mismatch{
              fmt::format("{}: {}, rows of {}, blocks of {}, element {} of [{}]", origin, one.text(), row, block,
                          i - at, list_text(part)),
              fmt::format("code {} * 2^{} = {}", expected.codes[i - at], expected.exponent, bits_and_value(value)),
              fmt::format("code {} * 2^{} = {}", out.codes[i], out.exponents[blocks], bits_and_value(out.values[i]))};
        });
      }
    }
  }
  tally.check(out.exponents.size() == blocks && out.counts.saturated == saturated, [&] {
    return Mismatch{fmt::format("{}: {}, rows of {}, blocks of {}", origin, one.text(), row, block),
                    fmt::format("{} exponents, {} saturated", blocks, saturated),
                    fmt::format("{}, {}", out.exponents.size(), out.counts.saturated)};
  });
}

/// Magnitudes whose exponent is e: the power of two, around every rounding that may leave the range, and their
/// neighbors.
std::vector<float> largest_magnitudes(const oracle::NamedMx& mx, int e) {
  std::vector<float> all;
  for (const double part : {1.0, mx.largest, mx.largest * (1 + mx.epsilon / 16), mx.largest * (1 + mx.epsilon / 8),
                            mx.largest * (1 + mx.epsilon / 4), mx.largest * (1 + mx.epsilon / 2)}) {
    const auto x = static_cast<float>(std::ldexp(part == 1.0 ? 1.0 : std::ldexp(part, -mx.emax), e));
    for (const float near : {std::nextafter(x, 0.0f), x, std::nextafter(x, 3e38f)}) {
      if (std::isfinite(near)) {
        all.push_back(near);
      }
    }
  }
  all.push_back(std::nextafter(std::ldexp(1.0f, e), 0.0f) * 2);
  return all;
}

/// One block of four: the largest magnitude, and elements between its codes, subnormal ones, and any smaller one.
void add_block(float absmax, const oracle::NamedMx& mx, Sample& sample, std::vector<float>& x) {
  const int scale = std::max(-127, std::ilogb(absmax) - mx.emax);
  const double code = mx.largest * static_cast<double>(sample.below(1 << 12)) / (1 << 12);
  const double eighths = static_cast<double>(sample.below(64)) / 8 * mx.smallest;
  const float among = std::fmin(static_cast<float>(std::ldexp(code, scale)), absmax);
  const float low = std::fmin(static_cast<float>(std::ldexp(eighths, scale)), absmax);
  const float any = std::bit_cast<float>(
      static_cast<std::uint32_t>(sample.below(std::uint64_t{std::bit_cast<std::uint32_t>(absmax)} + 1)));
  std::array<float, 4> block{absmax, sample.below(2) == 0 ? among : std::nextafter(low, 0.0f), low, any};
  std::swap(block[0], block[sample.below(4)]);
  for (const float element : block) {
    x.push_back(sample.below(2) == 0 ? -element : element);
  }
}

void mx_boundaries(Run& run) {
  const std::vector<MxCase> cases = every_mx();
  const int rounds = run.by_depth(1, 4, 200);
  run.parallel(cases.size(), [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 40, part);
    for (int round = 0; round < rounds; ++round) {
      std::vector<float> x;
      for (int e = -149; e <= 127; ++e) {
        for (const float absmax : largest_magnitudes(cases[part].mx, e)) {
          if (absmax != 0 && std::isfinite(absmax)) {
            add_block(absmax, cases[part].mx, sample, x);
          }
        }
      }
      check_array(tally, cases[part], x, x.size(), 4, draw_bits(sample), origin_of(run, 40, part));
    }
  });
  run.covers(fmt::format(
      "every exponent from -149 to 127 for every format and rounding, {} times; other elements seeded", rounds));
}

/// Every code of an element, under scales at both ends and between: the value, the eighths up to the next one, and the
/// FP32 numbers beside them.
void mx_codes(Run& run) {
  const std::vector<MxCase> cases = every_mx();
  run.parallel(cases.size(), [&](std::uint64_t part, Tally& tally) {
    const oracle::NamedMx& mx = cases[part].mx;
    Sample sample = sample_of(run, 41, part);
    const std::uint32_t codes = mx.integer ? 127 : mx.format.largest_code();
    for (const int scale : {-127, -126, -120, -100, -3, 0, 100, 127 - mx.emax}) {
      std::vector<float> x;
      for (std::uint32_t code = 0; code <= codes; ++code) {
        const auto value = [&](std::uint32_t c) {
          return mx.integer ? static_cast<double>(c)
                            : static_cast<double>(oracle::fp32_of(mx.format, std::min(c, codes)));
        };
        for (int eighth = 0; eighth < 8; ++eighth) {
          const double exact = value(code) + (value(code + 1) - value(code)) * eighth / 8;
          const auto at = static_cast<float>(std::ldexp(exact, scale));
          const auto most = static_cast<float>(std::ldexp(mx.largest, scale));
          for (const float near : {std::nextafter(at, 0.0f), at, std::nextafter(at, 3e38f)}) {
            x.push_back(sample.below(2) == 0 ? most : -most);
            x.push_back(std::fmin(near, most));
            x.push_back(-std::fmin(near, most));
          }
        }
      }
      check_array(tally, cases[part], x, 3, 4, draw_bits(sample),
                  fmt::format("{}, scale {}", origin_of(run, 41, part), scale));
      for (std::uint32_t code = 0; code <= codes && !mx.integer; ++code) {
        const float value = oracle::fp32_of(mx.format, code);
        const formats::MxElement* row = nullptr;
        for (const formats::MxElement& element : formats::mx_elements()) {
          row = element.name == mx.name ? &element : row;
        }
        tally.check(row != nullptr && support::same_bits(formats::decode(*row->element, code), value), [&] {
          return Mismatch{fmt::format("{}: code {}", mx.name, code), bits_and_value(value), "another value"};
        });
      }
    }
  });
  run.covers("every code of every format under eight scales, every rounding, eighths up to the next code");
}

/// Zeros, subnormals, any numbers: rows that no block size divides.
void mx_arrays(Run& run) {
  const std::vector<MxCase> cases = every_mx();
  const int rounds = run.by_depth(8, 60, 4000);
  run.parallel(cases.size(), [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 42, part);
    for (int round = 0; round < rounds; ++round) {
      const std::size_t row = 1 + sample.below(round % 4 == 0 ? 3000 : 90);
      const std::uint64_t kind = sample.below(5);
      const int low = static_cast<int>(sample.below(230)) - 126;
      std::vector<float> x(row * (1 + sample.below(4)));
      for (float& value : x) {
        value = kind == 0   ? sample.finite_float()
                : kind == 1 ? std::bit_cast<float>(sample.word() & 0x807fffffu)
                : kind == 2 ? (sample.below(2) == 0 ? 0.0f : -0.0f)
                            : (sample.below(8) == 0 ? 0.0f : sample.normal_float(low, low + 12));
      }
      constexpr std::size_t sizes[] = {32, 2, 6, 16, 64, 1000};
      check_array(tally, cases[part], x, row, sizes[sample.below(6)], draw_bits(sample), origin_of(run, 42, part));
    }
  });
  run.covers(fmt::format("{} seeded arrays for each of {} formats and roundings", rounds, cases.size()));
}

/// Elements (or codes), exponents and values of every place of one operand.
void check_operand(Tally& tally, const ConvShape& shape, Pass pass, Side side, const std::string& origin,
                   Sample& sample) {
  const std::span<const oracle::NamedMx> all = oracle::named_mx();
  const std::vector<formats::Rounding> roundings = roundings_of_interest();
  const MxCase one{all[sample.below(all.size())], roundings[sample.below(roundings.size())]};
  const auto block = static_cast<std::int64_t>(2 * (1 + sample.below(sample.below(2) == 0 ? 3 : 20)));
  std::vector<float> tensor(support::operand_size(shape, pass, side));
  const int low = static_cast<int>(sample.below(230)) - 126;
  for (float& value : tensor) {
    value = sample.below(9) == 0 ? 0.0f : sample.normal_float(low, low + 12);
  }
  const formats::RandomBits bits = draw_bits(sample);
  const oracle::MxSide expected =
      oracle::convert_side(support::oracle_shape(shape), support::oracle_product(pass), side == Side::left, block,
                           one.mx, support::oracle_mode(one.rounding.mode), one.rounding.bits, tensor,
                           [&](std::uint64_t i) { return bits.word(i); });
  const formats::FormatPtr format = formats::parse_format(fmt::format("{}:block={}", one.mx.name, block));
  const kernels::OperandConversion how{{format, one.rounding}, bits, "x"};
  const kernels::Matrix matrix = kernels::convert_blocked(shape, pass, side, tensor, how, format->kind()).matrix;
  const kernels::Matrix values = kernels::convert_blocked(shape, pass, side, tensor, how, OperandKind::floating).matrix;
  const auto text = [&] {
    return fmt::format("{}: {} {}, {} operand, {}:block={}", origin, support::text(shape), kernels::name(pass),
                       side == Side::left ? "left" : "right", one.text(), block);
  };
  tally.check(values.values.size() == expected.elements.size(), [&] {
    return Mismatch{text(), fmt::format("{} places", expected.elements.size()),
                    fmt::format("{} places", values.values.size())};
  });
  const std::int64_t per_tap = (matrix.period + block - 1) / block;
  for (std::int64_t place = 0; place < static_cast<std::int64_t>(values.values.size()); ++place) {
    const auto at = static_cast<std::size_t>(place);
    const std::int64_t line = place / values.length();
    const std::int64_t k = place % values.length();
    const std::int64_t tap = k / values.period;
    const std::int64_t c = k % values.period;
    const auto in_matrix = static_cast<std::size_t>(line * matrix.length() + tap * matrix.period + c);
    const float element = one.mx.integer ? static_cast<float>(matrix.codes[in_matrix]) : matrix.values[in_matrix];
    const int exponent =
        matrix.row_exponents(line / matrix.rows, line % matrix.rows)[(tap * per_tap + c / block) * matrix.block_stride];
    const auto value =
        static_cast<float>(std::ldexp(static_cast<double>(expected.elements[at]), expected.exponents[at]));
    tally.check(element == expected.elements[at] && exponent == expected.exponents[at] && values.values[at] == value,
                [&] {
                  return Mismatch{fmt::format("{}, place {}", text(), place),
                                  fmt::format("{} * 2^{}", expected.elements[at], expected.exponents[at]),
                                  fmt::format("{} * 2^{}, as a value {}", element, exponent, values.values[at])};
                });
  }
}

void mx_operands(Run& run) {
  const std::vector<ConvShape> listed = support::small_shapes();
  const std::uint64_t random = run.by_depth<std::uint64_t>(60, 1500, 60000);
  run.parallel(listed.size() + random, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 43, part);
    const ConvShape shape = part < listed.size() ? listed[part] : random_shape(sample);
    for (const Pass pass : kernels::passes) {
      for (const Side side : {Side::left, Side::right}) {
        check_operand(tally, shape, pass, side, origin_of(run, 43, part), sample);
        check_operand(tally, shape, pass, side, origin_of(run, 43, part), sample);
      }
    }
  });
  run.covers(fmt::format("{} listed and {} seeded shapes, two formats and roundings for each pass and side",
                         listed.size(), random));
}

/// Sums at, below and above half a unit of c; sums that cancel it, that leave FP32, that are lost in it.
void mx_spills(Run& run) {
  const int samples = run.by_depth(40, 400, 20000);
  constexpr int furthest = 260;
  run.parallel(2 * furthest + 1, [&](std::uint64_t part, Tally& tally) {
    const int exponent = static_cast<int>(part) - furthest;
    Sample sample = sample_of(run, 44, part);
    for (int i = 0; i < samples; ++i) {
      const float sum = i % 4 == 0 ? sample.finite_float() : sample.normal_float(-32, 48);
      float c = sample.finite_float();
      const int place = std::ilogb(sum == 0 ? 1 : sum) + exponent + static_cast<int>(sample.below(52)) - 26;
      if (i % 4 != 1 && place > -149 && place < 127) {
        c = std::ldexp(1.0f, place) * (1 + static_cast<float>(sample.below(4)) / 4);
      }
      c = i % 8 == 5 ? 0.0f : i % 16 == 7 ? std::ldexp(-sum, exponent) : c;
      const float specials[] = {INFINITY, -INFINITY, NAN};
      const float x = i % 20 == 19 ? specials[sample.below(3)] : sum;
      c = i % 30 == 29 ? specials[sample.below(3)] : c;
      const float expected = oracle::spill(x, exponent, c);
      const float found = arith::spill(x, exponent, c);
      tally.check(same(found, expected), [&] {
        return Mismatch{fmt::format("{} * 2^{} + {}", bits_and_value(x), exponent, bits_and_value(c)),
                        bits_and_value(expected), bits_and_value(found)};
      });
    }
  });
  run.covers(fmt::format("every exponent from -{0} to {0}, {1} seeded pairs each", furthest, samples));
}

constexpr Section table[] = {
    {"mx/codes", "every code and the eighths up to the next, under scales at both ends; every format and rounding",
     "bisection over codes", nullptr, mx_codes},
    {"mx/boundaries", "blocks around every power of two and every largest element; every format and rounding",
     "bisection over codes", nullptr, mx_boundaries},
    {"mx/arrays", "zeros, subnormals and any numbers in rows that no block size divides", "bisection over codes",
     nullptr, mx_arrays},
    {"mx/operands", "operands of the three passes of convolutions: elements, scales, values", "nested loops", nullptr,
     mx_operands},
    {"mx/spills", "RNE(sum * 2^E + c) of floating-point sums, infinities and NaN too", "long fixed point", nullptr,
     mx_spills},
    {"mx/products", "three passes, operands of any two MX floats, every accumulator: reference and tile kernels",
     "exact steps, long fixed point", nullptr, mx_products},
};

}  // namespace

std::span<const Section> mx_sections() {
  return table;
}

}  // namespace precsim::verify
