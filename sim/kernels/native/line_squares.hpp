// Sums of squares of codes along lines and across them, by instruction set.
#pragma once

#include <cstdint>

#include "sim/kernels/native/native_kernel.hpp"

namespace precsim::kernels::native {

struct LineSquares {
  /// sums[i]: of the codes [i * piece, (i + 1) * piece).
  void (*along)(const std::int16_t* codes, std::int64_t pieces, std::int64_t piece, std::uint64_t* sums);
  /// One sum for each of `lanes` neighbors, over the lines that begin at base + lines[i]; lines below 0 are zeros. Sums
  /// stand in an order that depends on `lanes` alone.
  void (*across)(const std::int16_t* base, const std::int64_t* lines, std::int64_t count, std::int64_t lanes,
                 std::uint64_t* sums);
  /// sums[i] += from[i * stride]; stride is at least 1.
  void (*add_every)(const std::uint64_t* from, std::int64_t stride, std::int64_t count, std::uint64_t* sums);
};

const LineSquares& line_squares(const NativeKernel& kernel);

}  // namespace precsim::kernels::native
