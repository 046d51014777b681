// The three products of a convolution straight from its tensors.
#pragma once

#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/native/semantics.hpp"

namespace precsim::kernels::native {

/// One pass over tensors that share one exponent each (T = int16_t), or of FP32 numbers (T = float): left and right as
/// product_shape() names them, in their logical order, and so the result, without bias. `exponent` within
/// [-126, 127]. Working memory: the left tensor with its border (input patches, errors), the weights in panels, or for
/// weight gradients 4 KiB per 16 channels of the error for each thread.
template <class T>
void convolve(const NativeKernel& kernel, const ConvShape& shape, Pass pass, const T* left, const T* right,
              const Semantics& semantics, float* result);

}  // namespace precsim::kernels::native
