// The sections on chains that have files of their own.
#pragma once

#include <cstdint>
#include <string>

#include "experiments/verify/integer_operands.hpp"
#include "experiments/verify/section.hpp"

namespace precsim::verify {

/// Operands of every size of code, groups and blocks.
void longest_chains(Run& run);
/// Sums of squares exactly at the limit of the norm bound, and one above.
void bounds(Run& run);
/// Three passes by the reference and by every tile kernel; all that the oracle needs, it makes of the tensors itself.
void convolutions(Run& run);
/// The same under floating-point accumulators, operands of any float format or decoded integers.
void float_convolutions(Run& run);
/// The same of MX operands, whose elements meet unscaled, block by block.
void mx_products(Run& run);

/// One operand made of its FP32 tensor by the library, and by the oracle: codes and exponents by place, with the zero
/// that makes an odd period even.
struct ConvertedOperand {
  kernels::Matrix matrix;  ///< of codes, or, where the other operand is no integer, of FP32 values
  oracle::ConvertedSide expected;
  std::int64_t block = 0;
  std::string name;
};
ConvertedOperand convert_operand(const kernels::ConvShape& shape, kernels::Pass pass, kernels::Side side, bool integer,
                                 support::Sample& sample);

}  // namespace precsim::verify
