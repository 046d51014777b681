// The size of a tile of the simulation: a few rows of one operand times sixteen rows of the other.
#pragma once

namespace precsim::kernels {

inline constexpr int tile_lanes = 16;
inline constexpr int tile_rows = 4;

}  // namespace precsim::kernels
