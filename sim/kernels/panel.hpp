// A panel of an operand: up to sixteen of its rows side by side, as the lanes of the tiles read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/kernels/tile_size.hpp"

namespace precsim::kernels {

/// out[k * tile_lanes + j] = element k of row j, `length` apart from `first` on; zeros from row `lanes` on.
template <class From, class To>
void pack_panel(const From* first, std::int64_t length, int lanes, std::vector<To>& out) {
  out.assign(static_cast<std::size_t>(length * tile_lanes), To{});
  for (int j = 0; j < lanes; ++j) {
    const From* from = first + j * length;
    for (std::int64_t k = 0; k < length; ++k) {
      out[static_cast<std::size_t>(k * tile_lanes + j)] = static_cast<To>(from[k]);
    }
  }
}

}  // namespace precsim::kernels
