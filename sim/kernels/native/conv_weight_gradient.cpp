// Weight gradients as tiles: rows are output channels, lanes what patches see, the reduction runs over pixels.
#include <omp.h>

#include <algorithm>

#include "sim/kernels/native/conv_passes.hpp"
#include "sim/kernels/native/packing.hpp"
#include "sim/kernels/native/windows.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

constexpr std::int64_t most_block_steps = 224;
constexpr std::int64_t strip_steps = 16;
constexpr std::int64_t run_panels = 24;
constexpr std::int64_t rows_per_chunk = 1024;

/// The panels of one tile: lanes from element `first` of line `line` of the windows on.
struct Lanes {
  std::int64_t line, first, columns, panels, result;
};

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
        windows_(input_windows(shape)) {
    error_windows_.images = shape.n;
    error_windows_.h = error_windows_.lines = shape.out_h();
    error_windows_.w = error_windows_.columns = shape.out_w();
    error_windows_.groups = shape.groups;
    error_windows_.channels = shape.group_oc();
    Tiling tiling;
    set_semantics<T>(tiling, kernel, semantics);
    const int most = (tiling.loops == nullptr ? kernel.fma : tiling.loops->lanes).rows;
    panel_rows_ = panel_lanes / most * most;
    shared_steps_ = shares_lines() ? (shape.kh - 1) * shape.out_w() / per_step : 0;
    cut();
    list_lanes();
  }

  void run() {
    const auto lanes = static_cast<std::int64_t>(lanes_.size());
    const std::int64_t rows = shape_.group_oc();
    const std::int64_t panels = padded_columns(rows) / panel_lanes;
#pragma omp parallel if (worth_threads(pixels_ * shape_.oc))
    {
      const std::int64_t parts = omp_get_num_threads();
      const std::int64_t part = omp_get_thread_num();
      for (std::int64_t group = 0; group < shape_.groups; ++group) {
        if (lanes >= parts && lanes * panel_lanes * kernel_.panels >= rows) {
          run_part(group, 0, rows, lanes * part / parts, lanes * (part + 1) / parts);
        } else {
          run_part(group, std::min(rows, panels * part / parts * panel_lanes),
                   std::min(rows, panels * (part + 1) / parts * panel_lanes), 0, lanes);
        }
      }
    }
  }

 private:
  static constexpr std::int64_t per_step = products_per_step<T>;

  /// Where steps do not straddle lines, what one line of taps sees of an output line, the one above it sees of the next
  /// output line: packed once for all, panels hold a run of input lines, and taps read them from different steps on.
  /// Chains that go on in the next image are cut there: that must cost less than the packing.
  bool shares_lines() const {
    const std::int64_t image = shape_.out_h() * shape_.out_w();
    const bool cheap = std::is_same_v<T, float> || image / per_step >= shape_.oc ||
                       (semantics_.chain > 0 && image % semantics_.chain == 0);
    return cheap && shape_.groups == 1 && shape_.stride == 1 && shape_.kh > 1 && shape_.out_w() % per_step == 0;
  }

  void cut() {
    const std::int64_t length = (pixels_ + per_step - 1) / per_step * per_step;
    const std::int64_t blocks = (length / per_step + most_block_steps - 1) / most_block_steps;
    const std::int64_t block_steps = (length / per_step + blocks - 1) / blocks;
    std::vector<Stretch> images;
    if (shared_steps_ > 0) {  // apart by a step, so that no segment goes on in the next image
      const std::int64_t image = pixels_ / shape_.n;
      for (std::int64_t n = 0; n < shape_.n; ++n) {
        images.push_back({n * image, image, n * image / per_step + n});
      }
    } else {
      images.push_back({0, length, 0});
    }
    blocks_ = cut_reduction<T>(images, length, semantics_.chain, block_steps);
    for (std::vector<Segment>& block : blocks_) {
      const std::int64_t first = block.front().panel;
      first_step_.push_back(first);
      steps_.push_back(block.back().panel + block.back().steps - first);
      for (Segment& segment : block) {
        segment.row = (segment.panel - first) * panel_lanes;
        segment.panel += (image_of(segment.panel) - image_of(first)) * shared_steps_ - first;
      }
      panel_steps_.push_back(block.back().panel + block.back().steps + shared_steps_);
    }
    most_steps_ = *std::max_element(steps_.begin(), steps_.end());
    most_panel_steps_ = *std::max_element(panel_steps_.begin(), panel_steps_.end());
  }

  std::int64_t image_of(std::int64_t step) const {
    return step * per_step / (shape_.out_h() * shape_.out_w());
  }

  /// Lines of a patch that lie side by side; full panels follow each other across lines, others end with their line.
  void list_lanes() {
    const std::int64_t taps = shape_.groups == 1 ? shape_.kw : 1;
    const std::int64_t width = taps * shape_.group_ic();
    const std::int64_t lines = shape_.kh * shape_.kw / taps;
    for (std::int64_t line = 0; line < lines; ++line) {
      for (std::int64_t c = 0; c < width;) {
        const std::int64_t columns = std::min<std::int64_t>(width - c, kernel_.panels * panel_lanes);
        lanes_.push_back({line, c, columns, (columns + panel_lanes - 1) / panel_lanes, line * width + c});
        c += columns;
      }
    }
  }

  /// Where the lines of the pixels of a block begin; the last one twice where a pair has only one pixel.
  void take(WindowBlock<T>& block, std::size_t b, std::vector<std::int64_t>& starts) const {
    const std::int64_t first = first_step_[b] * per_step;
    const std::int64_t last = std::min(pixels_, first + steps_[b] * per_step);
    std::int64_t* to = starts.data();
    for (const WindowRun& run : block.take(first, last)) {
      for (std::int64_t i = 0; i < run.count; ++i) {
        *to++ = run.start + i * block.column();
      }
    }
    if (last - first < steps_[b] * per_step) {
      starts[static_cast<std::size_t>(last - first)] = starts[static_cast<std::size_t>(last - first - 1)];
    }
  }

  struct Rows {
    const Word* words;
    std::vector<RowRun> runs;
  };

  void run_part(std::int64_t group, std::int64_t first_row, std::int64_t last_row, std::int64_t first_lanes,
                std::int64_t last_lanes) const {
    if (first_row == last_row || first_lanes == last_lanes) {
      return;
    }
    WindowBlock<T> patches(windows_, input_, WindowUse::lanes, scratch().windows);
    WindowBlock<T> errors(error_windows_, errors_, WindowUse::lanes, scratch().errors);
    std::vector<std::int64_t> patch_starts(static_cast<std::size_t>(most_panel_steps_ * per_step));
    std::vector<std::int64_t> error_starts(patch_starts.size());
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      take(patches, b, patch_starts);
      if (shared_steps_ > 0) {
        list_shared_starts(b, patches, patch_starts);
      }
      take(errors, b, error_starts);
      for (std::int64_t row = first_row; row < last_row; row += rows_per_chunk) {
        const std::int64_t end = std::min(row + rows_per_chunk, last_row);
        const Rows rows = pack_rows(group, row, end, b, errors, error_starts);
        if (shared_steps_ > 0) {
          run_shared(rows, first_lanes, last_lanes, b, patches, patch_starts);
          continue;
        }
        for (std::int64_t i = first_lanes; i < last_lanes;) {
          const std::int64_t stop = end_of_run(i, last_lanes);
          const std::int64_t panels = pack_lanes(group, i, stop, b, patches, patch_starts);
          run_lanes(rows, i, stop, panels, b, 0);
          i = stop;
        }
      }
    }
  }

  /// The tiles of all lines of taps, as many columns at a time as the second-level cache holds.
  void run_shared(const Rows& rows, std::int64_t first_lanes, std::int64_t last_lanes, std::size_t b,
                  const WindowBlock<T>& patches, const std::vector<std::int64_t>& starts) const {
    const std::int64_t tiles = static_cast<std::int64_t>(lanes_.size()) / shape_.kh;
    for (std::int64_t i = 0; i < tiles;) {
      const std::int64_t stop = end_of_run(i, tiles);
      bool packed = false;
      for (std::int64_t kh = 0; kh < shape_.kh; ++kh) {
        const std::int64_t begin = std::max(first_lanes, kh * tiles + i);
        const std::int64_t end = std::min(last_lanes, kh * tiles + stop);
        if (begin >= end) {
          continue;
        }
        if (!packed) {
          pack_lanes(0, i, stop, b, patches, starts);
          packed = true;
        }
        std::int64_t panels = 0;
        for (std::int64_t tile = begin; tile < end; ++tile) {
          panels += lanes_[static_cast<std::size_t>(tile)].panels;
        }
        run_lanes(rows, begin, end, panels, b,
                  (begin - kh * tiles - i) * kernel_.panels * panel_steps_[b] + kh * shape_.out_w() / per_step);
      }
      i = stop;
    }
  }

  /// Where the lines of the steps of shared panels begin, given those of a block's pixels.
  void list_shared_starts(std::size_t b, const WindowBlock<T>& patches, std::vector<std::int64_t>& starts) const {
    const std::int64_t image = shape_.out_h() * shape_.out_w();
    const std::int64_t first = first_step_[b] * per_step;
    const std::int64_t last = first + steps_[b] * per_step;
    const std::vector<std::int64_t> of_pixels(starts.begin(), starts.begin() + (last - first));
    std::int64_t* to = starts.data();
    for (std::int64_t begin = first; begin < last;) {
      const std::int64_t end = std::min(last, (begin / image + 1) * image);
      const std::int64_t start = of_pixels[static_cast<std::size_t>(begin - first)];
      std::int64_t x = begin % shape_.out_w();
      std::int64_t at = start - x * patches.pixel();
      for (std::int64_t left = end - begin + shared_steps_ * per_step; left > 0; --left) {
        *to++ = at + x * patches.pixel();
        if (++x == shape_.out_w()) {
          x = 0;
          at += patches.line();
        }
      }
      begin = end;
    }
  }

  /// Tiles from `first` on whose columns follow each other, as many as the second-level cache holds.
  std::int64_t end_of_run(std::int64_t first, std::int64_t last) const {
    std::int64_t i = first + 1;
    const auto at = [&](std::int64_t tile) -> const Lanes& { return lanes_[static_cast<std::size_t>(tile)]; };
    while (i < last && i - first < run_panels / kernel_.panels && at(i - 1).columns == kernel_.panels * panel_lanes &&
           at(i).result == at(i - 1).result + at(i - 1).columns) {
      ++i;
    }
    return i;
  }

  std::int64_t pack_lanes(std::int64_t group, std::int64_t first, std::int64_t last, std::size_t b,
                          const WindowBlock<T>& patches, const std::vector<std::int64_t>& starts) const {
    const std::int64_t steps = panel_steps_[b];
    const std::int64_t panel_words = steps * panel_lanes;
    Word* const to = scratch().lanes.at_least(run_panels * most_panel_steps_ * panel_lanes);
    std::int64_t panels = 0;
    for (std::int64_t s = 0; s < steps; s += strip_steps) {
      panels = 0;
      for (std::int64_t i = first; i < last;) {
        const Lanes& at = lanes_[static_cast<std::size_t>(i)];
        std::int64_t count = 0;
        for (; i < last && lanes_[static_cast<std::size_t>(i)].line == at.line; ++i) {
          count += lanes_[static_cast<std::size_t>(i)].panels;
        }
        packing(kernel_).pack(patches.data() + line_start(patches, group, at) + at.first, starts.data() + s * per_step,
                              std::min(strip_steps, steps - s), count, to + panels * panel_words + s * panel_lanes,
                              panel_words);
        panels += count;
      }
    }
    return panels;
  }

  std::int64_t line_start(const WindowBlock<T>& patches, std::int64_t group, const Lanes& at) const {
    if (shape_.groups == 1) {
      return at.line * patches.line();
    }
    return at.line / shape_.kw * patches.line() + at.line % shape_.kw * patches.pixel() + group * patches.channels();
  }

  /// The errors of rows [first, last) in panels of as many rows as tiles fill, nearly equally many in each; `first` is
  /// a multiple of panel_lanes.
  Rows pack_rows(std::int64_t group, std::int64_t first, std::int64_t last, std::size_t b, const WindowBlock<T>& errors,
                 const std::vector<std::int64_t>& starts) const {
    const std::int64_t count = last - first;
    const std::int64_t panels = (count + panel_rows_ - 1) / panel_rows_;
    const std::int64_t panel_words = steps_[b] * panel_lanes;
    const std::int64_t columns = shape_.kh * shape_.kw * shape_.group_ic();
    Word* const to = scratch().rows.at_least(panels * most_steps_ * panel_lanes);
    Rows rows{to, {}};
    std::vector<std::int64_t> bases;
    for (std::int64_t panel = 0; panel < panels; ++panel) {
      const std::int64_t begin = count * panel / panels;
      bases.push_back(std::min(begin, padded_columns(count) - panel_lanes));
      rows.runs.push_back({count * (panel + 1) / panels - begin, panel * panel_words + begin - bases.back(), 1,
                           (group * shape_.group_oc() + first + begin) * columns, columns});
    }
    const T* const data = errors.data() + group * errors.channels() + first;
    for (std::int64_t s = 0; s < steps_[b]; s += strip_steps) {
      for (std::int64_t panel = 0; panel < panels; ++panel) {
        packing(kernel_).pack(data + bases[static_cast<std::size_t>(panel)], starts.data() + s * per_step,
                              std::min(strip_steps, steps_[b] - s), 1, to + panel * panel_words + s * panel_lanes, 0);
      }
    }
    if ((first_step_[b] + steps_[b]) * per_step > pixels_) {
      for (std::int64_t panel = 1; panel <= panels; ++panel) {
        Word* const last_step = to + panel * panel_words - panel_lanes;
        for (std::int64_t j = 0; j < panel_lanes; ++j) {
          last_step[j] &= 0xffff;
        }
      }
    }
    return rows;
  }

  void run_lanes(const Rows& rows, std::int64_t first, std::int64_t last, std::int64_t panels, std::size_t b,
                 std::int64_t step) const {
    const Lanes& begin = lanes_[static_cast<std::size_t>(first)];
    const Lanes& end = lanes_[static_cast<std::size_t>(last - 1)];
    Tiling tiling;
    set_semantics<T>(tiling, kernel_, semantics_);
    tiling.words = rows.words;
    tiling.runs = rows.runs;
    tiling.row_step = panel_lanes;
    tiling.panels = scratch().lanes.at_least(0) + step * panel_lanes;
    tiling.panel_words = panel_steps_[b] * panel_lanes;
    tiling.columns = end.result + end.columns - begin.result;
    tiling.blocks = {&blocks_[b], 1};
    tiling.result = result_ + begin.result;
    tiling.begins = b == 0;
    tiling.ends = b + 1 == blocks_.size();
    run_rows(tiling, 0, tiling.rows(), 0, panels);
  }

  const NativeKernel& kernel_;
  const ConvShape& shape_;
  const T* errors_;
  const T* input_;
  Semantics semantics_;
  float* result_;
  std::int64_t pixels_;
  Windows windows_, error_windows_;
  std::vector<Lanes> lanes_;
  std::vector<std::vector<Segment>> blocks_;
  std::vector<std::int64_t> first_step_, steps_, panel_steps_;  ///< of blocks: of the errors; of the lanes' panels
  std::int64_t shared_steps_ = 0;                               ///< that panels shared by lines of taps have more
  std::int64_t most_panel_steps_ = 0;
  std::int64_t most_steps_ = 0;
  std::int64_t panel_rows_ = panel_lanes;
};

}  // namespace

template <class T>
void weight_gradient(const NativeKernel& kernel, const ConvShape& shape, const T* errors, const T* input,
                     const Semantics& semantics, float* result) {
  WeightGradient<T>(kernel, shape, errors, input, semantics, result).run();
}

template void weight_gradient(const NativeKernel&, const ConvShape&, const std::int16_t*, const std::int16_t*,
                              const Semantics&, float*);
template void weight_gradient(const NativeKernel&, const ConvShape&, const float*, const float*, const Semantics&,
                              float*);

}  // namespace precsim::kernels::native
