// Conversion to saturating two's complement codes, and counting them.
#include "formats/twos_complement.hpp"

#include <algorithm>

#include "formats/elementary.hpp"
#include "formats/exact.hpp"
#include "formats/exponent_controller.hpp"

namespace precsim::formats {

CodeRule TwosComplement::code_rule() const {
  if (width_ > 16) {
    return {};
  }
  const auto most = static_cast<std::int32_t>(limit());
  return IntegerCodes{.largest = most - 1, .most_negative = most};
}

FormatFacts TwosComplement::code_facts() const {
  FormatFacts facts;
  facts.width = width_;
  facts.largest = static_cast<double>(limit() - 1);
  facts.smallest = facts.smallest_normal = 1;
  facts.epsilon = power_of_two(-(width_ - 2));
  facts.dynamic_range_db = 20 * log10(facts.largest);
  return facts;
}

int TwosComplement::convert(const Block& in, float, int exponent, Rounding rounding, const RandomBits& bits,
                            const BlockOutput& out, ConversionCounts& counts) const {
  const double step = power_of_two(exponent);
  const bool refuses_infinity = !takes_infinity();
  WordReader word(bits, rounding);
  for (std::int64_t j = 0; j < in.count; ++j) {
    const std::int64_t at = j * in.stride;
    if (is_nan(in.x[at]) || (refuses_infinity && is_nonfinite(in.x[at]))) {
      counts.refused = j;
      return exponent;
    }
    const std::int64_t kept =
        code(in.x[at], exponent, rounding, word(in.first + static_cast<std::uint64_t>(at)), counts);
    out.values[at] = static_cast<float>(static_cast<double>(kept) * step);
    if (out.codes != nullptr) {
      out.codes[at] = static_cast<std::int16_t>(kept);
    }
  }
  return exponent;
}

std::int64_t TwosComplement::code(float x, int exponent, Rounding rounding, std::uint32_t word,
                                  ConversionCounts& counts) const {
  const bool negative = std::bit_cast<std::uint32_t>(x) >> 31 != 0;
  const std::int64_t most = negative ? limit() : limit() - 1;
  if (is_nonfinite(x)) {
    return negative ? -most : most;
  }
  const std::uint64_t magnitude = round_to_step(exact(x), exponent, rounding, word);
  const bool beyond = magnitude > static_cast<std::uint64_t>(most);
  counts.saturated += beyond ? 1 : 0;
  const std::int64_t kept = beyond ? most : static_cast<std::int64_t>(magnitude);
  return negative ? -kept : kept;
}

CodeCounts count_codes(std::span<const std::int16_t> codes, int width) {
  const std::int32_t limit = (1 << (width - 1)) - 1;
  const std::int32_t half = 1 << (width - 2);
  constexpr std::size_t piece = std::size_t{1} << 16;  // lanes of 32 bits count that far
  CodeCounts all;
  for (std::size_t first = 0; first < codes.size(); first += piece) {
    const std::span<const std::int16_t> part = codes.subspan(first, std::min(piece, codes.size() - first));
    std::int32_t largest = 0;
    std::uint32_t at_limit = 0;
    std::uint32_t above_half = 0;
    for (const std::int16_t code : part) {
      const std::int32_t magnitude = code < 0 ? -code : code;
      largest = magnitude > largest ? magnitude : largest;
      at_limit += magnitude >= limit ? 1u : 0u;
      above_half += magnitude >= half ? 1u : 0u;
    }
    all.join({largest, at_limit, above_half, part.size()});
  }
  return all;
}

}  // namespace precsim::formats
