// The loops of the statistics kernels, inlined into one function per instruction set.
#pragma once

#include <cstdint>
#include <cstring>

#include "formats/array_lanes.hpp"
#include "formats/statistics_kernel.hpp"

namespace precsim::formats::statistics_body {

using array_body::load;
using array_body::store;

template <int bytes>
struct Lanes {
  using Doubles __attribute__((vector_size(bytes))) = double;
  using Longs __attribute__((vector_size(bytes))) = std::int64_t;
  using Floats __attribute__((vector_size(bytes / 2))) = float;
  using Bins __attribute__((vector_size(bytes / 4))) = std::uint16_t;
  static constexpr int count = bytes / 8;
};

template <int bytes>
PRECSIM_INLINE void widen(const float* from, typename Lanes<bytes>::Doubles& to) {
  typename Lanes<bytes>::Floats narrow;
  load(from, narrow);
  to = __builtin_convertvector(narrow, typename Lanes<bytes>::Doubles);
}

template <class V>
PRECSIM_INLINE void absolute(const V& x, V& out) {
  out = x < 0 ? -x : x;
}

PRECSIM_INLINE double join(const double* lane) {
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/// The exponent field of doubles, and all ones where it is not 0: where an FP32 number is not 0. Arithmetic, because
/// g++ 12 takes comparisons of wide vectors apart where their results are values.
template <int bytes>
PRECSIM_INLINE void field_of(const typename Lanes<bytes>::Doubles& x, typename Lanes<bytes>::Longs& field,
                             typename Lanes<bytes>::Longs& nonzero) {
  field = (reinterpret_cast<typename Lanes<bytes>::Longs>(x) >> 52) & 0x7ff;
  nonzero = -field >> 63;
}

/// Lanes `first` to first + Lanes<bytes>::count of a run.
template <int bytes>
PRECSIM_INLINE void reference_lanes(const float* x, std::int64_t count, int first, double* sum, double* min,
                                    double* max, std::uint16_t* bins) {
  using Doubles = typename Lanes<bytes>::Doubles;
  constexpr std::int64_t below_smallest = 1023 - 149 - 1;  // the field of 2^-149 is one more
  typename Lanes<bytes>::Longs field, nonzero;
  Doubles at, low, high, total{};
  widen<bytes>(x + first, low);
  high = low;
  for (std::int64_t j = first; j < count; j += statistics_lanes) {
    widen<bytes>(x + j, at);
    total += at;
    low = at < low ? at : low;
    high = at > high ? at : high;
    field_of<bytes>(at, field, nonzero);
    store(bins + j, __builtin_convertvector((field - below_smallest) & nonzero, typename Lanes<bytes>::Bins));
  }
  store(sum + first, total);
  store(min + first, low);
  store(max + first, high);
}

template <int bytes>
PRECSIM_INLINE void reference(const float* x, std::int64_t count, ReferenceRun& run) {
  double sum[statistics_lanes], min[statistics_lanes], max[statistics_lanes];
  for (int first = 0; first < statistics_lanes; first += Lanes<bytes>::count) {
    reference_lanes<bytes>(x, count, first, sum, min, max, run.bins.data());
  }
  run.sum = join(sum);
  run.min = min[0];
  run.max = max[0];
  for (int lane = 1; lane < statistics_lanes; ++lane) {
    run.min = min[lane] < run.min ? min[lane] : run.min;
    run.max = max[lane] > run.max ? max[lane] : run.max;
  }
  std::uint16_t counts[magnitude_bins][statistics_lanes];
  std::memset(counts, 0, sizeof counts);
  const std::uint16_t* bins = run.bins.data();
  for (std::int64_t j = 0; j < count; j += statistics_lanes) {
    for (int lane = 0; lane < statistics_lanes; ++lane) {
      ++counts[bins[j + lane]][lane];
    }
  }
  for (int b = 0; b < magnitude_bins; ++b) {
    unsigned total = 0;
    for (int lane = 0; lane < statistics_lanes; ++lane) {
      total += counts[b][lane];
    }
    run.counts.data()[b] = static_cast<std::uint16_t>(total);
  }
}

template <int bytes>
PRECSIM_INLINE double deviation(const float* x, std::int64_t count, double center) {
  using Doubles = typename Lanes<bytes>::Doubles;
  double squares[statistics_lanes];
  for (int first = 0; first < statistics_lanes; first += Lanes<bytes>::count) {
    Doubles at, total{};
    for (std::int64_t j = first; j < count; j += statistics_lanes) {
      widen<bytes>(x + j, at);
      at -= center;
      total += at * at;
    }
    store(squares + first, total);
  }
  return join(squares);
}

/// The lanes of each sum of an ErrorRun.
struct ErrorLanes {
  double signal[statistics_lanes], converted[statistics_lanes], product[statistics_lanes], noise[statistics_lanes],
      error[statistics_lanes], max_abs[statistics_lanes], max_relative[statistics_lanes];
  std::int64_t flushed[statistics_lanes];
  double relative[magnitude_bins][statistics_lanes];
};

template <int bytes>
PRECSIM_INLINE void error_lanes(const float* x_of_run, const float* y_of_run, std::int64_t count, int first,
                                const std::uint16_t* bins, ErrorLanes& lanes) {
  using Doubles = typename Lanes<bytes>::Doubles;
  using Longs = typename Lanes<bytes>::Longs;
  constexpr int width = Lanes<bytes>::count;
  Doubles x, y, size;
  Doubles signal{}, converted{}, product{}, noise{}, sum{}, max_abs{}, max_relative{};
  Longs field, x_nonzero, y_nonzero, flushed{};
  for (std::int64_t j = first; j < count; j += statistics_lanes) {
    widen<bytes>(x_of_run + j, x);
    widen<bytes>(y_of_run + j, y);
    const Doubles error = y - x;
    signal += x * x;
    converted += y * y;
    product += x * y;
    noise += error * error;
    sum += error;
    absolute(error, size);
    max_abs = size > max_abs ? size : max_abs;
    field_of<bytes>(x, field, x_nonzero);
    field_of<bytes>(y, field, y_nonzero);
    flushed -= x_nonzero & ~y_nonzero;
    Doubles relative = reinterpret_cast<Doubles>(reinterpret_cast<Longs>(error / x) & x_nonzero);
    absolute(relative, size);
    max_relative = size > max_relative ? size : max_relative;
    relative *= relative;
    for (int lane = 0; lane < width; ++lane) {
      lanes.relative[bins[j + lane]][first + lane] += relative[lane];
    }
  }
  store(lanes.signal + first, signal);
  store(lanes.converted + first, converted);
  store(lanes.product + first, product);
  store(lanes.noise + first, noise);
  store(lanes.error + first, sum);
  store(lanes.max_abs + first, max_abs);
  store(lanes.max_relative + first, max_relative);
  store(lanes.flushed + first, flushed);
}

template <int bytes>
PRECSIM_INLINE void errors(const float* x, const float* y, std::int64_t count, const ReferenceRun& reference,
                           ErrorRun& run) {
  ErrorLanes lanes;
  const std::uint16_t* counts = reference.counts.data();
  int low = 0, high = magnitude_bins - 1;
  for (; low < high && counts[low] == 0; ++low) {
  }
  for (; high > low && counts[high] == 0; --high) {
  }
  std::memset(lanes.relative[0], 0, sizeof lanes.relative[0]);  // of places that hold no element of the run
  std::memset(lanes.relative[low], 0, static_cast<std::size_t>(high - low + 1) * sizeof lanes.relative[0]);
  for (int first = 0; first < statistics_lanes; first += Lanes<bytes>::count) {
    error_lanes<bytes>(x, y, count, first, reference.bins.data(), lanes);
  }
  run.signal = join(lanes.signal);
  run.converted = join(lanes.converted);
  run.product = join(lanes.product);
  run.noise = join(lanes.noise);
  run.error = join(lanes.error);
  run.max_abs = run.max_relative = 0;
  run.flushed = 0;
  for (int lane = 0; lane < statistics_lanes; ++lane) {
    run.max_abs = lanes.max_abs[lane] > run.max_abs ? lanes.max_abs[lane] : run.max_abs;
    run.max_relative = lanes.max_relative[lane] > run.max_relative ? lanes.max_relative[lane] : run.max_relative;
    run.flushed += static_cast<std::uint64_t>(lanes.flushed[lane]);
  }
  for (int b = low; b <= high; ++b) {
    run.relative.data()[b] = join(lanes.relative[b]);
  }
}

template <int bytes>
PRECSIM_INLINE BlockPart block(const float* x_of_part, const float* y_of_part, std::int64_t count) {
  using Doubles = typename Lanes<bytes>::Doubles;
  const std::int64_t whole = count & ~std::int64_t{statistics_lanes - 1};
  float rest_x[statistics_lanes] = {}, rest_y[statistics_lanes] = {};
  if (whole != count) {
    std::memcpy(rest_x, x_of_part + whole, static_cast<std::size_t>(count - whole) * sizeof *rest_x);
    std::memcpy(rest_y, y_of_part + whole, static_cast<std::size_t>(count - whole) * sizeof *rest_y);
  }
  double signals[statistics_lanes], noises[statistics_lanes], sizes[statistics_lanes];
  for (int first = 0; first < statistics_lanes; first += Lanes<bytes>::count) {
    Doubles x, y, size, signal{}, noise{}, max_abs{};
    const auto add = [&](const float* from_x, const float* from_y) __attribute__((always_inline)) {
      widen<bytes>(from_x, x);
      widen<bytes>(from_y, y);
      const Doubles error = y - x;
      signal += x * x;
      noise += error * error;
      absolute(error, size);
      max_abs = size > max_abs ? size : max_abs;
    };
    for (std::int64_t j = first; j < whole; j += statistics_lanes) {
      add(x_of_part + j, y_of_part + j);
    }
    add(rest_x + first, rest_y + first);
    store(signals + first, signal);
    store(noises + first, noise);
    store(sizes + first, max_abs);
  }
  double largest = 0;
  for (int lane = 0; lane < statistics_lanes; ++lane) {
    largest = sizes[lane] > largest ? sizes[lane] : largest;
  }
  return {join(signals), join(noises), largest};
}

}  // namespace precsim::formats::statistics_body

/// Defines the functions of one row; `attribute` selects the instruction set, whose vectors have `bytes` bytes.
#define PRECSIM_STATISTICS_FUNCTIONS(attribute, bytes)                                                          \
  attribute void reference(const float* x, std::int64_t n, ReferenceRun& run) {                                 \
    statistics_body::reference<bytes>(x, n, run);                                                               \
  }                                                                                                             \
  attribute double deviation(const float* x, std::int64_t n, double center) {                                   \
    return statistics_body::deviation<bytes>(x, n, center);                                                     \
  }                                                                                                             \
  attribute void errors(const float* x, const float* y, std::int64_t n, const ReferenceRun& r, ErrorRun& run) { \
    statistics_body::errors<bytes>(x, y, n, r, run);                                                            \
  }                                                                                                             \
  attribute BlockPart block(const float* x, const float* y, std::int64_t n) {                                   \
    return statistics_body::block<bytes>(x, y, n);                                                              \
  }
