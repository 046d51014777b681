// The sections on chains that have files of their own.
#pragma once

#include "experiments/verify/section.hpp"

namespace precsim::verify {

/// Operands of every size of code, groups and blocks.
void longest_chains(Run& run);
/// Sums of squares exactly at the limit of the norm bound, and one above.
void bounds(Run& run);
/// Three passes by the reference and by every tile kernel; all that the oracle needs, it makes of the tensors itself.
void convolutions(Run& run);

}  // namespace precsim::verify
