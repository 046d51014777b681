// Fixed point fixI.F: two's complement of I+F bits in steps of 2^-F, saturating.
#include <fmt/format.h>

#include <algorithm>

#include "formats/elementary.hpp"
#include "formats/families.hpp"

namespace precsim::formats {
namespace {

/// A NaN is refused; an infinity saturates like any value out of range. Above 25 bits the saturated positive
/// value is the FP32 number next to the largest code (a carrier of 24 significant bits cannot hold it).
class FixedPoint final : public Format {
 public:
  FixedPoint(int integer_bits, int fraction_bits) : integer_bits_(integer_bits), fraction_bits_(fraction_bits) {}

  std::string name() const override { return fmt::format("fix{}.{}", integer_bits_, fraction_bits_); }
  OperandKind kind() const override { return width() <= 16 ? OperandKind::integer : OperandKind::storage_only; }
  Blocking blocking() const override { return {BlockKind::tensor, 0}; }
  int width() const override { return integer_bits_ + fraction_bits_; }
  bool takes_infinity() const override { return true; }
  int block_exponent(float) const override { return -fraction_bits_; }

  FormatFacts facts() const override {
    FormatFacts facts;
    facts.width = width();
    facts.smallest = facts.smallest_normal = facts.epsilon = power_of_two(-fraction_bits_);
    facts.largest = static_cast<double>(limit() - 1) * facts.smallest;
    facts.dynamic_range_db = 20 * log10(static_cast<double>(limit() - 1));
    facts.notes = fmt::format("from {} to {} in steps of 2^-{}{}", -static_cast<double>(limit()) * facts.smallest,
                              facts.largest, fraction_bits_, width() > 16 ? "; storage only" : "");
    return facts;
  }

  CodeRule code_rule() const override {
    if (width() > 16) {
      return {};
    }
    const auto most = static_cast<std::int32_t>(limit());
    return IntegerCodes{.largest = most - 1, .most_negative = most};
  }

  int convert(const Block& in, float, int exponent, Rounding rounding, const RandomBits& bits, const BlockOutput& out,
              ConversionCounts& counts) const override {
    const double step = power_of_two(exponent);
    WordReader word(bits, rounding);
    for (std::int64_t j = 0; j < in.count; ++j) {
      const std::int64_t at = j * in.stride;
      if (is_nan(in.x[at])) {
        counts.refused = j;
        return exponent;
      }
      const std::int64_t code =
          round_clamped(in.x[at], rounding, word(in.first + static_cast<std::uint64_t>(at)), counts);
      out.values[at] = static_cast<float>(static_cast<double>(code) * step);
      if (out.codes != nullptr) {
        out.codes[at] = static_cast<std::int16_t>(code);
      }
    }
    return exponent;
  }

 private:
  std::int64_t limit() const { return std::int64_t{1} << (width() - 1); }

  std::int64_t round_clamped(float x, Rounding rounding, std::uint32_t word, ConversionCounts& counts) const {
    const bool negative = std::bit_cast<std::uint32_t>(x) >> 31 != 0;
    const std::int64_t most = negative ? limit() : limit() - 1;
    if (is_nonfinite(x)) {
      return negative ? -most : most;
    }
    const std::uint64_t magnitude = round_to_step(exact(x), -fraction_bits_, rounding, word);
    const bool beyond = magnitude > static_cast<std::uint64_t>(most);
    counts.saturated += beyond ? 1 : 0;
    const std::int64_t kept = beyond ? most : static_cast<std::int64_t>(magnitude);
    return negative ? -kept : kept;
  }

  int integer_bits_;
  int fraction_bits_;
};

}  // namespace

FormatPtr parse_fixed_family(const ParsedName& parsed) {
  const std::string_view base = parsed.base;
  const std::size_t dot = base.find('.');
  if (base.substr(0, 3) != "fix" || dot == std::string_view::npos) {
    return nullptr;
  }
  std::int64_t integer_bits = 0;
  std::int64_t fraction_bits = 0;
  if (!parse_integer(base.substr(3, dot - 3), 1, 32, integer_bits) ||
      !parse_integer(base.substr(dot + 1), 0, 31, fraction_bits) || integer_bits + fraction_bits < 2 ||
      integer_bits + fraction_bits > 32) {
    throw UserError(
        fmt::format("format '{}': fixI.F needs I from 1 (the sign) and F from 0, with I+F from 2 to 32", parsed.text));
  }
  OptionReader(parsed, "format").finish();
  return std::make_shared<FixedPoint>(static_cast<int>(integer_bits), static_cast<int>(fraction_bits));
}

}  // namespace precsim::formats
