// The codes of integer formats by their definition, from magnitudes that an oracle has rounded.
#pragma once

#include <cstdint>

#include "formats/shared_exponent.hpp"

namespace precsim::verify {

/// A code, and whether it was clipped or wrapped on the way.
struct IntegerCode {
  std::int64_t code = 0;
  bool saturated = false;
};

/// dfp under its top rule (bump: the code that would be bumped, saturated): `steps` is |x| rounded to whole steps.
IntegerCode expected_dfp_code(std::uint64_t steps, bool negative, const formats::DfpFormat& format);

/// Two's complement of `width` bits, saturating.
IntegerCode expected_fixed_code(std::uint64_t steps, bool negative, int width);

}  // namespace precsim::verify
