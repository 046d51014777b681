// The family of floating-point formats: names "fp16", "e5m10", option overflow=inf|nan|saturate.
#include <fmt/format.h>

#include "formats/elementary.hpp"
#include "formats/families.hpp"
#include "formats/float_format.hpp"

namespace precsim::formats {
namespace {

std::string base_name(const FloatFormat& format, Overflow& standard) {
  for (const NamedFloat& row : named_floats()) {
    FloatFormat same = row.format;
    same.overflow = format.overflow;
    if (same == format) {
      standard = row.format.overflow;
      return std::string(row.name);
    }
  }
  standard = Overflow::infinity;
  return fmt::format("e{}m{}", format.exponent_bits, format.fraction_bits);
}

class FloatingPoint final : public Format {
 public:
  explicit FloatingPoint(const FloatFormat& record) : record_(record) {}

  std::string name() const override { return float_name(record_); }
  OperandKind kind() const override { return OperandKind::floating; }
  int width() const override { return record_.width(); }
  bool takes_nan() const override { return record_.nan_codes != 0; }
  bool takes_infinity() const override { return true; }
  int block_exponent(float) const override { return 0; }

  FormatFacts facts() const override {
    FormatFacts facts;
    facts.width = record_.width();
    facts.largest = static_cast<double>(decode(record_, record_.largest_code()));
    facts.smallest_normal = power_of_two(record_.smallest_exponent());
    facts.smallest = static_cast<double>(decode(record_, 1));
    facts.epsilon = power_of_two(-record_.fraction_bits);
    facts.dynamic_range_db = 20 * log10(facts.largest / facts.smallest);
    facts.notes = fmt::format("bias {}, {} infinity, {} NaN codes per sign", record_.bias,
                              record_.has_infinity ? "has" : "no", record_.nan_codes);
    return facts;
  }

  CodeRule code_rule() const override { return record_; }

  int convert(const Block& in, float, int, Rounding rounding, const RandomBits& bits, const BlockOutput& out,
              ConversionCounts& counts) const override {
    WordReader word(bits, rounding);
    for (std::int64_t j = 0; j < in.count; ++j) {
      const std::int64_t at = j * in.stride;
      const float x = in.x[at];
      const std::uint32_t bits_of_element = word(in.first + static_cast<std::uint64_t>(at));
      const auto code = encode(record_, x, rounding, bits_of_element);
      if (!code) {
        counts.refused = j;
        return 0;
      }
      out.values[at] = decode(record_, *code);
      const bool at_the_top = (*code & record_.magnitude_mask()) >= record_.largest_code();
      if (at_the_top && !is_nonfinite(x)) {
        counts.saturated += overflows(record_, exact(x), rounding, bits_of_element) ? 1 : 0;
      }
    }
    return 0;
  }

 private:
  FloatFormat record_;
};

}  // namespace

std::string float_name(const FloatFormat& format) {
  static constexpr std::string_view overflow_names[] = {"inf", "nan", "saturate"};
  Overflow standard{};
  const std::string base = base_name(format, standard);
  return format.overflow == standard
             ? base
             : fmt::format("{}:overflow={}", base, overflow_names[static_cast<std::size_t>(format.overflow)]);
}

std::optional<FloatFormat> parse_float_record(const ParsedName& parsed, OptionReader& options) {
  std::optional<FloatFormat> format;
  for (const NamedFloat& row : named_floats()) {
    if (row.name == parsed.base) {
      format = row.format;
    }
  }
  const std::size_t m = parsed.base.find('m');
  if (!format && parsed.base.size() > 1 && parsed.base[0] == 'e' && m != std::string::npos) {
    const std::string_view base = parsed.base;
    std::int64_t exponent_bits = 0;
    std::int64_t fraction_bits = 0;
    if (!parse_integer(base.substr(1, m - 1), 2, 8, exponent_bits) ||
        !parse_integer(base.substr(m + 1), 1, 23, fraction_bits)) {
      throw UserError(fmt::format("format '{}': eXmY needs X from 2 to 8 and Y from 1 to 23", parsed.text));
    }
    format = ieee_format(static_cast<int>(exponent_bits), static_cast<int>(fraction_bits));
  }
  if (!format) {
    return std::nullopt;
  }
  format->overflow =
      static_cast<Overflow>(options.choice("overflow", {"inf", "nan", "saturate"}, static_cast<int>(format->overflow)));
  if (format->overflow == Overflow::infinity && !format->has_infinity) {
    throw options.wrong("overflow", "nan or saturate (the format has no infinity)", "inf");
  }
  if (format->overflow == Overflow::nan && format->nan_codes == 0) {
    throw options.wrong("overflow", "saturate (the format has neither infinity nor NaN)", "nan");
  }
  return format;
}

FormatPtr parse_float_family(const ParsedName& parsed) {
  OptionReader options(parsed, "format");
  const auto record = parse_float_record(parsed, options);
  if (!record) {
    return nullptr;
  }
  options.finish();
  return std::make_shared<FloatingPoint>(*record);
}

bool is_fp32(const Format& format) {
  return format.name() == "fp32";
}

}  // namespace precsim::formats
