// Fixed point fixI.F: two's complement of I+F bits in steps of 2^-F, saturating.
#include <fmt/format.h>

#include "formats/exact.hpp"
#include "formats/families.hpp"
#include "formats/twos_complement.hpp"

namespace precsim::formats {
namespace {

class FixedPoint final : public TwosComplement {
 public:
  FixedPoint(int integer_bits, int fraction_bits)
      : TwosComplement(integer_bits + fraction_bits), integer_bits_(integer_bits), fraction_bits_(fraction_bits) {}

  std::string name() const override { return fmt::format("fix{}.{}", integer_bits_, fraction_bits_); }
  bool takes_infinity() const override { return true; }
  int block_exponent(float) const override { return -fraction_bits_; }

  FormatFacts facts() const override {
    FormatFacts facts = code_facts();
    facts.smallest = facts.smallest_normal = facts.epsilon = power_of_two(-fraction_bits_);
    facts.largest *= facts.smallest;
    facts.notes = fmt::format("from {} to {} in steps of 2^-{}{}", -static_cast<double>(limit()) * facts.smallest,
                              facts.largest, fraction_bits_, width() > 16 ? "; storage only" : "");
    return facts;
  }

 private:
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
