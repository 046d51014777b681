// The table of one kind of steps: its loops by shape; and what loops of assembly are declared with.
#pragma once

#include <utility>

#include "sim/kernels/native/native_kernel.hpp"

// Sanitizers and a fuzzer's coverage take registers that the assembly needs.
#if defined(__clang__)
#define PRECSIM_PLAIN __attribute__((no_sanitize("address", "undefined", "thread", "coverage")))
#else
#define PRECSIM_PLAIN __attribute__((no_sanitize("address", "undefined", "thread")))
#endif

namespace precsim::kernels::native {

/// body.operator()<i>() for i from 1 to count.
template <int count, class Body>
constexpr void for_each_count(Body body) {
  [&]<int... i>(std::integer_sequence<int, i...>) {
    (body.template operator()<i + 1>(), ...);
  }
  (std::make_integer_sequence<int, count>());
}

/// Of Loop::function<rows, panels> for every shape up to the largest that Loop states.
template <class Loop>
constexpr Loops make_loops() {
  Loops loops{};
  for_each_count<Loop::panels>([&]<int panels>() {
    loops.rows[panels - 1] = Loop::rows(panels);
    for_each_count<Loop::rows(panels)>(
        [&]<int rows>() { loops.of[panels - 1][rows - 1] = Loop::template function<rows, panels>; });
  });
  return loops;
}

/// Chains made of Lane's loops and Sums' spills.
template <class Lane, class Sums>
struct Chains : Lane {
  template <int rows, int panels>
  static void function(const Tile& tile, std::span<const Segment> segments, const float* factor, Source from,
                       Target to) {
    alignas(64) Word lanes_words[rows * tile_distance];
    const Target lanes{lanes_words, tile_distance};
    SpillFactors factors;
    factors.factor = *factor;
    while (!segments.empty()) {
      const std::size_t count = segments_of_chain(segments);
      Lane::template function<rows, panels>(tile, segments.first(count), nullptr, {no_lanes, 0}, lanes);
      segments = segments.subspan(count);
      const Target sums = segments.empty() ? to : Target{tile.sums, tile_distance};
      Sums::template spill<rows, panels, Spill::uniform>(lanes, from, sums, factors);
      from = sums;
    }
  }
};

/// Sums::spill<rows, panels, kind> for every shape that Loop has.
template <class Sums, class Loop>
constexpr void set_spills(NativeKernel& kernel) {
  for_each_count<Loop::panels>([&]<int panels>() {
    for_each_count<Loop::rows(panels)>([&]<int rows>() {
      kernel.spill[0][panels - 1][rows - 1] = Sums::template spill<rows, panels, Spill::uniform>;
      kernel.spill[1][panels - 1][rows - 1] = Sums::template spill<rows, panels, Spill::blocked>;
    });
  });
}

/// A kernel of loops over lanes and over chains (both for wrap and for saturate) and of FP32 loops.
template <class Wrap, class WrapChains, class Saturate, class SaturateChains, class Fma, class Sums>
constexpr NativeKernel native_kernel() {
  NativeKernel kernel{Wrap::panels,
                      {make_loops<Wrap>(), make_loops<WrapChains>()},
                      {make_loops<Saturate>(), make_loops<SaturateChains>()},
                      make_loops<Fma>(),
                      {},
                      Sums::finish};
  set_spills<Sums, Wrap>(kernel);
  return kernel;
}

}  // namespace precsim::kernels::native
