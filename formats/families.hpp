// The families of formats that the catalogue knows; each is one file with one parser.
#pragma once

#include <optional>
#include <string>

#include "formats/float_format.hpp"
#include "formats/format.hpp"
#include "formats/grammar.hpp"

namespace precsim::formats {

/// Each returns null where the base name is not of its family, and raises UserError where it is but is wrong.
FormatPtr parse_float_family(const ParsedName& parsed);
FormatPtr parse_fixed_family(const ParsedName& parsed);
FormatPtr parse_dfp_family(const ParsedName& parsed);
FormatPtr parse_flex_family(const ParsedName& parsed);
FormatPtr parse_dfxp_family(const ParsedName& parsed);
FormatPtr parse_mx_family(const ParsedName& parsed);

/// The record behind a floating-point name, for accumulators; takes option `overflow` from `options`.
std::optional<FloatFormat> parse_float_record(const ParsedName& parsed, OptionReader& options);
std::string float_name(const FloatFormat& format);

}  // namespace precsim::formats
