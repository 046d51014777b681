// Semantics to tiles.
#include "sim/kernels/native/semantics.hpp"

#include <type_traits>

#include "formats/exact.hpp"

namespace precsim::kernels::native {
namespace {

/// Sums in units of 2^exponent stay exact: every one is an integer below 2^(31 + 32), scaled without underflow.
bool sums_unscaled(int exponent) {
  return exponent >= -149 && exponent <= 127 - 64;
}

}  // namespace

template <class T>
void set_semantics(Tiling& tiling, const NativeKernel& kernel, const Semantics& semantics) {
  tiling.kernel = &kernel;
  if constexpr (std::is_same_v<T, float>) {
    tiling.functions = &kernel.fma;
  } else {
    tiling.unscaled = sums_unscaled(semantics.exponent);
    const auto spill = static_cast<std::size_t>(tiling.unscaled ? Spill::unscaled : Spill::scaled);
    tiling.functions = semantics.overflow == arith::OverflowRule::wrap ? &kernel.wrap[spill] : &kernel.saturate[spill];
    tiling.factor = static_cast<float>(formats::power_of_two(semantics.exponent));
  }
}

template <class T>
std::vector<std::vector<Segment>> cut_reduction(std::span<const Stretch> stretches, std::int64_t length,
                                                std::int64_t chain) {
  std::vector<std::int64_t> ends;
  if constexpr (std::is_same_v<T, float>) {
    for (std::int64_t k = steps_per_block; k < length; k += steps_per_block) {
      ends.push_back(k);  // sums are what a chain would end in: cut anywhere
    }
    ends.push_back(length);
  } else {
    for (const arith::Chain& c : arith::cut({length, length, 0, 0}, chain)) {
      ends.push_back(c.end);
    }
  }
  return cut_segments(stretches, ends, products_per_step<T>, steps_per_block);
}

template void set_semantics<std::int16_t>(Tiling&, const NativeKernel&, const Semantics&);
template void set_semantics<float>(Tiling&, const NativeKernel&, const Semantics&);
template std::vector<std::vector<Segment>> cut_reduction<std::int16_t>(std::span<const Stretch>, std::int64_t,
                                                                       std::int64_t);
template std::vector<std::vector<Segment>> cut_reduction<float>(std::span<const Stretch>, std::int64_t, std::int64_t);

}  // namespace precsim::kernels::native
