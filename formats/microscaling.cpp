// The MX formats: their table, conversion of blocks, and the family "mxNAME:block=k".
#include "formats/microscaling.hpp"

#include <fmt/format.h>

#include <array>

#include "formats/elementary.hpp"
#include "formats/families.hpp"
#include "formats/shared_exponent.hpp"

namespace precsim::formats {
namespace {

constexpr FloatFormat saturating(int exponent_bits, int fraction_bits, bool has_infinity, std::uint32_t nan_codes) {
  return {exponent_bits, fraction_bits, (1 << (exponent_bits - 1)) - 1, has_infinity, nan_codes, Overflow::saturate};
}

constexpr std::array<MxElement, 6> table{{
    {"mxint8", std::nullopt, "8-bit integers"},
    {"mxfp8_e4m3", saturating(4, 3, false, 1), "E4M3"},
    {"mxfp8_e5m2", saturating(5, 2, true, 3), "E5M2"},
    {"mxfp6_e3m2", saturating(3, 2, false, 0), "E3M2"},
    {"mxfp6_e2m3", saturating(2, 3, false, 0), "E2M3"},
    {"mxfp4_e2m1", saturating(2, 1, false, 0), "E2M1"},
}};
static_assert(table[1].largest_exponent() == 8 && table[2].largest_exponent() == 15 &&
              table[3].largest_exponent() == 4 && table[4].largest_exponent() == 2 && table[5].largest_exponent() == 2);
// Every FP32 block has a scale that E8M0 holds, and every element times its scale is an FP32 number.
static_assert(table[5].shared_exponent(0x1.fffffep127f) == 125 && table[2].shared_exponent(0x1p-149f) == -127);

class Microscaling : public Format {
 public:
  Microscaling(const MxElement& element, int block) : element_(element), block_(block) {}

  std::string name() const override {
    return block_ == mx_block ? std::string(element_.name) : fmt::format("{}:block={}", element_.name, block_);
  }
  Blocking blocking() const override { return {BlockKind::reduction, block_}; }
  int block_exponent(float absmax) const override { return element_.shared_exponent(absmax); }
  const MxElement& element() const { return element_; }

 protected:
  std::string scale_text() const {
    return fmt::format("times 2^E_s, E_s = E(absmax) - {} within {}..{}", element_.largest_exponent(),
                       lowest_mx_exponent, highest_mx_exponent);
  }

 private:
  const MxElement& element_;
  int block_;
};

/// The codes of dfp8 under exponents of its own.
class MicroscaledIntegers final : public Microscaling {
 public:
  MicroscaledIntegers(const MxElement& element, int block)
      : Microscaling(element, block), codes_(make_dfp({.bits = 8})) {}

  OperandKind kind() const override { return codes_->kind(); }
  int width() const override { return codes_->width(); }
  CodeRule code_rule() const override { return codes_->code_rule(); }
  FormatFacts facts() const override {
    FormatFacts facts = codes_->facts();
    facts.notes = fmt::format("codes -127..127 {}", scale_text());
    return facts;
  }
  int convert(const Block& in, float absmax, int exponent, Rounding rounding, const RandomBits& bits,
              const BlockOutput& out, ConversionCounts& counts) const override {
    return codes_->convert(in, absmax, exponent, rounding, bits, out, counts);
  }

 private:
  FormatPtr codes_;
};

class MicroscaledFloats final : public Microscaling {
 public:
  MicroscaledFloats(const MxElement& element, int block) : Microscaling(element, block), record_(*element.element) {}

  OperandKind kind() const override { return OperandKind::scaled; }
  int width() const override { return record_.width(); }
  CodeRule code_rule() const override { return ScaledFloat{record_}; }
  FormatFacts facts() const override {
    FormatFacts facts;
    facts.width = record_.width();
    facts.largest = static_cast<double>(decode(record_, record_.largest_code()));
    facts.smallest_normal = power_of_two(record_.smallest_exponent());
    facts.smallest = static_cast<double>(decode(record_, 1));
    facts.epsilon = power_of_two(-record_.fraction_bits);
    facts.dynamic_range_db = 20 * log10(facts.largest / facts.smallest);
    facts.notes = fmt::format("elements {}, saturating, {}", element().meaning, scale_text());
    return facts;
  }

  int convert(const Block& in, float, int exponent, Rounding rounding, const RandomBits& bits, const BlockOutput& out,
              ConversionCounts& counts) const override {
    const double scale = power_of_two(exponent);
    WordReader word(bits, rounding);
    for (std::int64_t j = 0; j < in.count; ++j) {
      const std::int64_t at = j * in.stride;
      if (is_nonfinite(in.x[at])) {
        counts.refused = j;
        return exponent;
      }
      Exact x = exact(in.x[at]);
      x.exponent -= exponent;
      const std::uint32_t bits_of_element = word(in.first + static_cast<std::uint64_t>(at));
      const std::uint32_t code = encode(record_, x, rounding, bits_of_element);
      const bool at_the_top = (code & record_.magnitude_mask()) == record_.largest_code();
      counts.saturated += at_the_top && overflows(record_, x, rounding, bits_of_element) ? 1 : 0;
      out.values[at] = static_cast<float>(static_cast<double>(decode(record_, code)) * scale);
      if (out.codes != nullptr) {
        out.codes[at] = static_cast<std::int16_t>(code);
      }
    }
    return exponent;
  }

 private:
  FloatFormat record_;
};

}  // namespace

std::span<const MxElement> mx_elements() {
  return table;
}

const MxElement* find_mx_element(const Format& format) {
  const auto* mx = dynamic_cast<const Microscaling*>(&format);
  return mx == nullptr ? nullptr : &mx->element();
}

FormatPtr make_mx(const MxElement& element, int block) {
  if (element.element) {
    return std::make_shared<MicroscaledFloats>(element, block);
  }
  return std::make_shared<MicroscaledIntegers>(element, block);
}

FormatPtr parse_mx_family(const ParsedName& parsed) {
  for (const MxElement& row : table) {
    if (row.name == parsed.base) {
      OptionReader options(parsed, "format");
      const std::string block = options.text("block", "32", "EVEN");
      options.finish();
      std::int64_t size = 0;
      if (!parse_integer(block, 2, largest_block, size) || size % 2 != 0) {
        throw options.wrong("block", fmt::format("an even integer from 2 to {}", largest_block), block);
      }
      return make_mx(row, static_cast<int>(size));
    }
  }
  return nullptr;
}

}  // namespace precsim::formats
