// The table of format families.
#include "formats/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "formats/families.hpp"
#include "formats/words.hpp"

namespace precsim::formats {
namespace {

FormatPtr parse_named_float(const ParsedName& parsed) {
  const auto names = named_floats();
  const bool named = std::any_of(names.begin(), names.end(), [&](const auto& row) { return row.name == parsed.base; });
  return named ? parse_float_family(parsed) : nullptr;
}

constexpr std::array<FormatFamily, 7> families{{
    {"fpN", "overflow=inf|nan|saturate", "named floating point: IEEE 754, bfloat16, TensorFloat-32, OCP FP8/FP6/FP4",
     "fp32 fp16 bf16 tf32 fp8_e5m2 fp8_e4m3fn fp6_e3m2 fp6_e2m3 fp4_e2m1", parse_named_float},
    {"eXmY", "overflow=inf|nan|saturate", "IEEE-like floating point with X exponent (2..8) and Y fraction bits (1..23)",
     "e6m9 e4m3 e2m1", parse_float_family},
    {"fixI.F", "", "two's complement fixed point of I+F bits, saturating; wider than 16 bits: storage only",
     "fix8.8 fix4.4 fix8.16", parse_fixed_family},
    {"dfpP", "headroom=0..P-2, top=saturate|bump|wrap, tensor|channel|block=EVEN",
     "dynamic fixed point: P-bit integers (2..16) with one exponent per tensor, channel or block of the reduction",
     "dfp16 dfp16:headroom=1 dfp16:block=32 dfp12 dfp8 dfp8:channel dfp4", parse_dfp_family},
    {"flexP+m", "history=2..64, deviations=0..16, offset=0..16384",
     "Flexpoint: P-bit integers (4..16) with an exponent of m bits (1..7) per tensor, predicted from earlier steps",
     "flex16+5 flex12+5 flex8+5", parse_flex_family},
    {"dfxpN", "range=-64..64, every=1..1000000, overflow=0..1",
     "fixed point of N bits (3..16) whose range per tensor is moved by how much of it overflows",
     "dfxp12 dfxp10:range=2", parse_dfxp_family},
    {"mxNAME", "block=EVEN",
     "OCP Microscaling 1.0: 4- to 8-bit elements, a power of two per block (32) of the reduction",
     "mxint8 mxfp8_e4m3 mxfp8_e5m2 mxfp6_e3m2 mxfp6_e2m3 mxfp4_e2m1", parse_mx_family},
}};

}  // namespace

std::span<const FormatFamily> format_families() {
  return families;
}

std::vector<std::string> catalogue_names() {
  std::vector<std::string> names;
  for (const FormatFamily& family : families) {
    std::string_view rest = family.examples;
    while (!rest.empty()) {
      const std::size_t blank = rest.find(' ');
      names.emplace_back(rest.substr(0, blank));
      rest = blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1);
    }
  }
  return names;
}

FormatPtr parse_format(std::string_view text) {
  const ParsedName parsed = parse_name(text, "format");
  std::vector<std::string> candidates = catalogue_names();
  for (const FormatFamily& family : families) {
    if (FormatPtr format = family.parse(parsed)) {
      return format;
    }
    candidates.emplace_back(family.pattern);
  }
  throw unknown_name("format", text, parsed.base, candidates);
}

std::string Conversion::name() const {
  return rounding == Rounding{} ? format->name() : fmt::format("{}@{}", format->name(), formats::name(rounding));
}

Conversion parse_conversion(std::string_view text, Rounding otherwise) {
  const std::size_t at = text.find('@');
  if (at != std::string_view::npos && at + 1 == text.size()) {
    throw UserError(
        fmt::format("{} has nothing after '@'; a rounding follows it, such as fp16@stochastic", quote(text)));
  }
  return {parse_format(text.substr(0, at)),
          at == std::string_view::npos ? otherwise : parse_rounding(text.substr(at + 1))};
}

std::string explain_format(std::string_view text) {
  const ParsedName parsed = parse_name(text, "format");
  const FormatPtr format = parse_format(text);
  const FormatFacts facts = format->facts();
  static constexpr std::string_view kinds[] = {"integer (INT16 multiply-accumulate)", "floating point (FP32 operand)",
                                               "floating point (elements, scaled by block)", "none (storage only)"};
  static constexpr std::string_view blocks[] = {"none", "one scale per tensor", "one scale per non-reduced channel",
                                                "one scale per {} elements along the reduction"};
  std::string out = fmt::format("{}\n", format->name());
  const auto line = [&](std::string_view what, const std::string& value) {
    out += fmt::format("  {:<20}{}\n", what, value);
  };
  for (const FormatFamily& family : families) {
    if (family.parse(parsed) != nullptr) {
      line("family", fmt::format("{}: {}", family.pattern, family.summary));
      line("options", family.options.empty() ? "none" : std::string(family.options));
      break;
    }
  }
  line("bits per element", fmt::format("{}", facts.width));
  line("operand of products", std::string(kinds[static_cast<std::size_t>(format->kind())]));
  line("shared scale",
       fmt::format(fmt::runtime(blocks[static_cast<std::size_t>(format->blocking().kind)]), format->blocking().size));
  line("largest", fmt::format("{:.9g}", facts.largest));
  line("smallest normal", fmt::format("{:.9g}", facts.smallest_normal));
  line("smallest", fmt::format("{:.9g}", facts.smallest));
  line("epsilon", fmt::format("{:.9g}", facts.epsilon));
  line("dynamic range", fmt::format("{:.1f} dB", facts.dynamic_range_db));
  line("notes", facts.notes);
  return out;
}

}  // namespace precsim::formats
