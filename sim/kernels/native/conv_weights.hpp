// The weights of a convolution in panels.
#pragma once

#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/native/pack.hpp"

namespace precsim::kernels::native {

/// Weights in panels, by group; they stand in the scratch of the thread that packed them.
struct Weights {
  const Word* panels;
  std::int64_t panel_words, columns;

  std::int64_t group_panels() const { return padded_columns(columns) / panel_lanes; }
  const Word* group(std::int64_t g) const { return panels + g * group_panels() * panel_words; }
};

/// Weights (oc, taps, ic) as panels over oc, k = (tap, ic), each tap even.
template <class T>
Weights pack_weights(const NativeKernel& kernel, const ConvShape& shape, const T* weights);

/// The same as panels over ic, k = (tap, oc).
template <class T>
Weights pack_weights_transposed(const NativeKernel& kernel, const ConvShape& shape, const T* weights);

}  // namespace precsim::kernels::native
