// The products of a convolution by pass: forward and input gradient with the weights in panels, and the weight
// gradient.
#pragma once

#include "sim/kernels/conv_shape.hpp"
#include "sim/kernels/native/epilogue.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native/semantics.hpp"

namespace precsim::kernels::native {

/// Working memory of a thread, kept between calls.
struct Scratch {
  KeptBuffer weights, windows, errors, rows, lanes, sums;
};
Scratch& scratch();

template <class T>
void forward(const NativeKernel& kernel, const ConvShape& shape, const T* input, const T* weights,
             const Semantics& semantics, float* result, const Epilogue& epilogue);
template <class T>
void input_gradient(const NativeKernel& kernel, const ConvShape& shape, const T* errors, const T* weights,
                    const Semantics& semantics, float* result);
template <class T>
void weight_gradient(const NativeKernel& kernel, const ConvShape& shape, const T* errors, const T* input,
                     const Semantics& semantics, float* result);
/// The weight gradient of one group.
template <class T>
void window_gradient(const NativeKernel& kernel, const ConvShape& shape, const T* errors, const T* input,
                     const Semantics& semantics, float* result);

}  // namespace precsim::kernels::native
