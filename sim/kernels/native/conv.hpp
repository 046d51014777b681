// The three products of a convolution straight from its tensors.
#pragma once

#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/native/epilogue.hpp"
#include "sim/kernels/native/semantics.hpp"

namespace precsim::kernels::native {

/// One pass over tensors that share one exponent each (T = int16_t), or of FP32 numbers (T = float): left and right as
/// product_shape() names them, in their logical order, and so the result, without bias. The weights are packed once per
/// call, for all threads. Working memory, kept by the threads between calls: the weights in panels; per thread the
/// lines that 448 rows meet, with their border, where the tensor cannot be read in place (padding, odd channels,
/// windows that collide in the cache). For weight gradients per thread: of 448 pixels (or one chain, if that is
/// longer), 4 bytes per pair or number, up to 1024 channels of the errors and 384 lanes of the patches (with the kh - 1
/// lines below), and those pixels' lines as above. `epilogue`: of forward products alone.
template <class T>
void convolve(const NativeKernel& kernel, const ConvShape& shape, Pass pass, const T* left, const T* right,
              const Semantics& semantics, float* result, const Epilogue& epilogue = {});

}  // namespace precsim::kernels::native
