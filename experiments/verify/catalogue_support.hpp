// The bodies of the sections on the catalogue's formats.
#pragma once

#include "experiments/verify/float_support.hpp"
#include "experiments/verify/section.hpp"

namespace precsim::verify {

/// The catalogue's floating-point formats, each with every overflow option that it takes.
std::vector<Target> float_targets();

/// Floating point.
void hold_float_codes(Run& run);
void hold_float_neighbors(Run& run);
void hold_float_overflow(Run& run);
void hold_float_nan(Run& run);
void hold_float_brackets(Run& run);
void hold_float_draws(Run& run);
/// eXmY beyond the catalogue: all of 2..8 exponent bits up to a width.
void hold_small_floats(Run& run);

/// Fixed point, and dynamic fixed point under chosen exponents, through Format::convert.
void hold_fixed_codes(Run& run);
void hold_dfp_codes(Run& run);
void hold_integer_draws(Run& run);

/// NaN and infinities in arrays of every format.
void hold_refusals(Run& run);

}  // namespace precsim::verify
