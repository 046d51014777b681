// The element-wise kernels of local response normalization: sums over neighboring channels, pixel after pixel.
#pragma once

#include "sim/kernels/elementwise_body.hpp"

namespace precsim::kernels::elementwise_body {

/// sums[c] = +0 + terms[c] + ... + terms[c + size - 1].
PRECSIM_INLINE void sum_neighbors(std::int64_t size, std::int64_t channels, const float* terms, float* sums) {
#pragma omp simd
  for (std::int64_t c = 0; c < channels; ++c) {
    sums[c] = 0.0f + terms[c];
  }
  for (std::int64_t shift = 1; shift < size; ++shift) {
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      sums[c] += terms[c + shift];
    }
  }
}

/// One pixel after another; the terms of a pixel lie between `size / 2` zeros on either side.
struct Lrn {
  LrnRule rule;
  std::int64_t channels;
  float* scratch;
  std::int64_t half = rule.size / 2;
  float alpha = rule.alpha / static_cast<float>(rule.size);
  float *padded = scratch, *terms = padded + half, *sums = terms + channels + half, *bases = sums + channels,
        *factors = bases + channels;

  PRECSIM_INLINE void clear_borders() const {
    for (std::int64_t i = 0; i < half; ++i) {
      padded[i] = 0;
      terms[channels + i] = 0;
    }
  }
  PRECSIM_INLINE void form_factors(const float* x) const {
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      terms[c] = x[c] * x[c];
    }
    sum_neighbors(rule.size, channels, padded, sums);
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      bases[c] = rule.k + alpha * sums[c];
      const float root = __builtin_sqrtf(bases[c]);
      factors[c] = 1.0f / (root * __builtin_sqrtf(root));
    }
  }
  PRECSIM_INLINE void normalize(const float* x, float* y) const {
    form_factors(x);
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      y[c] = x[c] * factors[c];
    }
  }
  PRECSIM_INLINE void gradient(const float* x, const float* dy, float* dx) const {
    form_factors(x);
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      terms[c] = (dy[c] * (x[c] * factors[c])) / bases[c];
    }
    sum_neighbors(rule.size, channels, padded, sums);
    const float slope = 1.5f * alpha;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      dx[c] = dy[c] * factors[c] - (slope * x[c]) * sums[c];
    }
  }
};

PRECSIM_INLINE void lrn(const LrnRule& rule, const PixelRun& run, const float* x, float* scratch, float* y) {
  const Lrn step{rule, run.channels, scratch};
  step.clear_borders();
  for (std::int64_t p = 0; p < run.pixels; ++p) {
    step.normalize(x + p * run.distance, y + p * run.distance);
  }
}
PRECSIM_INLINE void lrn_gradient(const LrnRule& rule, const PixelRun& run, const float* x, const float* dy,
                                 float* scratch, float* dx) {
  const Lrn step{rule, run.channels, scratch};
  step.clear_borders();
  for (std::int64_t p = 0; p < run.pixels; ++p) {
    step.gradient(x + p * run.distance, dy + p * run.distance, dx + p * run.distance);
  }
}

}  // namespace precsim::kernels::elementwise_body
