// The element-wise kernels over windows: strips of channels in registers, all places of a window, pixel after pixel.
#pragma once

#include "sim/kernels/elementwise_body.hpp"

namespace precsim::kernels::elementwise_body {

template <int bytes>
PRECSIM_INLINE void narrow(const typename Lanes<bytes>::Ints& wide, typename Lanes<bytes>::Bytes& narrow) {
  narrow = __builtin_convertvector(__builtin_convertvector(wide, typename Lanes<bytes>::Halves),
                                   typename Lanes<bytes>::Bytes);
}
template <int bytes>
PRECSIM_INLINE void widen(const typename Lanes<bytes>::Bytes& narrow, typename Lanes<bytes>::Ints& wide) {
  wide = __builtin_convertvector(__builtin_convertvector(narrow, typename Lanes<bytes>::Halves),
                                 typename Lanes<bytes>::Ints);
}

struct WindowMaximum {
  const float* x;
  std::int32_t first_place;
  float* y;
  std::uint8_t* winners;

  template <int bytes>
  struct State {
    typename Lanes<bytes>::Floats most;
    typename Lanes<bytes>::Ints winner;
  };
  template <int bytes>
  PRECSIM_INLINE void begin(std::int64_t i, State<bytes>& state) const {
    load(x + i, state.most);
    state.winner = typename Lanes<bytes>::Ints{} + first_place;
  }
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, std::int32_t place, State<bytes>& state) const {
    typename Lanes<bytes>::Floats value;
    load(x + i, value);
    const typename Lanes<bytes>::Ints higher = value > state.most;
    state.most = higher ? value : state.most;
    state.winner = higher ? typename Lanes<bytes>::Ints{} + place : state.winner;
  }
  template <int bytes>
  PRECSIM_INLINE void end(std::int64_t i, const State<bytes>& state) const {
    typename Lanes<bytes>::Bytes winner;
    narrow<bytes>(state.winner, winner);
    store(y + i, state.most);
    store(winners + i, winner);
  }
};

struct WindowSum {
  const float* x;
  float* y;

  template <int bytes>
  struct State {
    typename Lanes<bytes>::Floats sum;
  };
  template <int bytes>
  PRECSIM_INLINE void begin(std::int64_t, State<bytes>& state) const {
    state.sum = typename Lanes<bytes>::Floats{};
  }
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, std::int32_t, State<bytes>& state) const {
    typename Lanes<bytes>::Floats value;
    load(x + i, value);
    state.sum = state.sum + value;
  }
  template <int bytes>
  PRECSIM_INLINE void end(std::int64_t i, const State<bytes>& state) const {
    store(y + i, state.sum);
  }
};

struct WinnerSum {
  const float* dy;
  const std::uint8_t* winners;
  float* dx;

  template <int bytes>
  struct State {
    typename Lanes<bytes>::Floats sum;
  };
  template <int bytes>
  PRECSIM_INLINE void begin(std::int64_t, State<bytes>& state) const {
    state.sum = typename Lanes<bytes>::Floats{};
  }
  template <int bytes>
  PRECSIM_INLINE void at(std::int64_t i, std::int32_t place, State<bytes>& state) const {
    typename Lanes<bytes>::Floats gradient;
    typename Lanes<bytes>::Bytes winner;
    typename Lanes<bytes>::Ints wide;
    load(dy + i, gradient);
    load(winners + i, winner);
    widen<bytes>(winner, wide);
    const typename Lanes<bytes>::Ints won = wide == place;
    state.sum = state.sum + (won ? gradient : typename Lanes<bytes>::Floats{});
  }
  template <int bytes>
  PRECSIM_INLINE void end(std::int64_t i, const State<bytes>& state) const {
    store(dx + i, state.sum);
  }
};

/// `vectors` vectors of channels from `first` on. `single`: one tap each.
template <int bytes, int vectors, bool single, class Step>
PRECSIM_INLINE void over_window_strip(const WindowRun& run, std::int64_t first, const Step& step) {
  constexpr int width = Lanes<bytes>::count;
  const std::int64_t rows = single ? 1 : run.rows;
  const std::int64_t columns = single ? 1 : run.columns;
  for (std::int64_t p = 0; p < run.pixels; ++p) {
    typename Step::template State<bytes> states[vectors];
    std::int64_t line = p * run.advance + first;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      step.template begin<bytes>(line + v * width, states[v]);
    }
    std::int32_t first_of_line = run.place;
    for (std::int64_t row = 0; row < rows; ++row, line += run.row_distance, first_of_line += run.row_places) {
      std::int32_t place = first_of_line;
      std::int64_t at = line;
      for (std::int64_t j = 0; j < columns; ++j, at += run.column_distance, place += run.column_places) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
          step.template at<bytes>(at + v * width, place, states[v]);
        }
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      step.template end<bytes>(p * run.distance + first + v * width, states[v]);
    }
  }
}

/// The last vector ends with the last channel, over what the one before it has done.
template <int bytes, bool single, class Step>
PRECSIM_INLINE void over_window_channels(const WindowRun& run, const Step& step) {
  constexpr int width = Lanes<bytes>::count;
  if constexpr (bytes > 4) {
    if (run.channels < width) {
      over_window_channels<bytes / 2, single>(run, step);
      return;
    }
  }
  constexpr int vectors = bytes == 64 ? 4 : 2;
  std::int64_t done = 0;
  for (; done + vectors * width <= run.channels; done += vectors * width) {
    over_window_strip<bytes, vectors, single>(run, done, step);
  }
  for (; done < run.channels; done += width) {
    over_window_strip<bytes, 1, single>(run, done + width <= run.channels ? done : run.channels - width, step);
  }
}

template <int bytes, class Step>
PRECSIM_INLINE void over_windows(const WindowRun& run, const Step& step) {
  if (run.rows == 1 && run.columns == 1) {
    over_window_channels<bytes, true>(run, step);
  } else {
    over_window_channels<bytes, false>(run, step);
  }
}

}  // namespace precsim::kernels::elementwise_body
