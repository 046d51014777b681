// Convolutions as tiles.
#include "sim/kernels/native/conv.hpp"

#include <omp.h>

#include <algorithm>

#include "sim/kernels/native/geometry.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

/// Weights (oc, taps, ic) of a group as panels over oc, k = (tap, ic).
template <class T>
void pack_weights(const T* weights, std::int64_t oc, std::int64_t length, Word* panels) {
  const std::int64_t steps = length / products_per_step<T>;
  const std::int64_t count = padded_columns(oc) / panel_lanes;
#pragma omp parallel for schedule(static) if (worth_threads(oc * length))
  for (std::int64_t panel = 0; panel < count; ++panel) {
    const Word* rows[panel_lanes];
    for (std::int64_t j = 0; j < panel_lanes; ++j) {
      const std::int64_t row = panel * panel_lanes + j;
      rows[j] = row < oc ? reinterpret_cast<const Word*>(weights + row * length) : nullptr;
    }
    pack_rows(rows, steps, panels + panel * steps * panel_lanes);
  }
}

/// The same as panels over ic, k = (tap, oc).
template <class T>
void pack_weights_transposed(const T* weights, std::int64_t oc, std::int64_t taps, std::int64_t ic, Word* panels) {
  constexpr std::int64_t per_step = products_per_step<T>;
  const std::int64_t tap_steps = (oc + per_step - 1) / per_step;
  const std::int64_t count = padded_columns(ic) / panel_lanes;
  const auto line = [&](std::int64_t o, std::int64_t tap, std::int64_t c) {
    return o < oc ? weights + (o * taps + tap) * ic + c : nullptr;
  };
#pragma omp parallel for schedule(static) if (worth_threads(oc * taps * ic))
  for (std::int64_t panel = 0; panel < count; ++panel) {
    const std::int64_t c = panel * panel_lanes;
    const std::int64_t lanes = std::min<std::int64_t>(panel_lanes, ic - c);
    Word* to = panels + panel * taps * tap_steps * panel_lanes;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      for (std::int64_t s = 0; s < tap_steps; ++s, to += panel_lanes) {
        if constexpr (per_step == 2) {
          pack_step(line(2 * s, tap, c), line(2 * s + 1, tap, c), lanes, to);
        } else {
          pack_step(line(s, tap, c), lanes, to);
        }
      }
    }
  }
}

/// Rows read in place, weights in panels [group][panel].
template <class T>
void run_rows(const NativeKernel& kernel, const Rows<T>& rows, const Word* panels, std::int64_t groups,
              std::int64_t columns, const Semantics& semantics, float* result) {
  const std::int64_t panel_words = rows.length / products_per_step<T> * panel_lanes;
  const std::int64_t group_panels = padded_columns(columns) / panel_lanes;
  Tiling tiling;
  set_semantics<T>(tiling, kernel, semantics);
  tiling.panel_words = panel_words;
  tiling.columns = columns;
  for (const RowSet& set : rows.sets) {
    if (set.stretches.empty()) {
      for (const std::int64_t start : set.result_starts) {
        std::fill_n(result + start, groups * columns, 0.0f);
      }
      continue;
    }
    const auto blocks = cut_reduction<T>(set.stretches, rows.length, semantics.chain);
    tiling.row_starts = set.row_starts;
    tiling.result_starts = set.result_starts;
    tiling.blocks = blocks;
    for (std::int64_t group = 0; group < groups; ++group) {
      tiling.panels = panels + group * group_panels * panel_words;
      tiling.words = rows.words(group);
      tiling.result = result + group * columns;
      run_split(tiling);
    }
  }
}

template <class T>
void forward(const NativeKernel& kernel, const ConvShape& shape, const T* input, const T* weights,
             const Semantics& semantics, float* result) {
  const Rows<T> rows = forward_rows(shape, input);
  const Bordered<T> even_weights = add_border(weights, 1, 1, shape.oc * shape.kh * shape.kw, 1, shape.group_ic(),
                                              {0, 0, 0, 0}, !std::is_same_v<T, float>);
  const std::int64_t group_words = padded_columns(shape.group_oc()) * rows.length / products_per_step<T>;
  WordBuffer panels(shape.groups * group_words);
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    pack_weights(even_weights.data + group * shape.group_oc() * rows.length, shape.group_oc(), rows.length,
                 panels.data() + group * group_words);
  }
  run_rows(kernel, rows, panels.data(), shape.groups, shape.group_oc(), semantics, result);
}

template <class T>
void input_gradient(const NativeKernel& kernel, const ConvShape& shape, const T* errors, const T* weights,
                    const Semantics& semantics, float* result) {
  const Rows<T> rows = input_gradient_rows(shape, errors);
  const std::int64_t taps = shape.kh * shape.kw;
  const std::int64_t group_words = padded_columns(shape.group_ic()) * rows.length / products_per_step<T>;
  WordBuffer panels(shape.groups * group_words);
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    pack_weights_transposed(weights + group * shape.group_oc() * taps * shape.group_ic(), shape.group_oc(), taps,
                            shape.group_ic(), panels.data() + group * group_words);
  }
  run_rows(kernel, rows, panels.data(), shape.groups, shape.group_ic(), semantics, result);
}

/// Rows are output channels, lanes input channels of one tap, k the pixels: both sides are packed block by block.
template <class T>
class WeightGradient {
 public:
  WeightGradient(const NativeKernel& kernel, const ConvShape& shape, const T* errors, const T* input,
                 const Semantics& semantics, float* result)
      : kernel_(kernel),
        shape_(shape),
        errors_(errors),
        input_(input),
        semantics_(semantics),
        result_(result),
        pixels_(shape.n * shape.out_h() * shape.out_w()),
        length_((pixels_ + per_step - 1) / per_step * per_step) {
    const Stretch whole[] = {{0, length_, 0}};
    blocks_ = cut_reduction<T>(whole, length_, semantics.chain);
    for (std::vector<Segment>& block : blocks_) {
      const std::int64_t first = block.front().panel;
      std::int64_t steps = 0;
      for (Segment& segment : block) {
        segment.panel -= first;
        segment.row = segment.panel * panel_lanes;
        steps = segment.panel + segment.all_steps();
      }
      first_step_.push_back(first);
      steps_.push_back(steps);
    }
    most_steps_ = *std::max_element(steps_.begin(), steps_.end());
  }

  void run() {
    const std::int64_t lane_panels = padded_columns(shape_.group_ic()) / panel_lanes;
    const std::int64_t pairs = (lane_panels + kernel_.panels - 1) / kernel_.panels;
    const std::int64_t tasks = shape_.kh * shape_.kw * pairs;
#pragma omp parallel if (worth_threads(pixels_ * shape_.oc))
    {
      const std::int64_t parts = omp_get_num_threads();
      const std::int64_t part = omp_get_thread_num();
      for (std::int64_t group = 0; group < shape_.groups; ++group) {
        run_tasks(group, tasks * part / parts, tasks * (part + 1) / parts, pairs, lane_panels);
      }
    }
  }

 private:
  static constexpr std::int64_t per_step = products_per_step<T>;

  void pack_line(const T* base, std::int64_t low, std::int64_t high, std::int64_t lanes, Word* to) const {
    if constexpr (per_step == 2) {
      pack_step(low < 0 ? nullptr : base + low, high < 0 ? nullptr : base + high, lanes, to);
    } else {
      pack_step(low < 0 ? nullptr : base + low, lanes, to);
    }
  }

  void pack_errors(std::int64_t group, std::int64_t first, std::int64_t steps, Word* to) const {
    for (std::int64_t c = 0; c < shape_.group_oc(); c += panel_lanes) {
      const std::int64_t lanes = std::min<std::int64_t>(panel_lanes, shape_.group_oc() - c);
      const T* base = errors_ + group * shape_.group_oc() + c;
      for (std::int64_t s = 0; s < steps; ++s, to += panel_lanes) {
        const std::int64_t p = (first + s) * per_step;
        pack_line(base, p < pixels_ ? p * shape_.oc : -1, p + 1 < pixels_ ? (p + 1) * shape_.oc : -1, lanes, to);
      }
    }
  }

  void pack_input(std::int64_t group, std::int64_t tap, std::int64_t c, std::int64_t first, std::int64_t steps,
                  Word* to) const {
    const PixelLines lines(shape_, tap);
    const T* base = input_ + group * shape_.group_ic() + c;
    const std::int64_t lanes = std::min<std::int64_t>(panel_lanes, shape_.group_ic() - c);
    for (std::int64_t s = 0; s < steps; ++s, to += panel_lanes) {
      const std::int64_t p = (first + s) * per_step;
      pack_line(base, lines(p), lines(p + 1), lanes, to);
    }
  }

  void run_tasks(std::int64_t group, std::int64_t begin, std::int64_t end, std::int64_t pairs,
                 std::int64_t lane_panels) {
    if (begin == end) {
      return;
    }
    const std::int64_t row_panels = padded_columns(shape_.group_oc()) / panel_lanes;
    WordBuffer rows(row_panels * most_steps_ * panel_lanes);
    WordBuffer lanes(kernel_.panels * most_steps_ * panel_lanes);
    std::vector<std::int64_t> row_starts(static_cast<std::size_t>(shape_.group_oc()));
    std::vector<std::int64_t> result_starts(row_starts.size());
    const std::int64_t taps = shape_.kh * shape_.kw;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const std::int64_t steps = steps_[b];
      pack_errors(group, first_step_[b], steps, rows.data());
      for (std::size_t oc = 0; oc < row_starts.size(); ++oc) {
        const auto row = static_cast<std::int64_t>(oc);
        row_starts[oc] = row / panel_lanes * steps * panel_lanes + row % panel_lanes;
        result_starts[oc] = (group * shape_.group_oc() + row) * taps * shape_.group_ic();
      }
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t tap = task / pairs;
        const std::int64_t panel = task % pairs * kernel_.panels;
        const std::int64_t panels = std::min<std::int64_t>(kernel_.panels, lane_panels - panel);
        for (std::int64_t i = 0; i < panels; ++i) {
          pack_input(group, tap, (panel + i) * panel_lanes, first_step_[b], steps,
                     lanes.data() + i * steps * panel_lanes);
        }
        Tiling tiling;
        set_semantics<T>(tiling, kernel_, semantics_);
        tiling.words = rows.data();
        tiling.row_starts = row_starts;
        tiling.row_step = panel_lanes;
        tiling.panels = lanes.data();
        tiling.panel_words = steps * panel_lanes;
        tiling.columns = std::min<std::int64_t>(panels * panel_lanes, shape_.group_ic() - panel * panel_lanes);
        tiling.blocks = {&blocks_[b], 1};
        tiling.result = result_ + tap * shape_.group_ic() + panel * panel_lanes;
        tiling.result_starts = result_starts;
        tiling.begins = b == 0;
        tiling.ends = b + 1 == blocks_.size();
        run_tiles(tiling, 0, shape_.group_oc(), 0, panels);
      }
    }
  }

  const NativeKernel& kernel_;
  const ConvShape& shape_;
  const T* errors_;
  const T* input_;
  Semantics semantics_;
  float* result_;
  std::int64_t pixels_, length_;
  std::vector<std::vector<Segment>> blocks_;
  std::vector<std::int64_t> first_step_, steps_;
  std::int64_t most_steps_ = 0;
};

}  // namespace

template <class T>
void convolve(const NativeKernel& kernel, const ConvShape& shape, Pass pass, const T* left, const T* right,
              const Semantics& semantics, float* result) {
  switch (pass) {
    case Pass::forward:
      return forward(kernel, shape, left, right, semantics, result);
    case Pass::input_gradient:
      return input_gradient(kernel, shape, left, right, semantics, result);
    case Pass::weight_gradient:
      return WeightGradient<T>(kernel, shape, left, right, semantics, result).run();
  }
}

template void convolve(const NativeKernel&, const ConvShape&, Pass, const std::int16_t*, const std::int16_t*,
                       const Semantics&, float*);
template void convolve(const NativeKernel&, const ConvShape&, Pass, const float*, const float*, const Semantics&,
                       float*);

}  // namespace precsim::kernels::native
