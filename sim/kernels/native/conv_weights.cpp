// Packing of weights.
#include "sim/kernels/native/conv_weights.hpp"

#include <algorithm>

#include "sim/kernels/native/conv_passes.hpp"
#include "sim/kernels/native/packing.hpp"
#include "sim/kernels/native/tiling.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {

template <class T>
Weights pack_weights(const NativeKernel& kernel, const ConvShape& shape, const T* weights) {
  constexpr std::int64_t per_step = products_per_step<T>;
  const std::int64_t ic = shape.group_ic();
  const std::int64_t oc = shape.group_oc();
  const std::int64_t taps = shape.kh * shape.kw;
  const std::int64_t tap_steps = (ic + per_step - 1) / per_step;
  const std::int64_t steps = taps * tap_steps;
  const Bordered<T> even = add_border(weights, 1, 1, shape.oc * taps, 1, ic, {0, 0, 0, 0}, per_step == 2);
  const std::int64_t panels = padded_columns(oc) / panel_lanes;
  Word* const to = scratch().weights.at_least(shape.groups * panels * steps * panel_lanes);
#pragma omp parallel for schedule(static) if (worth_threads(shape.oc * steps))
  for (std::int64_t panel = 0; panel < shape.groups * panels; ++panel) {
    const Word* rows[panel_lanes];
    for (std::int64_t j = 0; j < panel_lanes; ++j) {
      const std::int64_t row = panel % panels * panel_lanes + j;
      rows[j] = row < oc ? reinterpret_cast<const Word*>(even.data) + (panel / panels * oc + row) * steps : nullptr;
    }
    packing(kernel).rows(rows, steps, to + panel * steps * panel_lanes, panel_lanes);
  }
  return {to, steps * panel_lanes, oc};
}

template <class T>
Weights pack_weights_transposed(const NativeKernel& kernel, const ConvShape& shape, const T* weights) {
  constexpr std::int64_t per_step = products_per_step<T>;
  const std::int64_t ic = shape.group_ic();
  const std::int64_t oc = shape.group_oc();
  const std::int64_t taps = shape.kh * shape.kw;
  const std::int64_t tap_steps = (oc + per_step - 1) / per_step;
  const std::int64_t panels = padded_columns(ic) / panel_lanes;
  Word* const to = scratch().weights.at_least(shape.groups * panels * taps * tap_steps * panel_lanes);
  // Lines of the last panel would be read beyond their end, and an odd last one has no partner.
  const bool whole = ic % panel_lanes == 0 && oc % per_step == 0;
#pragma omp parallel for schedule(static) if (worth_threads(shape.weight_size()))
  for (std::int64_t i = 0; i < shape.groups * panels * taps; ++i) {
    const std::int64_t tap = i % taps;
    const std::int64_t panel = i / taps % panels;
    const T* const base = weights + (i / taps / panels * oc * taps + tap) * ic + panel * panel_lanes;
    Word* const out = to + i * tap_steps * panel_lanes;
    if (whole) {
      const std::int64_t start[] = {0};
      packing(kernel).pack({base, per_step * taps * ic, taps * ic, start}, tap_steps, out, 0);
      continue;
    }
    const std::int64_t lanes = std::min<std::int64_t>(panel_lanes, ic - panel * panel_lanes);
    for (std::int64_t s = 0; s < tap_steps; ++s) {
      const T* const low = base + s * per_step * taps * ic;
      if constexpr (per_step == 2) {
        pack_step(low, 2 * s + 1 < oc ? low + taps * ic : nullptr, lanes, out + s * panel_lanes);
      } else {
        pack_step(low, lanes, out + s * panel_lanes);
      }
    }
  }
  return {to, taps * tap_steps * panel_lanes, ic};
}

template Weights pack_weights(const NativeKernel&, const ConvShape&, const std::int16_t*);
template Weights pack_weights(const NativeKernel&, const ConvShape&, const float*);
template Weights pack_weights_transposed(const NativeKernel&, const ConvShape&, const std::int16_t*);
template Weights pack_weights_transposed(const NativeKernel&, const ConvShape&, const float*);

}  // namespace precsim::kernels::native
