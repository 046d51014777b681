// The table of every family of formats, and the way from a name to a format.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/format.hpp"
#include "formats/grammar.hpp"

namespace precsim::formats {

/// One row per family.
struct FormatFamily {
  std::string_view pattern;  ///< "dfpP"
  std::string_view options;  ///< "headroom=0..P-2, ..."
  std::string_view summary;
  std::string_view examples;  ///< blank-separated names: what the catalogue prints and the property tests walk
  FormatPtr (*parse)(const ParsedName&);
};
std::span<const FormatFamily> format_families();

/// The names of all examples, in table order.
std::vector<std::string> catalogue_names();

/// "dfp16:block=32,top=bump" -> the format. Raises UserError naming the valid families.
FormatPtr parse_format(std::string_view text);

/// A format with the rounding it is used with: "dfp16:headroom=1@stochastic:bits=8"; without '@', `otherwise`.
struct Conversion {
  FormatPtr format;
  Rounding rounding;
  /// Reads back with the default rounding: '@nearest_even' is left out.
  std::string name() const;
};
Conversion parse_conversion(std::string_view text, Rounding otherwise = {});

/// Many lines for a reader: what the format is, its facts, its options.
std::string explain_format(std::string_view text);

}  // namespace precsim::formats
