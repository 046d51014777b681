// Operands of the integer sections; see integer_operands.hpp.
#include "experiments/verify/integer_operands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace precsim::verify {
namespace {

/// The first of the numbers, formatted one by one.
template <class Number>
std::string text_of(std::string_view format, std::span<const Number> numbers) {
  constexpr std::size_t most = 64;
  std::string out;
  for (const Number number : numbers.first(std::min(most, numbers.size()))) {
    out += fmt::format("{}{}", out.empty() ? "" : " ", fmt::format(fmt::runtime(format), number));
  }
  return fmt::format("[{}{}]", out, numbers.size() > most ? fmt::format(" ... {} in all", numbers.size()) : "");
}

}  // namespace

support::Sample sample_of(const Run& run, std::uint32_t stream, std::uint64_t part) {
  support::Sample seeds((std::uint64_t{run.seed()} << 32 | stream) + 0x100000000u * 0x9e3779b9u * part);
  return support::Sample(seeds.next() + part);
}

std::string origin_of(const Run& run, std::uint32_t stream, std::uint64_t part) {
  return fmt::format("{}, seed {}, stream {}, part {}", run.by_depth("quick", "default", "full"), run.seed(), stream,
                     part);
}

kernels::ConvShape random_shape(support::Sample& sample) {
  const auto size = [&](std::uint64_t most) { return static_cast<std::int64_t>(1 + sample.below(most)); };
  kernels::ConvShape shape;
  shape.n = size(2);
  shape.groups = sample.below(3) == 0 ? size(3) : 1;
  shape.ic = shape.groups * size(5);
  shape.oc = shape.groups * size(5);
  shape.kh = size(3);
  shape.kw = size(4);
  shape.stride = size(3);
  shape.pad = size(static_cast<std::uint64_t>(std::min(shape.kh, shape.kw))) - 1;
  shape.h = std::max(shape.kh - 2 * shape.pad, std::int64_t{1}) + size(5) - 1;
  shape.w = std::max(shape.kw - 2 * shape.pad, std::int64_t{1}) + size(5) - 1;
  return shape;
}

std::vector<std::int16_t> adverse_codes(Adversary adversary, std::size_t count, support::Sample& sample) {
  using support::Fill;
  switch (adversary) {
    case Adversary::extremes:
      return support::draw_codes(Fill::extremes, count, sample);
    case Adversary::lowest:
      return support::draw_codes(Fill::all_lowest, count, sample);
    case Adversary::uniform:
      return support::draw_codes(Fill::uniform, count, sample);
    case Adversary::near_zero:
      return support::draw_codes(Fill::tiny, count, sample);
    case Adversary::bursts: {
      std::vector<std::int16_t> codes(count);
      for (std::size_t at = 0; at < count;) {
        const auto run = static_cast<std::size_t>(1 + sample.below(24));
        const std::int16_t code = sample.below(3) == 0 ? std::int16_t{32767} : std::int16_t{-32768};
        for (const std::size_t end = std::min(count, at + run); at < end; ++at) {
          codes[at] = static_cast<std::int16_t>(code >> (sample.below(8) == 0 ? 4 : 0));
        }
      }
      return codes;
    }
    case Adversary::sparse: {
      std::vector<std::int16_t> codes = support::draw_codes(Fill::extremes, count, sample);
      for (std::int16_t& code : codes) {
        code = sample.below(4) == 0 ? code : std::int16_t{0};
      }
      return codes;
    }
  }
  return {};
}

kernels::Matrix adverse_operand(const kernels::ConvShape& shape, kernels::Pass pass, kernels::Side side,
                                support::Sharing sharing, Adversary adversary, support::Sample& sample) {
  const std::vector<std::int16_t> codes = adverse_codes(adversary, support::operand_size(shape, pass, side), sample);
  return support::integer_operand(shape, pass, side, sharing, codes, sample);
}

std::string IntegerCall::text() const {
  return fmt::format("{} {} {}; {}", support::text(shape), kernels::name(pass), accumulators.integer.name(), origin);
}

std::string IntegerCall::operands_text(std::size_t output) const {
  const oracle::IntegerProduct product = in_oracle_words(*this);
  const auto found = std::find(product.result.begin(), product.result.end(), static_cast<std::int64_t>(output));
  const std::int64_t at = found - product.result.begin();
  const std::int64_t column = at / (product.rows * product.columns) * product.columns + at % product.columns;
  return fmt::format("periods of {}, blocks of {} and {}, codes {} * {}", product.period, product.block_left,
                     product.block_right,
                     line_text(product.left, at / product.columns * product.length, product.length),
                     line_text(product.right, column * product.length, product.length));
}

void check_results(Tally& tally, const IntegerCall& call, const std::vector<float>& result,
                   const std::vector<float>& expected, std::string_view how) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    tally.check(same(result[i], expected[i]), [&] {
      return Mismatch{fmt::format("{}, {}, output {}: {}", call.text(), how, i, call.operands_text(i)),
                      bits_and_value(expected[i]), bits_and_value(result[i])};
    });
  }
}

std::string list_text(std::span<const std::int16_t> codes) {
  const std::vector<std::uint16_t> bits(codes.begin(), codes.end());
  return text_of("{:04x}", std::span<const std::uint16_t>(bits));
}

std::string list_text(std::span<const std::int64_t> products) {
  return text_of("{}", products);
}

std::string list_text(std::span<const float> values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) {
    bits.push_back(std::bit_cast<std::uint32_t>(value));
  }
  return text_of("0x{:08x}", std::span<const std::uint32_t>(bits));
}

std::string line_text(const oracle::ConvertedSide& side, std::int64_t first, std::int64_t length) {
  std::vector<std::int16_t> codes;
  std::vector<std::int64_t> exponents;
  for (std::int64_t k = first; k < first + length; ++k) {
    codes.push_back(static_cast<std::int16_t>(side.codes[static_cast<std::size_t>(k)]));
    exponents.push_back(side.exponents[static_cast<std::size_t>(k)]);
  }
  exponents.erase(std::unique(exponents.begin(), exponents.end()), exponents.end());
  return list_text(codes) + " * 2^" + list_text(exponents);
}

}  // namespace precsim::verify
