// The element-wise kernels of every instruction set.
#include "sim/kernels/elementwise.hpp"

#include "sim/kernels/elementwise_body.hpp"
#include "sim/kernels/elementwise_lrn.hpp"
#include "sim/kernels/elementwise_strips.hpp"
#include "sim/kernels/elementwise_windows.hpp"

namespace precsim::kernels {
namespace {

#define PRECSIM_ELEMENTWISE_FUNCTIONS(attribute, bytes)                                                           \
  attribute void affine(const PixelRun& run, const float* x, const float* scale, const float* shift, float* y) {  \
    elementwise_body::over_strips<bytes>(run, elementwise_body::Affine{x, scale, shift, y});                      \
  }                                                                                                               \
  attribute void scale(const PixelRun& run, float factor, float* x) {                                             \
    elementwise_body::Scale step{factor, x};                                                                      \
    elementwise_body::over_pixels<bytes>(run, step);                                                              \
  }                                                                                                               \
  attribute void add_bias(const PixelRun& run, const float* bias, float* x) {                                     \
    elementwise_body::over_strips<bytes>(run, elementwise_body::AddBias{bias, x});                                \
  }                                                                                                               \
  attribute void batch_norm_gradient(const PixelRun& run, const BatchNormTerms& terms, const float* x,            \
                                     const MaskedNumbers& g, float* dx) {                                         \
    elementwise_body::over_masked_strips<bytes, elementwise_body::BatchNormGradient>(run, terms, x, g, dx);       \
  }                                                                                                               \
  attribute void rectify(std::int64_t count, const float* x, float* y) {                                          \
    elementwise_body::Rectify step{x, y};                                                                         \
    elementwise_body::over_rest<bytes>(0, 0, count, step);                                                        \
  }                                                                                                               \
  attribute void add(std::int64_t count, const float* a, const float* b, float* y) {                              \
    elementwise_body::Add step{a, b, y};                                                                          \
    elementwise_body::over_rest<bytes>(0, 0, count, step);                                                        \
  }                                                                                                               \
  attribute void mask(std::int64_t count, const MaskedNumbers& x, float* y) {                                     \
    elementwise_body::mask<bytes>(count, x, y);                                                                   \
  }                                                                                                               \
  attribute void window_maximum(const WindowRun& run, const float* x, float* y, std::uint8_t* winners) {          \
    elementwise_body::over_windows<bytes>(run, elementwise_body::WindowMaximum{x, run.place, y, winners});        \
  }                                                                                                               \
  attribute void window_sum(const WindowRun& run, const float* x, float* y) {                                     \
    elementwise_body::over_windows<bytes>(run, elementwise_body::WindowSum{x, y});                                \
  }                                                                                                               \
  attribute void winner_sum(const WindowRun& run, const float* dy, const std::uint8_t* winners, float* dx) {      \
    elementwise_body::over_windows<bytes>(run, elementwise_body::WinnerSum{dy, winners, dx});                     \
  }                                                                                                               \
  attribute void lrn(const LrnRule& rule, const PixelRun& run, const float* x, float* scratch, float* y) {        \
    elementwise_body::lrn(rule, run, x, scratch, y);                                                              \
  }                                                                                                               \
  attribute void lrn_gradient(const LrnRule& rule, const PixelRun& run, const float* x, const float* dy,          \
                              float* scratch, float* dx) {                                                        \
    elementwise_body::lrn_gradient(rule, run, x, dy, scratch, dx);                                                \
  }                                                                                                               \
  attribute void sum(const PixelRun& run, const float* x, float* sums) {                                          \
    elementwise_body::over_strips<bytes>(run, elementwise_body::Sum{x, sums});                                    \
  }                                                                                                               \
  attribute void statistics(const PixelRun& run, const float* x, const StatisticsPartials& partials) {            \
    elementwise_body::over_strips<bytes>(run, elementwise_body::Statistics{x, partials});                         \
  }                                                                                                               \
  attribute void gradient_sums(const PixelRun& run, const BatchNormTerms& terms, const float* x,                  \
                               const MaskedNumbers& g, float* sums, float* products, float* largest) {            \
    elementwise_body::over_masked_strips<bytes, elementwise_body::GradientSums>(run, terms, x, g, sums, products, \
                                                                                largest);                         \
  }                                                                                                               \
  attribute float absmax(const PixelRun& run, const float* x) {                                                   \
    elementwise_body::Absmax<bytes> step{x};                                                                      \
    elementwise_body::over_pixels<bytes>(run, step);                                                              \
    return step.most.largest();                                                                                   \
  }                                                                                                               \
  attribute SgdExtent sgd(const SgdRule& rule, std::int64_t count, const float* gradient, float* velocity,        \
                          float* weights) {                                                                       \
    elementwise_body::Sgd<bytes> step{rule, gradient, velocity, weights};                                         \
    elementwise_body::over_rest<bytes>(0, 0, count, step);                                                        \
    return {step.largest_gradient.largest(), step.largest_weight.largest()};                                      \
  }

#if defined(__x86_64__)
namespace avx512 {
PRECSIM_ELEMENTWISE_FUNCTIONS(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), 64)
}
namespace avx2 {
PRECSIM_ELEMENTWISE_FUNCTIONS(__attribute__((target("avx2,fma"))), 32)
}
#endif
namespace portable {
PRECSIM_ELEMENTWISE_FUNCTIONS(, 16)
}

#define PRECSIM_ELEMENTWISE_ROW(isa)                                                                                   \
  {                                                                                                                    \
    isa::affine, isa::scale, isa::add_bias, isa::batch_norm_gradient, isa::rectify, isa::add, isa::mask,               \
        isa::window_maximum, isa::window_sum, isa::winner_sum, isa::lrn, isa::lrn_gradient, isa::sum, isa::statistics, \
        isa::gradient_sums, isa::absmax, isa::sgd                                                                      \
  }

}  // namespace

namespace elementwise {
#if defined(__x86_64__)
constexpr ElementwiseKernel avx512 = PRECSIM_ELEMENTWISE_ROW(kernels::avx512);
constexpr ElementwiseKernel avx2 = PRECSIM_ELEMENTWISE_ROW(kernels::avx2);
#endif
constexpr ElementwiseKernel portable = PRECSIM_ELEMENTWISE_ROW(kernels::portable);
}  // namespace elementwise

}  // namespace precsim::kernels
