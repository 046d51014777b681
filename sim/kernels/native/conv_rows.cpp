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

/// The chains of a tap, and the block of the tap that each is of.
struct TapChain {
  std::int64_t chain, block;
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

/// A product whose rows are windows of a tensor and whose lanes are the channels of packed weights.
template <class T>
struct RowProduct {
  const NativeKernel& kernel;
  const Semantics& semantics;
  const T* tensor;
  const Weights& weights;
  RowSet set;
  float* result;
  EpilogueRun* epilogue = nullptr;
};

/// What one of `parts` threads forms of a product: rows of all panels, or, where there are few of them, panels of all.
template <class T>
class RowPart {
 public:
  RowPart(const RowProduct<T>& product, std::int64_t part, std::int64_t parts)
      : product_(product), block_(product.set.windows, product.tensor, WindowUse::rows, scratch().windows) {
    const std::int64_t rows = product.set.windows.count();
    const std::int64_t units = (rows + row_unit - 1) / row_unit;
    const std::int64_t panels = product.weights.group_panels();
    last_row_ = rows;
    last_panel_ = panels;
    if (units >= 4 * parts || panels < parts * product.kernel.panels) {
      first_row_ = std::min(rows, units * part / parts * row_unit);
      last_row_ = std::min(rows, units * (part + 1) / parts * row_unit);
    } else {
      first_panel_ = panels * part / parts;
      last_panel_ = panels * (part + 1) / parts;
    }
    for (std::int64_t panel = 0; panel < panels; ++panel) {
      panel_starts_.push_back(panel * product.weights.panel_words);
    }
    if (!product.set.taps.empty()) {
      cut();
    }
    if (product.semantics.blocks != nullptr) {
      list_chains(*product.semantics.blocks);
    }
  }

  std::int64_t slices() const { return (last_row_ - first_row_ + rows_per_block - 1) / rows_per_block; }

  /// The rows of slice i of n.
  void run(std::int64_t i, std::int64_t n) {
    const std::int64_t first = slice_begin(i, n);
    const std::int64_t last = slice_begin(i + 1, n);
    if (first == last || first_panel_ == last_panel_) {
      return;
    }
    if (product_.set.taps.empty()) {
      return first_panel_ == 0 ? fill_zeros(first, last) : void();
    }
    take(first, last);
    std::vector<MemoryRange> read_next =
        block_.read_next(last, std::min(last + rows_per_block, slice_begin(std::min(i + 2, n), n)));
    for (std::int64_t group = 0; group < product_.set.windows.groups; ++group) {
      if (product_.semantics.blocks != nullptr) {
        fill_factors(*product_.semantics.blocks, group, first, last);
      }
      run_group(group, read_next);
      read_next.clear();
      if (product_.epilogue != nullptr) {
        const std::int64_t columns = product_.weights.columns;
        product_.epilogue->apply(first, last, group * columns + first_panel_ * panel_lanes,
                                 group * columns + std::min(columns, last_panel_ * panel_lanes));
      }
    }
  }

 private:
  static constexpr std::int64_t row_unit = pixels_per_block;
  static constexpr std::int64_t per_step = products_per_step<T>;

  std::int64_t slice_begin(std::int64_t i, std::int64_t n) const {
    const std::int64_t units = (last_row_ - first_row_ + row_unit - 1) / row_unit;
    return std::min(last_row_, first_row_ + units * i / n * row_unit);
  }

  void cut() {
    const RowSet& set = product_.set;
    std::vector<Stretch> stretches;
    for (const TapRun& run : set.taps) {
      const std::int64_t row = (run.y * block_.line() + run.x * block_.pixel()) / per_step;
      Stretch* const before = stretches.empty() ? nullptr : &stretches.back();
      if (before != nullptr && before->begin + before->count == run.begin &&
          before->row + before->count / per_step == row) {
        before->count += run.count;  // neighbors in memory as in the reduction
      } else {
        stretches.push_back({run.begin, run.count, row});
      }
    }
    const std::int64_t steps = set.length / per_step;
    const std::int64_t blocks = (steps + most_block_steps - 1) / most_block_steps;
    const std::int64_t block_steps = (steps + blocks - 1) / blocks;
    if (product_.semantics.blocks == nullptr) {
      segments_ = cut_reduction<T>(stretches, set.length, product_.semantics.chain, block_steps);
      return;
    }
    std::vector<std::int64_t> ends;
    for (const arith::Chain& chain : product_.semantics.blocks->chains) {
      ends.push_back(chain.end);
    }
    segments_ = cut_segments(stretches, ends, per_step, block_steps);
  }

  void list_chains(const BlockedSpills& blocks) {
    for (const TapRun& run : product_.set.taps) {
      std::vector<TapChain>& of_tap = tap_chains_.emplace_back();
      for (std::size_t c = 0; c < blocks.chains.size() && blocks.row_blocks > 0; ++c) {
        const arith::Chain& chain = blocks.chains[c];
        if (chain.begin >= run.begin && chain.begin < run.begin + run.count) {
          of_tap.push_back({static_cast<std::int64_t>(c), chain.block_a % blocks.row_blocks});
        }
      }
    }
  }

  /// What scales the chains of windows [first, last).
  void fill_factors(const BlockedSpills& blocks, std::int64_t group, std::int64_t first, std::int64_t last) {
    const auto chains = static_cast<std::int64_t>(blocks.chains.size());
    factors_.resize(static_cast<std::size_t>((last - first) * chains));
    if (blocks.row_blocks == 0) {
      std::fill(factors_.begin(), factors_.end(), *blocks.row_factors);
      return;
    }
    const Windows& windows = product_.set.windows;
    for (std::int64_t row = first, end; row < last; row = end) {
      end = std::min(last, (row / windows.columns + 1) * windows.columns);
      fill_line(blocks, group, row, end, factors_.data() + (row - first) * chains);
    }
  }

  /// The same of windows of one line.
  void fill_line(const BlockedSpills& blocks, std::int64_t group, std::int64_t first, std::int64_t last,
                 float* to) const {
    const Windows& w = product_.set.windows;
    const auto chains = static_cast<std::int64_t>(blocks.chains.size());
    const std::int64_t line = first / w.columns;
    const std::int64_t column = first % w.columns;
    for (std::size_t tap = 0; tap < tap_chains_.size(); ++tap) {
      const TapRun& run = product_.set.taps[tap];
      const std::int64_t y = line % w.lines * w.stride - w.top + run.y;
      const std::int64_t x = column * w.stride - w.left + run.x;
      // Windows [begin, end) see a pixel.
      const std::int64_t begin = x >= 0 ? 0 : std::min(last - first, (-x + w.stride - 1) / w.stride);
      const std::int64_t end =
          y < 0 || y >= w.h || x >= w.w ? begin : std::clamp((w.w - x + w.stride - 1) / w.stride, begin, last - first);
      const std::int64_t step = w.stride * w.groups * blocks.row_blocks;
      const float* const pixels = blocks.row_factors + group * blocks.row_blocks;
      const std::int64_t start = ((line / w.lines * w.h + y) * w.w + x) * w.groups * blocks.row_blocks;
      for (const TapChain& chain : tap_chains_[tap]) {
        float* const of_chain = to + chain.chain;
        for (std::int64_t i = 0; i < begin; ++i) {
          of_chain[i * chains] = blocks.border;
        }
        for (std::int64_t i = begin; i < end; ++i) {
          of_chain[i * chains] = pixels[start + i * step + chain.block];
        }
        for (std::int64_t i = end; i < last - first; ++i) {
          of_chain[i * chains] = blocks.border;
        }
      }
    }
  }

  void take(std::int64_t first, std::int64_t last) {
    runs_.clear();
    for (const WindowRun& run : block_.take(first, last)) {
      append_run(runs_, {run.count, run.start / per_step, block_.column() / per_step,
                         product_.set.result(run.image, run.line, run.column), product_.set.pixel_step});
    }
  }

  /// As many panels at a time as the first-level cache holds; of those all before the next rows, so that results are
  /// written line by line.
  void run_group(std::int64_t group, std::span<const MemoryRange> read_next) const {
    const Weights& weights = product_.weights;
    Tiling tiling;
    set_semantics<T>(tiling, product_.kernel, product_.semantics);
    tiling.runs = runs_;
    tiling.panel_starts = panel_starts_;
    tiling.columns = weights.columns;
    tiling.words = reinterpret_cast<const Word*>(block_.data() + group * block_.channels());
    tiling.panels = weights.group(group);
    tiling.result = product_.result + group * weights.columns;
    if (const BlockedSpills* const blocks = product_.semantics.blocks; blocks != nullptr) {
      tiling.spill = Spill::blocked;
      tiling.chains = static_cast<std::int64_t>(blocks->chains.size());
      tiling.row_factors = factors_.data();
      tiling.lane_factors = blocks->lane_factors + group * weights.group_panels() * tiling.chains * panel_lanes;
    }
    const std::int64_t rows = tiling.rows();
    const std::int64_t panels = product_.kernel.panels;
    for (std::size_t b = 0; b < segments_.size(); ++b) {
      tiling.blocks = std::span(segments_).subspan(b, 1);
      tiling.begins = b == 0;
      tiling.ends = b + 1 == segments_.size();
      const std::int64_t steps = segments_[b].back().panel + segments_[b].back().steps - segments_[b].front().panel;
      const std::int64_t most = std::max<std::int64_t>(1, cached_panel_words / (steps * panel_lanes * panels)) * panels;
      for (std::int64_t panel = first_panel_; panel < last_panel_; panel += most) {
        run_rows(tiling, 0, rows, panel, std::min(panel + most, last_panel_), read_next);
        read_next = {};
      }
    }
  }

  void fill_zeros(std::int64_t first, std::int64_t last) const {
    const Windows& windows = product_.set.windows;
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t line = row / windows.columns;
      const std::int64_t at = product_.set.result(line / windows.lines, line % windows.lines, row % windows.columns);
      std::fill_n(product_.result + at, windows.groups * product_.weights.columns, 0.0f);
    }
  }

  const RowProduct<T>& product_;
  WindowBlock<T> block_;
  std::int64_t first_row_ = 0, last_row_, first_panel_ = 0, last_panel_;
  std::vector<std::int64_t> panel_starts_;
  std::vector<std::vector<Segment>> segments_;
  std::vector<RowRun> runs_;  ///< of a slice
  std::vector<std::vector<TapChain>> tap_chains_;
  std::vector<float> factors_;  ///< of a slice: [row][chain]
};

/// Products whose rows share the result: slice by slice of all, so that a result is written in one go.
template <class T>
void run_products(std::span<const RowProduct<T>> products) {
  std::int64_t rows = 0;
  for (const RowProduct<T>& product : products) {
    rows += product.set.windows.count();
  }
#pragma omp parallel if (worth_threads(rows * products.front().weights.columns))
  {
    std::vector<RowPart<T>> parts;
    parts.reserve(products.size());
    std::int64_t slices = 0;
    for (const RowProduct<T>& product : products) {
      parts.emplace_back(product, omp_get_thread_num(), omp_get_num_threads());
      slices = std::max(slices, parts.back().slices());
    }
    for (std::int64_t i = 0; i < slices; ++i) {
      for (RowPart<T>& part : parts) {
        part.run(i, slices);
      }
    }
  }
}

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
  EpilogueRun run(epilogue, set.windows.count(), shape.oc, result);
  const RowProduct<T> products[] = {
      {kernel, semantics, input, packed, std::move(set), result, epilogue.is_empty() ? nullptr : &run}};
  run_products<T>(products);
  run.join();
}

template <class T>
void input_gradient(const NativeKernel& kernel, const ConvShape& shape, const T* errors, const T* weights,
                    const Semantics& semantics, float* result) {
  constexpr std::int64_t per_step = products_per_step<T>;
  const std::int64_t channels = (shape.group_oc() + per_step - 1) / per_step * per_step;
  const Weights packed = pack_weights_transposed(kernel, shape, weights);
  const std::int64_t stride = shape.stride;
  std::vector<RowProduct<T>> products;
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
    products.push_back({kernel, semantics, errors, packed, std::move(set), result});
  }
  run_products<T>(products);
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
