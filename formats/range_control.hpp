// Fixed point whose range follows overflow rates ("dynamic fixed point" of Courbariaux et al. 2015, 1412.7024).
#pragma once

#include <cstdint>

#include "formats/format.hpp"

namespace precsim::formats {

/// dfxpN with its options: 3 <= bits <= 16, sign included (the paper's NOB = bits - 1; its "10 bits" are dfxp10). Codes
/// saturate to [-2^(N-1), 2^(N-1) - 1] as those of every two's complement here; the paper's code clips to the symmetric
/// +-(2^NOB - 1), where -1.0 times the range becomes one step less. The exponent is range - (bits - 1), the range being
/// the paper's NOIB, which starts at `range`: there is no search of ranges before training, after which the paper's
/// code draws the parameters anew.
struct RangeFormat {
  int bits = 12;
  int range = 5;
  int every = 100;         ///< training batches between moves
  double overflow = 1e-4;  ///< the largest rate allowed
};
inline constexpr int lowest_range = -64;
inline constexpr int highest_range = 64;

/// The range after batches with `elements` codes, of which `at_limit` were at the limit (magnitude of at least
/// 2^NOB - 1) and `above_half` would be under half the range (at least 2^(NOB-1)): one more if at_limit / elements, as
/// an FP64 quotient, is above `overflow`; else one less if above_half / elements is not; within [-64, 64] (choice).
/// The paper's code averages the rates of batches; for batches of one size that is the same.
int next_range(int range, std::uint64_t at_limit, std::uint64_t above_half, std::uint64_t elements,
               const RangeFormat& format);

/// Rates are gathered over `every` conversions, then the range moves and counting begins again.
FormatPtr make_dfxp(const RangeFormat& format);

}  // namespace precsim::formats
