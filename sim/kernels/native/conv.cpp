// Convolutions by pass.
#include "sim/kernels/native/conv.hpp"

#include "sim/kernels/native/conv_passes.hpp"

namespace precsim::kernels::native {

Scratch& scratch() {
  static thread_local Scratch of_thread;
  return of_thread;
}

template <class T>
void convolve(const NativeKernel& kernel, const ConvShape& shape, Pass pass, const T* left, const T* right,
              const Semantics& semantics, float* result, const Epilogue& epilogue) {
  switch (pass) {
    case Pass::forward:
      return forward(kernel, shape, left, right, semantics, result, epilogue);
    case Pass::input_gradient:
      return input_gradient(kernel, shape, left, right, semantics, result);
    case Pass::weight_gradient:
      return weight_gradient(kernel, shape, left, right, semantics, result);
  }
}

template void convolve(const NativeKernel&, const ConvShape&, Pass, const std::int16_t*, const std::int16_t*,
                       const Semantics&, float*, const Epilogue&);
template void convolve(const NativeKernel&, const ConvShape&, Pass, const float*, const float*, const Semantics&,
                       float*, const Epilogue&);

}  // namespace precsim::kernels::native
