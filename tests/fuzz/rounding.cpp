// Fuzzes the names of roundings. The input is the name.
#include "formats/rounding.hpp"

#include "tests/fuzz/target.hpp"
#include "tests/fuzz/targets.hpp"

namespace precsim::fuzz {

/// A name that is accepted has a canonical form, which reads back to the same rounding.
void rounding(std::string_view input) {
  formats::Rounding parsed;
  if (!accepts([&] { parsed = formats::parse_rounding(input); })) return;
  promise(formats::parse_rounding(formats::name(parsed)) == parsed, formats::name(parsed));
  promise(parsed.bits >= 1 && parsed.bits <= 32, formats::name(parsed));
}

}  // namespace precsim::fuzz
