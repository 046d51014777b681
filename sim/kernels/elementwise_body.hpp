// The loops of the element-wise kernels, inlined into one function per instruction set.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "sim/kernels/elementwise.hpp"

#define PRECSIM_INLINE inline __attribute__((always_inline))

namespace precsim::kernels::elementwise_body {

/// Vectors of `bytes` bytes, passed by reference only: by value, their calling convention would depend on the caller.
template <int bytes>
struct Lanes {
  using Floats __attribute__((vector_size(bytes))) = float;
  using Ints __attribute__((vector_size(bytes))) = std::int32_t;
  using Words __attribute__((vector_size(bytes))) = std::uint32_t;
  using Halves __attribute__((vector_size(bytes / 2))) = std::int16_t;
  using Bytes __attribute__((vector_size(bytes / 4))) = std::uint8_t;
  static constexpr int count = bytes / 4;
};

template <class V>
PRECSIM_INLINE void load(const void* from, V& to) {
  std::memcpy(&to, from, sizeof to);
}
template <class V>
PRECSIM_INLINE void store(void* to, const V& from) {
  std::memcpy(to, &from, sizeof from);
}

/// Asks for what lies a run ahead in a stream; the address may lie beyond the array.
template <class T>
PRECSIM_INLINE void prefetch(const T* stream) {
  constexpr std::uintptr_t ahead = 4096 * sizeof(T);
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(stream) + ahead));
}

/// step.at<size>() for the elements first + done to first + count - 1, by vectors of at most `bytes` bytes.
template <int bytes, class Step>
PRECSIM_INLINE void over_rest(std::int64_t first, std::int64_t done, std::int64_t count, Step& step) {
  for (; done + Lanes<bytes>::count <= count; done += Lanes<bytes>::count) {
    step.template at<bytes>(first + done);
  }
  if constexpr (bytes > 4) {
    if (done < count) {
      over_rest<bytes / 2>(first, done, count, step);
    }
  }
}
template <int bytes, class Step>
PRECSIM_INLINE void over_pixels(const PixelRun& run, Step& step) {
  if (run.distance == run.channels) {
    over_rest<bytes>(0, 0, run.pixels * run.channels, step);
    return;
  }
  for (std::int64_t p = 0; p < run.pixels; ++p) {
    over_rest<bytes>(p * run.distance, 0, run.channels, step);
  }
}

struct Scale {
  float factor;
  float* x;
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i) {
    typename Lanes<bytes>::Floats value;
    load(x + i, value);
    store(x + i, value * factor);
  }
};

struct Rectify {
  const float* x;
  float* y;
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i) {
    typename Lanes<bytes>::Floats value;
    const typename Lanes<bytes>::Floats zero{};
    load(x + i, value);
    store(y + i, value > zero ? value : zero);
  }
};

struct Add {
  const float *a, *b;
  float* y;
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i) {
    typename Lanes<bytes>::Floats left, right;
    load(a + i, left);
    load(b + i, right);
    store(y + i, left + right);
  }
};

/// Numbers without a mask.
struct Plain {
  const float* numbers;
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, typename Lanes<bytes>::Floats& out) const {
    prefetch(numbers + i);
    load(numbers + i, out);
  }
};

struct MaskedByCodes {
  const float* numbers;
  const std::int16_t* codes;
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, typename Lanes<bytes>::Floats& out) const {
    typename Lanes<bytes>::Halves code;
    prefetch(numbers + i);
    prefetch(codes + i);
    load(codes + i, code);
    load(numbers + i, out);
    const auto wide = __builtin_convertvector(code, typename Lanes<bytes>::Ints);
    out = wide > 0 ? out : typename Lanes<bytes>::Floats{};
  }
};

struct MaskedByValues {
  const float *numbers, *values;
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, typename Lanes<bytes>::Floats& out) const {
    typename Lanes<bytes>::Floats value;
    const typename Lanes<bytes>::Floats zero{};
    prefetch(numbers + i);
    prefetch(values + i);
    load(values + i, value);
    load(numbers + i, out);
    out = value > zero ? out : zero;
  }
};

template <class Numbers>
struct Mask {
  Numbers x;
  float* y;
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i) {
    typename Lanes<bytes>::Floats value;
    x.template at<bytes>(i, value);
    store(y + i, value);
  }
};
template <int bytes>
PRECSIM_INLINE void mask(std::int64_t count, const MaskedNumbers& x, float* y) {
  if (x.codes != nullptr) {
    Mask<MaskedByCodes> step{{x.numbers, x.codes}, y};
    over_rest<bytes>(0, 0, count, step);
  } else if (x.values != nullptr) {
    Mask<MaskedByValues> step{{x.numbers, x.values}, y};
    over_rest<bytes>(0, 0, count, step);
  } else if (x.numbers != y) {
    std::memmove(y, x.numbers, static_cast<std::size_t>(count) * sizeof *y);
  }
}

/// Magnitudes as bits: they are ordered like the numbers, with infinity and NaN above.
template <int bytes>
struct Magnitude {
  typename Lanes<bytes>::Words most{};

  template <int part, class V>
  PRECSIM_INLINE void join(const V& x) {
    auto magnitude = reinterpret_cast<typename Lanes<part>::Words>(x) & 0x7fffffffu;
    if constexpr (part == bytes) {
      most = most > magnitude ? most : magnitude;
    } else {
      for (int j = 0; j < Lanes<part>::count; ++j) {
        most[j] = most[j] > magnitude[j] ? most[j] : magnitude[j];
      }
    }
  }
  PRECSIM_INLINE float largest() const {
    std::uint32_t result = 0;
    for (int j = 0; j < Lanes<bytes>::count; ++j) {
      result = result > most[j] ? result : most[j];
    }
    return std::bit_cast<float>(result);
  }
};

template <int width>
struct Absmax {
  const float* x;
  Magnitude<width> most{};
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i) {
    typename Lanes<bytes>::Floats value;
    load(x + i, value);
    most.template join<bytes>(value);
  }
};

/// A factor of 2^-e instead of a division by 2^e: both are the same number, rounded once.
template <int width>
struct Sgd {
  SgdRule rule;
  const float* gradient;
  float *velocity, *weights;
  bool is_power_of_two = (std::bit_cast<std::uint32_t>(rule.loss_scale) & 0x7fffffu) == 0;
  float reciprocal = 1 / rule.loss_scale;
  Magnitude<width> largest_gradient{}, largest_weight{};

  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i) {
    typename Lanes<bytes>::Floats g, v, w;
    load(gradient + i, g);
    load(weights + i, w);
    g = is_power_of_two ? g * reciprocal : g / rule.loss_scale;
    if (rule.weight_decay != 0) {
      g = g + rule.weight_decay * w;
    }
    v = g;
    if (rule.momentum != 0) {
      load(velocity + i, v);
      v = rule.momentum * v + g;
      store(velocity + i, v);
      if (rule.nesterov) {
        v = g + rule.momentum * v;
      }
    }
    w = w - rule.lr * v;
    store(weights + i, w);
    largest_gradient.template join<bytes>(g);
    largest_weight.template join<bytes>(w);
  }
};

}  // namespace precsim::kernels::elementwise_body
