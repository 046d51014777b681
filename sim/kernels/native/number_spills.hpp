// Spills of FP32 sums into FP32 sums: of elements with blocks.
#pragma once

#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

/// to = FMA(sums, row factor * lane factor, from), of `rows` rows and `panels` panels.
using NumberSpill = void (*)(int rows, int panels, Source sums, Source from, Target to, const SpillFactors&);

/// The fastest that the instruction set of a row of tiles has.
NumberSpill number_spill(const NativeKernel& kernel);

}  // namespace precsim::kernels::native
