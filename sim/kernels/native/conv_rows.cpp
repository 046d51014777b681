// Forward products and input gradients as tiles: rows are pixels, lanes channels, the weights in panels.
#include <omp.h>

#include <algorithm>

#include "sim/kernels/native/conv_passes.hpp"
#include "sim/kernels/native/conv_weights.hpp"
#include "sim/kernels/native/windows.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

constexpr std::int64_t rows_per_block = 448;
constexpr std::int64_t most_block_steps = 2304;

/// Taps of a window in the order of the reduction: products [begin, begin + count) lie from (y, x) of the window on.
struct TapRun {
  std::int64_t begin, count, y, x;
};

/// Rows that share windows and taps; row i of the result lies where `result` says.
struct RowSet {
  Windows windows;
  std::vector<TapRun> taps;
  std::int64_t length = 0;  ///< products
  /// Element of window (image, y, x): start + image * image_step + y * line_step + x * pixel_step.
  std::int64_t start = 0, image_step = 0, line_step = 0, pixel_step = 0;

  std::int64_t result(std::int64_t image, std::int64_t line, std::int64_t column) const {
    return start + image * image_step + line * line_step + column * pixel_step;
  }
};

template <class T>
class RowProduct {
 public:
  RowProduct(const NativeKernel& kernel, const Semantics& semantics, const T* tensor, const Weights& weights,
             const RowSet& set, float* result, EpilogueRun* epilogue)
      : kernel_(kernel),
        semantics_(semantics),
        tensor_(tensor),
        weights_(weights),
        set_(set),
        result_(result),
        epilogue_(epilogue) {}

  void run() const {
    const std::int64_t rows = set_.windows.count();
    const std::int64_t panels = weights_.group_panels();
#pragma omp parallel if (worth_threads(rows * weights_.columns))
    {
      const std::int64_t parts = omp_get_num_threads();
      const std::int64_t part = omp_get_thread_num();
      const std::int64_t units = (rows + row_unit - 1) / row_unit;
      if (units >= 4 * parts || panels < parts * kernel_.panels) {
        run_part(std::min(rows, units * part / parts * row_unit), std::min(rows, units * (part + 1) / parts * row_unit),
                 0, panels);
      } else {
        run_part(0, rows, panels * part / parts, panels * (part + 1) / parts);
      }
    }
  }

 private:
  static constexpr std::int64_t row_unit = pixels_per_block;
  static constexpr std::int64_t per_step = products_per_step<T>;

  void run_part(std::int64_t first, std::int64_t last, std::int64_t first_panel, std::int64_t last_panel) const {
    if (set_.taps.empty()) {
      return first_panel == 0 ? fill_zeros(first, last) : void();
    }
    WindowBlock<T> block(set_.windows, tensor_, WindowUse::rows, scratch().windows);
    const auto blocks = cut(block);
    std::vector<RowRun> runs;
    std::vector<std::int64_t> panel_starts;
    for (std::int64_t panel = 0; panel < weights_.group_panels(); ++panel) {
      panel_starts.push_back(panel * weights_.panel_words);
    }
    for (std::int64_t row = first; row < last; row += rows_per_block) {
      const std::int64_t end = std::min(row + rows_per_block, last);
      runs.clear();
      for (const WindowRun& run : block.take(row, end)) {
        append_run(runs, {run.count, run.start / per_step, block.column() / per_step,
                          set_.result(run.image, run.line, run.column), set_.pixel_step});
      }
      const std::vector<MemoryRange> read_next = block.read_next(end, std::min(end + rows_per_block, last));
      Tiling tiling;
      set_semantics<T>(tiling, kernel_, semantics_);
      tiling.runs = runs;
      tiling.panel_starts = panel_starts;
      tiling.columns = weights_.columns;
      for (std::int64_t group = 0; group < set_.windows.groups; ++group) {
        tiling.words = reinterpret_cast<const Word*>(block.data() + group * block.channels());
        tiling.panels = weights_.group(group);
        tiling.result = result_ + group * weights_.columns;
        run_blocks(tiling, blocks, first_panel, last_panel, group == 0 ? read_next : std::vector<MemoryRange>());
        if (epilogue_ != nullptr) {
          const std::int64_t channel = group * weights_.columns;
          epilogue_->apply(row, end, channel + first_panel * panel_lanes,
                           channel + std::min(weights_.columns, last_panel * panel_lanes));
        }
      }
    }
  }

  std::vector<std::vector<Segment>> cut(const WindowBlock<T>& block) const {
    std::vector<Stretch> stretches;
    for (const TapRun& run : set_.taps) {
      const std::int64_t row = (run.y * block.line() + run.x * block.pixel()) / per_step;
      Stretch* const before = stretches.empty() ? nullptr : &stretches.back();
      if (before != nullptr && before->begin + before->count == run.begin &&
          before->row + before->count / per_step == row) {
        before->count += run.count;  // neighbors in memory as in the reduction
      } else {
        stretches.push_back({run.begin, run.count, row});
      }
    }
    const std::int64_t steps = set_.length / per_step;
    const std::int64_t blocks = (steps + most_block_steps - 1) / most_block_steps;
    return cut_reduction<T>(stretches, set_.length, semantics_.chain, (steps + blocks - 1) / blocks);
  }

  /// As many panels at a time as the first-level cache holds; of those all before the next rows, so that results are
  /// written line by line.
  void run_blocks(Tiling& tiling, std::span<const std::vector<Segment>> blocks, std::int64_t first_panel,
                  std::int64_t last_panel, std::span<const MemoryRange> read_next) const {
    const std::int64_t rows = tiling.rows();
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      tiling.blocks = blocks.subspan(b, 1);
      tiling.begins = b == 0;
      tiling.ends = b + 1 == blocks.size();
      const std::int64_t steps = blocks[b].back().panel + blocks[b].back().steps - blocks[b].front().panel;
      const std::int64_t pairs = std::max<std::int64_t>(1, cached_panel_words / (steps * panel_lanes * kernel_.panels));
      for (std::int64_t panel = first_panel; panel < last_panel; panel += pairs * kernel_.panels) {
        const std::int64_t end = std::min(panel + pairs * kernel_.panels, last_panel);
        native::run_rows(tiling, 0, rows, panel, end, read_next);
        read_next = {};
      }
    }
  }

  void fill_zeros(std::int64_t first, std::int64_t last) const {
    const Windows& windows = set_.windows;
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t line = row / windows.columns;
      const std::int64_t at = set_.result(line / windows.lines, line % windows.lines, row % windows.columns);
      std::fill_n(result_ + at, windows.groups * weights_.columns, 0.0f);
    }
  }

  const NativeKernel& kernel_;
  const Semantics& semantics_;
  const T* tensor_;
  const Weights& weights_;
  const RowSet& set_;
  float* result_;
  EpilogueRun* epilogue_;
};

}  // namespace

template <class T>
void forward(const NativeKernel& kernel, const ConvShape& shape, const T* input, const T* weights,
             const Semantics& semantics, float* result, const Epilogue& epilogue) {
  constexpr std::int64_t per_step = products_per_step<T>;
  RowSet set;
  set.windows = input_windows(shape);
  const std::int64_t channels = (shape.group_ic() + per_step - 1) / per_step * per_step;
  for (std::int64_t tap = 0; tap < shape.kh * shape.kw; ++tap) {
    set.taps.push_back({tap * channels, channels, tap / shape.kw, tap % shape.kw});
  }
  set.length = shape.kh * shape.kw * channels;
  set.pixel_step = shape.oc;
  set.line_step = shape.out_w() * shape.oc;
  set.image_step = shape.out_h() * set.line_step;
  const Weights packed = pack_weights(kernel, shape, weights);
  EpilogueRun run(kernel, epilogue, set.windows.count(), shape.oc, result);
  RowProduct<T>(kernel, semantics, input, packed, set, result, epilogue.is_empty() ? nullptr : &run).run();
  run.join();
}

template <class T>
void input_gradient(const NativeKernel& kernel, const ConvShape& shape, const T* errors, const T* weights,
                    const Semantics& semantics, float* result) {
  constexpr std::int64_t per_step = products_per_step<T>;
  const std::int64_t channels = (shape.group_oc() + per_step - 1) / per_step * per_step;
  const Weights packed = pack_weights_transposed(kernel, shape, weights);
  const std::int64_t stride = shape.stride;
  for (const GradientWindows& gradient : gradient_windows(shape)) {
    RowSet set;
    set.windows = gradient.windows;
    for (std::int64_t kh = gradient.rest_h; kh < shape.kh; kh += stride) {
      for (std::int64_t kw = gradient.rest_w; kw < shape.kw; kw += stride) {
        set.taps.push_back({(kh * shape.kw + kw) * channels, channels, set.windows.height - 1 - kh / stride,
                            set.windows.width - 1 - kw / stride});
      }
    }
    set.length = shape.kh * shape.kw * channels;
    set.start = (gradient.first_h * shape.w + gradient.first_w) * shape.ic;
    set.image_step = shape.h * shape.w * shape.ic;
    set.line_step = stride * shape.w * shape.ic;
    set.pixel_step = stride * shape.ic;
    RowProduct<T>(kernel, semantics, errors, packed, set, result, nullptr).run();
  }
}

template void forward(const NativeKernel&, const ConvShape&, const std::int16_t*, const std::int16_t*, const Semantics&,
                      float*, const Epilogue&);
template void forward(const NativeKernel&, const ConvShape&, const float*, const float*, const Semantics&, float*,
                      const Epilogue&);
template void input_gradient(const NativeKernel&, const ConvShape&, const std::int16_t*, const std::int16_t*,
                             const Semantics&, float*);
template void input_gradient(const NativeKernel&, const ConvShape&, const float*, const float*, const Semantics&,
                             float*);

}  // namespace precsim::kernels::native
