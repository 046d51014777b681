// Operands of the integer sections; see integer_operands.hpp.
#include "experiments/verify/integer_operands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace precsim::verify {
namespace {

template <class Number>
std::string text_of(std::span<const Number> numbers) {
  constexpr std::size_t most = 48;
  const auto shown = numbers.first(std::min(most, numbers.size()));
  return fmt::format("[{}{}]", fmt::join(shown, " "),
                     numbers.size() > most ? fmt::format(" ... {} in all", numbers.size()) : "");
}

}  // namespace

support::Sample sample_of(const Run& run, std::uint32_t section, std::uint64_t part) {
  support::Sample seeds((std::uint64_t{run.seed()} << 32 | section) + 0x100000000u * 0x9e3779b9u * part);
  return support::Sample(seeds.next() + part);
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
  using kernels::Fill;
  switch (adversary) {
    case Adversary::extremes:
      return kernels::draw_codes(Fill::extremes, count, sample);
    case Adversary::lowest:
      return kernels::draw_codes(Fill::all_lowest, count, sample);
    case Adversary::uniform:
      return kernels::draw_codes(Fill::uniform, count, sample);
    case Adversary::near_zero:
      return kernels::draw_codes(Fill::tiny, count, sample);
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
      std::vector<std::int16_t> codes = kernels::draw_codes(Fill::extremes, count, sample);
      for (std::int16_t& code : codes) {
        code = sample.below(4) == 0 ? code : std::int16_t{0};
      }
      return codes;
    }
  }
  return {};
}

kernels::Matrix adverse_operand(const kernels::ConvShape& shape, kernels::Pass pass, kernels::Side side,
                                kernels::Sharing sharing, Adversary adversary, support::Sample& sample) {
  const std::vector<std::int16_t> codes = adverse_codes(adversary, kernels::operand_size(shape, pass, side), sample);
  return kernels::integer_operand(shape, pass, side, sharing, codes, sample);
}

std::string IntegerCall::text() const {
  return fmt::format("{} {} {}", kernels::text(shape), kernels::name(pass), accumulators.integer.name());
}

void check_results(Tally& tally, const IntegerCall& call, const std::vector<float>& result,
                   const std::vector<float>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    tally.check(same_sum(result[i], expected[i]), [&] {
      return Mismatch{fmt::format("{}, output {}", call.text(), i), bits_text(expected[i]), bits_text(result[i])};
    });
  }
}

bool same_sum(float a, float b) {
  return kernels::same_bits(a, b) || (!std::isfinite(a) && !std::isfinite(b));
}

std::string list_text(std::span<const std::int16_t> codes) {
  return text_of(codes);
}
std::string list_text(std::span<const std::int64_t> products) {
  return text_of(products);
}

std::string bits_text(float x) {
  return fmt::format("0x{:08x} ({})", std::bit_cast<std::uint32_t>(x), x);
}

}  // namespace precsim::verify
