// The library's formats and roundings in the oracle's words.
#include "tests/support/oracle_bridge.hpp"

#include <stdexcept>

#include "formats/catalogue.hpp"
#include "formats/families.hpp"

namespace precsim::support {

oracle::Mode oracle_mode(formats::RoundingMode mode) {
  switch (mode) {
    case formats::RoundingMode::nearest_even:
      return oracle::Mode::nearest_even;
    case formats::RoundingMode::nearest_away:
      return oracle::Mode::nearest_away;
    case formats::RoundingMode::toward_zero:
      return oracle::Mode::toward_zero;
    case formats::RoundingMode::toward_positive:
      return oracle::Mode::toward_positive;
    case formats::RoundingMode::toward_negative:
      return oracle::Mode::toward_negative;
    case formats::RoundingMode::to_odd:
      return oracle::Mode::to_odd;
    case formats::RoundingMode::stochastic:
      return oracle::Mode::stochastic;
    case formats::RoundingMode::biased:
      return oracle::Mode::biased;
  }
  throw std::logic_error("the oracle does not know this rounding");
}

oracle::Format oracle_format(const formats::FloatFormat& format) {
  const oracle::Overflow overflow = format.overflow == formats::Overflow::infinity ? oracle::Overflow::infinity
                                    : format.overflow == formats::Overflow::nan    ? oracle::Overflow::nan
                                                                                   : oracle::Overflow::saturate;
  return {format.exponent_bits, format.fraction_bits, format.bias, format.has_infinity, format.nan_codes, overflow};
}

formats::FloatFormat float_record(const std::string& name) {
  const formats::ParsedName parsed = formats::parse_name(name, "format");
  formats::OptionReader options(parsed, "format");
  return formats::parse_float_record(parsed, options).value();
}

std::vector<std::string> catalogue_floats(int width) {
  std::vector<std::string> names;
  for (const std::string& name : formats::catalogue_names()) {
    const formats::FormatPtr format = formats::parse_format(name);
    if (format->kind() == formats::OperandKind::floating && format->width() <= width) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace precsim::support
