// Names of accumulators.
#include "sim/arith/accumulator.hpp"

#include <fmt/format.h>

#include <array>

#include "formats/families.hpp"
#include "formats/grammar.hpp"

namespace precsim::arith {
namespace {

constexpr std::array<std::string_view, 3> atom_names{"single", "pair", "pair4"};
constexpr std::array<std::string_view, 2> overflow_names{"wrap", "saturate"};

std::string name_of(const IntegerAccumulator& accumulator, bool with_defaults) {
  const std::int64_t chain = accumulator.chain;
  std::string text = fmt::format("int32:chain={}", chain == chain_auto     ? "auto"
                                                   : chain == chain_to_end ? "inf"
                                                                           : fmt::to_string(chain));
  if (with_defaults || accumulator.atom != Atom::pair) {
    text += fmt::format(",atom={}", atom_names[static_cast<std::size_t>(accumulator.atom)]);
  }
  if (with_defaults || accumulator.overflow != OverflowRule::wrap) {
    text += fmt::format(",overflow={}", overflow_names[static_cast<std::size_t>(accumulator.overflow)]);
  }
  return text;
}

}  // namespace

std::string IntegerAccumulator::name() const {
  return name_of(*this, false);
}

std::string IntegerAccumulator::full_name() const {
  return name_of(*this, true);
}

IntegerAccumulator parse_integer_accumulator(std::string_view text) {
  const formats::ParsedName parsed = formats::parse_name(text, "accumulator");
  if (parsed.base != "int32") {
    throw formats::unknown_name("accumulator of integer products", text, parsed.base, {"int32"});
  }
  formats::OptionReader options(parsed, "accumulator");
  IntegerAccumulator accumulator;
  accumulator.atom = static_cast<Atom>(options.choice("atom", {atom_names.begin(), atom_names.end()}, 1));
  accumulator.overflow =
      static_cast<OverflowRule>(options.choice("overflow", {overflow_names.begin(), overflow_names.end()}, 0));
  const std::string chain = options.text("chain", "auto", "auto|inf|EVEN");
  options.finish();
  const int multiple = chain_multiple(accumulator.atom);
  if (chain == "inf") {
    accumulator.chain = chain_to_end;
  } else if (chain != "auto") {
    std::int64_t length = 0;
    if (!formats::parse_integer(chain, 2, std::int64_t{1} << 40, length) || length % multiple != 0) {
      throw options.wrong("chain", fmt::format("auto, inf or a positive multiple of {} up to 2^40", multiple), chain);
    }
    accumulator.chain = length;
  }
  return accumulator;
}

std::string FloatAccumulator::name() const {
  std::string text = formats::float_name(sum);
  if (product) {
    text += (text.find(':') == std::string::npos ? ":product=" : ",product=") + formats::float_name(*product);
  }
  return rounding == formats::Rounding{} ? text : text + "@" + formats::name(rounding);
}

bool FloatAccumulator::is_fp32_fma() const {
  return sum == formats::ieee_format(8, 23) && !product && rounding == formats::Rounding{};
}

FloatAccumulator parse_float_accumulator(std::string_view text) {
  const std::size_t at = text.find('@');
  FloatAccumulator accumulator;
  if (at != std::string_view::npos) {
    accumulator.rounding = formats::parse_rounding(text.substr(at + 1));
  }
  const formats::ParsedName parsed = formats::parse_name(text.substr(0, at), "accumulator");
  formats::OptionReader options(parsed, "accumulator");
  const auto sum = formats::parse_float_record(parsed, options);
  if (!sum) {
    throw formats::unknown_name("accumulator of floating-point products", text, parsed.base, formats::named_floats(),
                                &formats::NamedFloat::name);
  }
  accumulator.sum = *sum;
  const std::string product = options.text("product", "", "FLOAT");
  options.finish();
  if (!product.empty()) {
    const formats::ParsedName product_name = formats::parse_name(product, "product format");
    formats::OptionReader product_options(product_name, "product format");
    accumulator.product = formats::parse_float_record(product_name, product_options);
    product_options.finish();
    if (!accumulator.product) {
      throw formats::unknown_name("product format", product, product, formats::named_floats(),
                                  &formats::NamedFloat::name);
    }
    if (accumulator.product->overflow == formats::Overflow::nan && accumulator.sum.nan_codes == 0) {
      throw UserError(fmt::format(
          "accumulator '{}': products that overflow {} become NaN, which the sum's format {} has no code for; give the "
          "product format overflow=saturate",
          text, formats::float_name(*accumulator.product), formats::float_name(accumulator.sum)));
    }
  }
  return accumulator;
}

}  // namespace precsim::arith
