// Shared exponents over whole arrays and over the operands of convolutions.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "experiments/verify/dfp_cases.hpp"
#include "experiments/verify/integer_operands.hpp"
#include "formats/convert.hpp"
#include "formats/error.hpp"

namespace precsim::verify {
namespace {

using kernels::ConvShape;
using kernels::Pass;
using kernels::Side;
using support::Sample;

/// Numbers of a few octaves with zeros, subnormals and neighbors of powers of two among them.
std::vector<float> draw_tensor(std::size_t count, Sample& sample) {
  std::vector<float> values(count);
  const int low = static_cast<int>(sample.below(230)) - 126;
  for (float& value : values) {
    const std::uint64_t kind = sample.below(10);
    value = kind == 0   ? 0.0f
            : kind == 1 ? -0.0f
            : kind == 2 ? std::nextafter(std::ldexp(1.0f, low + static_cast<int>(sample.below(12))), 0.0f)
            : kind == 3 ? std::bit_cast<float>(1u + (sample.word() & 0x7fu))
                        : sample.normal_float(low, low + 12);
  }
  return values;
}

DfpCase draw_dfp(Sample& sample) {
  const std::vector<formats::Rounding> roundings = roundings_of_interest();
  DfpCase dfp;
  dfp.bits = static_cast<int>(2 + sample.below(15));
  dfp.headroom = static_cast<int>(sample.below(static_cast<std::uint64_t>(dfp.bits - 1)));
  dfp.top = static_cast<formats::TopRule>(sample.below(3));
  dfp.rounding = roundings[sample.below(roundings.size())];
  return dfp;
}

formats::RandomBits draw_bits(Sample& sample) {
  return {sample.word(), formats::Stream::rounding, sample.word(), sample.word(),
          static_cast<std::uint32_t>(sample.below(256))};
}

/// One array of rows under one blocking; 0: tensor, -1: channel.
void check_array(Tally& tally, const DfpCase& dfp, std::int64_t blocking, const std::string& origin, Sample& sample) {
  const auto row = static_cast<std::int64_t>(1 + sample.below(70));
  const auto rows = static_cast<std::int64_t>(sample.below(5));
  const std::vector<float> x = draw_tensor(static_cast<std::size_t>(row * rows), sample);
  const formats::RandomBits bits = draw_bits(sample);
  const std::string name = dfp.name(blocking == 0    ? std::string("tensor")
                                    : blocking == -1 ? std::string("channel")
                                                     : fmt::format("block={}", blocking));
  const formats::ConvertedArray out = formats::convert(x, row, {formats::parse_format(name), dfp.rounding}, bits, "x");
  const std::int64_t line = blocking == 0 ? row * rows : row;
  const std::int64_t size = blocking > 0 ? blocking : line;
  std::size_t block = 0;
  for (std::int64_t start = 0; start < row * rows; start += line) {
    for (std::int64_t at = start; at < start + line; at += size, ++block) {
      const std::int64_t end = std::min(at + size, start + line);
      ConvertedBlock actual;
      actual.exponent = block < out.exponents.size() ? out.exponents[block] : 12345;
      actual.codes.assign(out.codes.begin() + at, out.codes.begin() + end);
      actual.values.assign(out.values.begin() + at, out.values.begin() + end);
      const std::vector<float> part(x.begin() + at, x.begin() + end);
      const oracle::Converted expected = oracle::convert_block(
          dfp.oracle(), part, [&](std::size_t i) { return bits.word(static_cast<std::uint64_t>(at) + i); });
      check_block(tally, dfp, part, expected, actual,
                  fmt::format("{}, rows of {}, {}, elements from {}, ", name, row, origin, at));
    }
  }
  tally.check(out.exponents.size() == block, [&] {
    return Mismatch{fmt::format("{}, {} rows of {}", name, rows, row), fmt::format("{} blocks", block),
                    fmt::format("{} exponents", out.exponents.size())};
  });
}

/// Whether `convert` refuses, naming `what` and the index; -1: it may not refuse.
template <class Convert>
void check_refusal(Tally& tally, const std::string& what, std::int64_t index, const std::string& text,
                   const Convert& convert) {
  std::string sentence = "accepted";
  try {
    convert();
  } catch (const UserError& error) {
    sentence = error.what();
  }
  const std::string begin = fmt::format("{}: element {} is ", what, index);
  const bool holds = index < 0 ? sentence == "accepted" : sentence.substr(0, begin.size()) == begin;
  tally.check(holds, [&] { return Mismatch{text, index < 0 ? "accepted" : begin + "...", sentence}; });
}

constexpr std::uint32_t nonfinite[] = {0x7f800000u, 0xff800000u, 0x7fc00000u, 0xffc00000u, 0x7f800001u, 0xffbfffffu};

void refuse_in_arrays(Tally& tally, const std::string& name, const formats::Rounding& rounding) {
  constexpr std::size_t count = 37;
  const formats::Conversion conversion{formats::parse_format(name), rounding};
  for (const std::uint32_t bad : nonfinite) {
    for (std::size_t index = 0; index < count; ++index) {
      std::vector<float> x(count, -1.9999f);
      x[index] = std::bit_cast<float>(bad);
      x[std::min(index + 5, count - 1)] = std::bit_cast<float>(bad);
      check_refusal(tally, "conv1/errors", static_cast<std::int64_t>(index),
                    fmt::format("0x{:08x} at {} of an array, {}", bad, index, name),
                    [&] { formats::convert(x, count, conversion, {}, "conv1/errors"); });
    }
  }
}

void refuse_in_operands(Tally& tally, const ConvShape& shape, Pass pass, Side side, std::string_view name) {
  const oracle::Implicit places = oracle::implicit(support::oracle_shape(shape), support::oracle_product(pass), true);
  const std::vector<std::int64_t>& used = side == Side::left ? places.left : places.right;
  const bool view = pass == Pass::weight_gradient && side == Side::right && name.find("block") != name.npos;
  const kernels::OperandConversion how{formats::parse_conversion(name), {}, "conv1/errors"};
  std::vector<float> x(support::operand_size(shape, pass, side), 1.9999f);
  for (std::size_t index = 0; index < x.size(); ++index) {
    const std::uint32_t bad = nonfinite[index % std::size(nonfinite)];
    const auto element = static_cast<std::int64_t>(index);
    const bool seen = !view || std::find(used.begin(), used.end(), element) != used.end();
    x[index] = std::bit_cast<float>(bad);
    check_refusal(tally, "conv1/errors", seen ? element : -1,
                  fmt::format("0x{:08x} at {}, {} {}, {}", bad, index, support::text(shape), kernels::name(pass), name),
                  [&] { kernels::convert_blocked(shape, pass, side, x, how, how.conversion.format->kind()); });
    x[index] = 1.9999f;
  }
}

/// Codes and exponents of every place; `values` is the operand where the other side is no integer.
void check_places(Tally& tally, const std::string& text, const oracle::ConvertedSide& expected,
                  const kernels::Matrix& matrix, const kernels::Matrix& values) {
  const oracle::ConvertedSide actual = support::by_place(matrix);
  if (actual.codes.size() != expected.codes.size()) {
    tally.check(false, [&] {
      return Mismatch{text, fmt::format("{} places", expected.codes.size()),
                      fmt::format("{} places", actual.codes.size())};
    });
    return;
  }
  for (std::size_t at = 0; at < expected.codes.size(); ++at) {
    const auto k = static_cast<std::int64_t>(at) % matrix.period;
    const auto value_at = static_cast<std::size_t>(static_cast<std::int64_t>(at) / matrix.period * values.period + k);
    const auto value = static_cast<float>(std::ldexp(static_cast<double>(expected.codes[at]), expected.exponents[at]));
    const float found = k < values.period ? values.values[value_at] : 0.0f;
    const bool equal = actual.codes[at] == expected.codes[at] && actual.exponents[at] == expected.exponents[at] &&
                       support::same_bits(value == 0 ? 0.0f : value, found == 0 ? 0.0f : found);
    tally.check(equal, [&] {
      return Mismatch{fmt::format("{}, place {}", text, at),
                      fmt::format("{} * 2^{}", expected.codes[at], expected.exponents[at]),
                      fmt::format("{} * 2^{}, as a value {}", actual.codes[at], actual.exponents[at], found)};
    });
  }
}

/// One convolution, converted for one use.
void check_operand(Tally& tally, const ConvShape& shape, Pass pass, Side side, const std::string& origin,
                   Sample& sample) {
  const DfpCase dfp = draw_dfp(sample);
  const bool reduced = pass != Pass::weight_gradient && side == Side::left;
  const bool by_channel = !reduced && sample.below(3) == 0;
  const auto size = static_cast<std::int64_t>(2 * (1 + sample.below(sample.below(2) == 0 ? 3 : 20)));
  const std::string name = dfp.name(by_channel ? std::string("channel") : fmt::format("block={}", size));
  const std::vector<float> tensor = draw_tensor(support::operand_size(shape, pass, side), sample);
  const formats::RandomBits bits = draw_bits(sample);
  const kernels::OperandConversion how{{formats::parse_format(name), dfp.rounding}, bits, "x"};
  const oracle::ConvertedSide expected = oracle::convert_side(
      support::oracle_shape(shape), support::oracle_product(pass), side == Side::left,
      {by_channel, by_channel ? 0 : size}, dfp.oracle(), tensor, [&](std::uint64_t i) { return bits.word(i); });
  check_places(tally,
               fmt::format("{}: {} {}, {} operand, {}@{}", origin, support::text(shape), kernels::name(pass),
                           side == Side::left ? "left" : "right", name, formats::name(dfp.rounding)),
               expected, kernels::convert_blocked(shape, pass, side, tensor, how).matrix,
               kernels::convert_blocked(shape, pass, side, tensor, how, formats::OperandKind::floating).matrix);
}

/// One tensor with one exponent, lowered.
void check_lowered(Tally& tally, const ConvShape& shape, Pass pass, Side side, const std::string& origin,
                   Sample& sample) {
  const DfpCase dfp = draw_dfp(sample);
  const std::vector<float> tensor = draw_tensor(support::operand_size(shape, pass, side), sample);
  const formats::RandomBits bits = draw_bits(sample);
  const auto row = static_cast<std::int64_t>(tensor.size());
  const formats::ConvertedArray out =
      formats::convert(tensor, row, {formats::parse_format(dfp.name("tensor")), dfp.rounding}, bits, "x");
  const oracle::Converted codes =
      oracle::convert_block(dfp.oracle(), tensor, [&](std::size_t i) { return bits.word(i); });
  const oracle::ConvertedSide expected = support::by_place(shape, pass, side, codes);
  check_places(tally,
               fmt::format("{}: {} {}, {} operand, {}", origin, support::text(shape), kernels::name(pass),
                           side == Side::left ? "left" : "right", dfp.text()),
               expected, kernels::lower(shape, pass, side, out.codes, out.exponents[0]),
               kernels::lower(shape, pass, side, std::span<const float>(out.values), sample.below(2) == 0));
}

using CheckUse = void (*)(Tally&, const ConvShape&, Pass, Side, const std::string&, Sample&);

/// Every pass and side of listed and of random shapes.
void every_use(Run& run, std::uint32_t stream, std::uint64_t random_shapes, CheckUse check) {
  const std::vector<ConvShape> listed = support::small_shapes();
  run.parallel(listed.size() + random_shapes, [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, stream, part);
    const ConvShape shape = part < listed.size() ? listed[part] : random_shape(sample);
    for (const Pass pass : kernels::passes) {
      for (const Side side : {Side::left, Side::right}) {
        for (int i = 0; i < 3; ++i) {
          check(tally, shape, pass, side, origin_of(run, stream, part), sample);
        }
      }
    }
  });
  run.covers(fmt::format("{} listed and {} seeded shapes, three formats and roundings for each pass and side",
                         listed.size(), random_shapes));
}

}  // namespace

void arrays(Run& run) {
  const std::vector<DfpCase> cases = every_dfp();
  const int rounds = run.by_depth(1, 6, 200);
  run.parallel(cases.size(), [&](std::uint64_t part, Tally& tally) {
    Sample sample = sample_of(run, 3, part);
    for (int round = 0; round < rounds; ++round) {
      constexpr std::int64_t blockings[] = {0, -1, 2, 4, 6, 32, 1000};
      check_array(tally, cases[part], round < 1 ? blockings[part % 7] : blockings[sample.below(7)],
                  origin_of(run, 3, part), sample);
    }
  });
  run.covers(fmt::format("{} seeded arrays for each of {} cases of format, rule and rounding", rounds, cases.size()));
}

void refusals(Run& run) {
  run.serial([](Tally& tally) {
    for (const char* name :
         {"dfp16", "dfp8:top=bump", "dfp12:top=wrap,headroom=2", "dfp16:block=4", "dfp4:top=bump,block=6",
          "dfp16:channel", "mxint8:block=4", "mxfp8_e4m3", "mxfp4_e2m1:block=6"}) {
      refuse_in_arrays(tally, name, {});
      refuse_in_arrays(tally, name, {formats::RoundingMode::stochastic});
    }
    for (const ConvShape& shape : {ConvShape{2, 5, 5, 3, 4, 3, 3, 1, 1, 1}, ConvShape{1, 7, 6, 4, 2, 1, 2, 3, 0, 2}}) {
      for (const Pass pass : kernels::passes) {
        for (const Side side : {Side::left, Side::right}) {
          refuse_in_operands(tally, shape, pass, side, "dfp16:block=4");
          refuse_in_operands(tally, shape, pass, side, "dfp4:top=bump,block=2");
          refuse_in_operands(tally, shape, pass, side, "mxint8:block=4");
          refuse_in_operands(tally, shape, pass, side, "mxfp6_e3m2:block=4");
          if (pass == Pass::weight_gradient || side == Side::right) {
            refuse_in_operands(tally, shape, pass, side, "dfp16:channel");
          }
        }
      }
    }
  });
  run.covers("six non-finite codes at every index of arrays and of the tensors of two convolutions");
}

void operands(Run& run) {
  every_use(run, 4, run.by_depth<std::uint64_t>(60, 1500, 60000), check_operand);
}

void lowered_tensors(Run& run) {
  every_use(run, 5, run.by_depth<std::uint64_t>(60, 1500, 60000), check_lowered);
}

}  // namespace precsim::verify
