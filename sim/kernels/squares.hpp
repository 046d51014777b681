// Sums of squares per row and chain: what the norm bound is made of.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/chain.hpp"
#include "sim/kernels/matrix.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {

/// [(group * rows + row) * chains.size() + c].
std::vector<std::uint64_t> squares_by_chain(const Matrix& matrix, const std::vector<arith::Chain>& chains,
                                            const TileKernel& kernel);

}  // namespace precsim::kernels
