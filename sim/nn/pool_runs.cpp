// Max and average pooling of runs of pixels, forward and backward.
#include <vector>

#include "sim/nn/pool.hpp"
#include "sim/nn/vectorized.hpp"

namespace precsim::nn {
namespace {

/// Calls f(pixel of the input, place in the window) for what of the window of output pixel p is in the image.
template <class F>
PRECSIM_IN_VECTORIZED inline void for_window(const PoolShape& s, std::int64_t p, F f) {
  const std::int64_t row = p / s.out.w;
  const std::int64_t top = row % s.out.h * s.stride - s.pad;
  const std::int64_t left = p % s.out.w * s.stride - s.pad;
  const std::int64_t image = row / s.out.h * s.in.h;
  for (std::int64_t y = top < 0 ? 0 : top; y < top + s.rows && y < s.in.h; ++y) {
    for (std::int64_t x = left < 0 ? 0 : left; x < left + s.columns && x < s.in.w; ++x) {
      f((image + y) * s.in.w + x, (y - top) * s.columns + (x - left));
    }
  }
}

/// The first window along one side that holds position `at`.
PRECSIM_IN_VECTORIZED inline std::int64_t first_window(std::int64_t at, std::int64_t size, std::int64_t stride) {
  return at < size ? 0 : (at - size) / stride + 1;
}

/// Calls f(pixel of the output, place of the input pixel in its window) for the windows that hold input pixel p.
template <class F>
PRECSIM_IN_VECTORIZED inline void for_windows_of(const PoolShape& s, std::int64_t p, F f) {
  const std::int64_t row = p / s.in.w;
  const std::int64_t y = row % s.in.h + s.pad;
  const std::int64_t x = p % s.in.w + s.pad;
  const std::int64_t image = row / s.in.h * s.out.h;
  for (std::int64_t h = first_window(y, s.rows, s.stride); h < s.out.h && h * s.stride <= y; ++h) {
    for (std::int64_t w = first_window(x, s.columns, s.stride); w < s.out.w && w * s.stride <= x; ++w) {
      f((image + h) * s.out.w + w, (y - h * s.stride) * s.columns + (x - w * s.stride));
    }
  }
}

PRECSIM_IN_VECTORIZED inline std::int64_t lesser(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}

/// One over the places of the window of output pixel p in the image and its border.
PRECSIM_IN_VECTORIZED inline float share(const PoolShape& s, std::int64_t p) {
  const std::int64_t h = p / s.out.w % s.out.h;
  const std::int64_t w = p % s.out.w;
  return 1.0f / static_cast<float>(lesser(s.rows, s.in.h + 2 * s.pad - h * s.stride) *
                                   lesser(s.columns, s.in.w + 2 * s.pad - w * s.stride));
}

PRECSIM_IN_VECTORIZED inline void take_larger(const float* x, std::int32_t place, std::int64_t channels, float* y,
                                              std::int32_t* winners) {
#pragma omp simd
  for (std::int64_t c = 0; c < channels; ++c) {
    const bool larger = x[c] > y[c];
    y[c] = larger ? x[c] : y[c];
    winners[c] = larger ? place : winners[c];
  }
}

PRECSIM_IN_VECTORIZED inline void max_window(const PoolShape& shape, const float* x, std::int64_t p, float* y,
                                             std::int32_t* places) {
  const std::int64_t channels = shape.in.c;
  bool begun = false;
  for_window(shape, p, [&](std::int64_t pixel, std::int64_t place) PRECSIM_IN_VECTORIZED {
    const float* from = x + pixel * channels;
    if (begun) {
      take_larger(from, static_cast<std::int32_t>(place), channels, y, places);
      return;
    }
    begun = true;
    for (std::int64_t c = 0; c < channels; ++c) {
      y[c] = from[c];
      places[c] = static_cast<std::int32_t>(place);
    }
  });
}

PRECSIM_IN_VECTORIZED inline void average_window(const PoolShape& shape, const float* x, std::int64_t p, float* y) {
  const std::int64_t channels = shape.in.c;
  for (std::int64_t c = 0; c < channels; ++c) {
    y[c] = 0;
  }
  for_window(shape, p, [&](std::int64_t pixel, std::int64_t) PRECSIM_IN_VECTORIZED {
    const float* from = x + pixel * channels;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      y[c] += from[c];
    }
  });
  const float factor = share(shape, p);
  for (std::int64_t c = 0; c < channels; ++c) {
    y[c] *= factor;
  }
}

/// dx = the sum of term(window, place, channel) over the windows that hold input pixel p.
template <class Term>
PRECSIM_IN_VECTORIZED inline void gather(const PoolShape& shape, std::int64_t p, float* dx, Term term) {
  const std::int64_t channels = shape.in.c;
  for (std::int64_t c = 0; c < channels; ++c) {
    dx[c] = 0;
  }
  for_windows_of(shape, p, [&](std::int64_t window, std::int64_t place) PRECSIM_IN_VECTORIZED {
    const auto of_window = term(window, place);
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      dx[c] += of_window(c);
    }
  });
}

}  // namespace

void max_pool_run(const PoolShape& shape, const float* x, std::int64_t first, std::int64_t count, float* y,
                  std::uint8_t* winners) {
  const std::int64_t channels = shape.in.c;
  std::vector<std::int32_t> scratch(static_cast<std::size_t>(channels));
  std::int32_t* places = scratch.data();
  vectorized([=, &shape]() PRECSIM_IN_VECTORIZED {
    for (std::int64_t i = 0; i < count; ++i) {
      max_window(shape, x, first + i, y + i * channels, places);
      for (std::int64_t c = 0; c < channels; ++c) {
        winners[i * channels + c] = static_cast<std::uint8_t>(places[c]);
      }
    }
  });
}

void average_pool_run(const PoolShape& shape, const float* x, std::int64_t first, std::int64_t count, float* y) {
  vectorized([=, &shape]() PRECSIM_IN_VECTORIZED {
    for (std::int64_t i = 0; i < count; ++i) {
      average_window(shape, x, first + i, y + i * shape.in.c);
    }
  });
}

void max_pool_gradient_run(const PoolShape& shape, const float* dy, const std::uint8_t* winners, std::int64_t first,
                           std::int64_t count, float* dx) {
  const std::int64_t channels = shape.in.c;
  vectorized([=, &shape]() PRECSIM_IN_VECTORIZED {
    for (std::int64_t i = 0; i < count; ++i) {
      gather(shape, first + i, dx + i * channels, [=](std::int64_t window, std::int64_t place) PRECSIM_IN_VECTORIZED {
        const float* gradient = dy + window * channels;
        const std::uint8_t* winner = winners + window * channels;
        const auto wanted = static_cast<std::uint8_t>(place);
        return [=](std::int64_t c) PRECSIM_IN_VECTORIZED { return winner[c] == wanted ? gradient[c] : 0.0f; };
      });
    }
  });
}

void average_pool_gradient_run(const PoolShape& shape, const float* dy, std::int64_t first, std::int64_t count,
                               float* dx) {
  const std::int64_t channels = shape.in.c;
  vectorized([=, &shape]() PRECSIM_IN_VECTORIZED {
    for (std::int64_t i = 0; i < count; ++i) {
      gather(shape, first + i, dx + i * channels, [=, &shape](std::int64_t window, std::int64_t) PRECSIM_IN_VECTORIZED {
        const float* gradient = dy + window * channels;
        const float factor = share(shape, window);
        return [=](std::int64_t c) PRECSIM_IN_VECTORIZED { return gradient[c] * factor; };
      });
    }
  });
}

}  // namespace precsim::nn
