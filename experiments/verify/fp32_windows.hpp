// FP32 inputs in windows of consecutive bits: all of them, or a seeded sample.
#pragma once

#include <cstdint>

#include "experiments/verify/section.hpp"

namespace precsim::verify {

/// Visits FP32 inputs as windows of consecutive bit patterns, calling body(first, count, tally): at most 2^12 inputs
/// each (a multiple of 16), of one sign. By depth 2^quick, 2^standard or 2^full of them (18 to 32): 32 means all, fewer
/// are seeded windows spread evenly over all patterns, and the 2^8 around zero, every power of two and infinity, of
/// both signs. States the coverage.
using WindowBody = std::function<void(std::uint32_t first, std::uint32_t count, Tally& tally)>;
void visit_fp32(Run& run, int quick, int standard, int full, const WindowBody& body);

}  // namespace precsim::verify
