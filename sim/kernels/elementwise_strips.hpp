// The element-wise kernels that keep something of every channel in registers: strips of channels, pixel after pixel.
#pragma once

#include "sim/kernels/elementwise_body.hpp"

namespace precsim::kernels::elementwise_body {

struct Affine {
  const float *x, *scale, *shift;
  float* y;

  template <int bytes>
  struct State {
    typename Lanes<bytes>::Floats scale, shift;
  };
  template <int bytes>
  PRECSIM_INLINE void begin(std::int64_t c, State<bytes>& state) const {
    load(scale + c, state.scale);
    load(shift + c, state.shift);
  }
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, State<bytes>& state) const {
    typename Lanes<bytes>::Floats value;
    prefetch(x + i);
    load(x + i, value);
    store(y + i, value * state.scale + state.shift);
  }
  template <int bytes>
  PRECSIM_INLINE void end(std::int64_t, const State<bytes>&) const {}
};

struct AddBias {
  const float* bias;
  float* x;

  template <int bytes>
  struct State {
    typename Lanes<bytes>::Floats bias;
  };
  template <int bytes>
  PRECSIM_INLINE void begin(std::int64_t c, State<bytes>& state) const {
    load(bias + c, state.bias);
  }
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, State<bytes>& state) const {
    typename Lanes<bytes>::Floats value;
    load(x + i, value);
    store(x + i, value + state.bias);
  }
  template <int bytes>
  PRECSIM_INLINE void end(std::int64_t, const State<bytes>&) const {}
};

template <class Gradient>
struct BatchNormGradient {
  BatchNormTerms terms;
  const float* x;
  Gradient g;
  float* dx;

  template <int bytes>
  struct State {
    typename Lanes<bytes>::Floats mean, inv_std, scale, mean_gradient, mean_product;
  };
  template <int bytes>
  PRECSIM_INLINE void begin(std::int64_t c, State<bytes>& state) const {
    load(terms.mean + c, state.mean);
    load(terms.inv_std + c, state.inv_std);
    load(terms.scale + c, state.scale);
    load(terms.mean_gradient + c, state.mean_gradient);
    load(terms.mean_product + c, state.mean_product);
  }
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, State<bytes>& state) const {
    typename Lanes<bytes>::Floats value, gradient;
    prefetch(x + i);
    load(x + i, value);
    g.template at<bytes>(i, gradient);
    const auto xhat = (value - state.mean) * state.inv_std;
    store(dx + i, state.scale * ((gradient - state.mean_gradient) - xhat * state.mean_product));
  }
  template <int bytes>
  PRECSIM_INLINE void end(std::int64_t, const State<bytes>&) const {}
};

struct Sum {
  const float* x;
  float* sums;

  template <int bytes>
  struct State {
    typename Lanes<bytes>::Floats sum;
  };
  template <int bytes>
  PRECSIM_INLINE void begin(std::int64_t c, State<bytes>& state) const {
    load(sums + c, state.sum);
  }
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, State<bytes>& state) const {
    typename Lanes<bytes>::Floats value;
    load(x + i, value);
    state.sum = state.sum + value;
  }
  template <int bytes>
  PRECSIM_INLINE void end(std::int64_t c, const State<bytes>& state) const {
    store(sums + c, state.sum);
  }
};

struct Statistics {
  const float* x;
  StatisticsPartials partials;

  template <int bytes>
  struct State {
    typename Lanes<bytes>::Floats sum, squares, min, max;
  };
  template <int bytes>
  PRECSIM_INLINE void begin(std::int64_t c, State<bytes>& state) const {
    load(partials.sums + c, state.sum);
    load(partials.squares + c, state.squares);
    load(partials.min + c, state.min);
    load(partials.max + c, state.max);
  }
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, State<bytes>& state) const {
    typename Lanes<bytes>::Floats value;
    load(x + i, value);
    state.sum = state.sum + value;
    state.squares = state.squares + value * value;
    state.min = value < state.min ? value : state.min;
    state.max = value > state.max ? value : state.max;
  }
  template <int bytes>
  PRECSIM_INLINE void end(std::int64_t c, const State<bytes>& state) const {
    store(partials.sums + c, state.sum);
    store(partials.squares + c, state.squares);
    store(partials.min + c, state.min);
    store(partials.max + c, state.max);
  }
};

template <class Gradient>
struct GradientSums {
  BatchNormTerms terms;
  const float* x;
  Gradient g;
  float *sums, *products, *largest;

  template <int bytes>
  struct State {
    typename Lanes<bytes>::Floats mean, inv_std, sum, products, largest;
  };
  template <int bytes>
  PRECSIM_INLINE void begin(std::int64_t c, State<bytes>& state) const {
    load(terms.mean + c, state.mean);
    load(terms.inv_std + c, state.inv_std);
    load(sums + c, state.sum);
    load(products + c, state.products);
    load(largest + c, state.largest);
  }
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, State<bytes>& state) const {
    typename Lanes<bytes>::Floats value, gradient;
    prefetch(x + i);
    load(x + i, value);
    g.template at<bytes>(i, gradient);
    state.sum = state.sum + gradient;
    state.products = state.products + gradient * ((value - state.mean) * state.inv_std);
    const typename Lanes<bytes>::Floats magnitude = gradient < 0 ? -gradient : gradient;
    state.largest = magnitude > state.largest ? magnitude : state.largest;
  }
  template <int bytes>
  PRECSIM_INLINE void end(std::int64_t c, const State<bytes>& state) const {
    store(sums + c, state.sum);
    store(products + c, state.products);
    store(largest + c, state.largest);
  }
};

/// `vectors` vectors of channels from `first` on.
template <int bytes, int vectors, class Step>
PRECSIM_INLINE void over_strip(const PixelRun& run, std::int64_t first, const Step& step) {
  constexpr int width = Lanes<bytes>::count;
  typename Step::template State<bytes> states[vectors];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    step.template begin<bytes>(first + v * width, states[v]);
  }
  for (std::int64_t p = 0; p < run.pixels; ++p) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      step.template at<bytes>(p * run.distance + first + v * width, states[v]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) {
    step.template end<bytes>(first + v * width, states[v]);
  }
}

template <int bytes, class Step>
PRECSIM_INLINE void over_rest_of_channels(const PixelRun& run, std::int64_t done, const Step& step) {
  constexpr int width = Lanes<bytes>::count;
  for (; done + width <= run.channels; done += width) {
    over_strip<bytes, 1>(run, done, step);
  }
  if constexpr (bytes > 4) {
    if (done < run.channels) {
      over_rest_of_channels<bytes / 2>(run, done, step);
    }
  }
}

template <int bytes, class Step>
PRECSIM_INLINE void over_strips(const PixelRun& run, const Step& step) {
  constexpr int vectors = bytes == 64 ? 4 : 2;
  constexpr int width = vectors * Lanes<bytes>::count;
  std::int64_t done = 0;
  for (; done + width <= run.channels; done += width) {
    over_strip<bytes, vectors>(run, done, step);
  }
  over_rest_of_channels<bytes>(run, done, step);
}

/// Step<Gradient>{terms, x, g, to...} over a run.
template <int bytes, template <class> class Step, class... To>
PRECSIM_INLINE void over_masked_strips(const PixelRun& run, const BatchNormTerms& terms, const float* x,
                                       const MaskedNumbers& g, To... to) {
  if (g.codes != nullptr) {
    over_strips<bytes>(run, Step<MaskedByCodes>{terms, x, {g.numbers, g.codes}, to...});
  } else if (g.values != nullptr) {
    over_strips<bytes>(run, Step<MaskedByValues>{terms, x, {g.numbers, g.values}, to...});
  } else {
    over_strips<bytes>(run, Step<Plain>{terms, x, {g.numbers}, to...});
  }
}

}  // namespace precsim::kernels::elementwise_body
