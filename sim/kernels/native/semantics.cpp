// Semantics to tiles.
#include "sim/kernels/native/semantics.hpp"

#include <algorithm>
#include <type_traits>

#include "formats/exact.hpp"

namespace precsim::kernels::native {

template <class T>
void set_semantics(Tiling& tiling, const NativeKernel& kernel, const Semantics& semantics) {
  constexpr int smallest_normal = -126;
  tiling.kernel = &kernel;
  if constexpr (!std::is_same_v<T, float>) {
    tiling.loops = semantics.overflow == arith::OverflowRule::wrap ? &kernel.wrap : &kernel.saturate;
    // Sums in units of 2^exponent are exact: every one is an integer below 2^(31 + 32), scaled without underflow.
    const auto power = static_cast<float>(formats::power_of_two(semantics.exponent));
    tiling.factor = semantics.exponent >= smallest_normal ? power : 1.0f;
    tiling.last_factor = semantics.exponent >= smallest_normal ? 1.0f : power;
  }
}

template <class T>
std::vector<std::vector<Segment>> cut_reduction(std::span<const Stretch> stretches, std::int64_t length,
                                                std::int64_t chain, std::int64_t steps) {
  std::vector<std::int64_t> ends;
  if constexpr (std::is_same_v<T, float>) {
    for (std::int64_t k = steps; k < length; k += steps) {
      ends.push_back(k);  // sums are what a chain would end in: cut anywhere
    }
    ends.push_back(length);
  } else {
    for (const arith::Chain& c : arith::cut({length, length, 0, 0}, chain)) {
      ends.push_back(c.end);
    }
  }
  return cut_segments(stretches, ends, products_per_step<T>, steps);
}

template void set_semantics<std::int16_t>(Tiling&, const NativeKernel&, const Semantics&);
template void set_semantics<float>(Tiling&, const NativeKernel&, const Semantics&);
template std::vector<std::vector<Segment>> cut_reduction<std::int16_t>(std::span<const Stretch>, std::int64_t,
                                                                       std::int64_t, std::int64_t);
template std::vector<std::vector<Segment>> cut_reduction<float>(std::span<const Stretch>, std::int64_t, std::int64_t,
                                                                std::int64_t);

}  // namespace precsim::kernels::native
