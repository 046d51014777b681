// Convolutions by pass.
#include "sim/kernels/native/conv.hpp"

#include "sim/kernels/native/conv_passes.hpp"

namespace precsim::kernels::native {

Scratch& scratch() {
  static thread_local Scratch of_thread;
  return of_thread;
}

namespace {

/// What patches see is packed for every pixel and tap where it is lanes, once where it is rows, but then the result is
/// transposed: worth it from this many pixels for an output channel on. A single tap has nothing to share, and slices
/// of narrow groups little.
bool rows_are_patches(const ConvShape& shape) {
  constexpr std::int64_t least_pixels = 16;
  return shape.groups == 1 && shape.kh * shape.kw > 1 &&
         shape.n * shape.out_h() * shape.out_w() >= least_pixels * shape.oc;
}

}  // namespace

template <class T>
void convolve(const NativeKernel& kernel, const ConvShape& shape, Pass pass, const T* left, const T* right,
              const Semantics& semantics, float* result, const Epilogue& epilogue) {
  switch (pass) {
    case Pass::forward:
      return forward(kernel, shape, left, right, semantics, result, epilogue);
    case Pass::input_gradient:
      return input_gradient(kernel, shape, left, right, semantics, result);
    case Pass::weight_gradient:
      if (rows_are_patches(shape)) {
        return window_gradient(kernel, shape, left, right, semantics, result);
      }
      return weight_gradient(kernel, shape, left, right, semantics, result);
  }
}

template void convolve(const NativeKernel&, const ConvShape&, Pass, const std::int16_t*, const std::int16_t*,
                       const Semantics&, float*, const Epilogue&);
template void convolve(const NativeKernel&, const ConvShape&, Pass, const float*, const float*, const Semantics&,
                       float*, const Epilogue&);

}  // namespace precsim::kernels::native
