// Weight gradients as tiles: rows are output channels, lanes what patches see, the reduction runs over pixels.
#include <omp.h>

#include <algorithm>

#include "sim/kernels/native/conv_passes.hpp"
#include "sim/kernels/native/weight_panels.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

constexpr std::int64_t most_block_steps = 224;
constexpr std::int64_t run_panels = 24;
constexpr std::int64_t rows_per_chunk = 1024;

/// Sixteen lanes from channel `first` of a tap on, or as many as it still has.
struct Lanes {
  std::int64_t tap, first, columns, result;
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
        pixels_(shape.n * shape.out_h() * shape.out_w()),
        windows_(input_windows(shape)),
        error_windows_(output_pixels(shape)),
        blocks_(cut_pixels<T>(pixels_, semantics.chain, most_block_steps)) {
    set_semantics<T>(tiling_, kernel, semantics);
    tiling_.row_step = panel_lanes;
    tiling_.result = result;
    const std::int64_t most = tiling_.most_rows(kernel.panels);
    panel_rows_ = panel_lanes / most * most;
    list_lanes();
    for (const PixelBlock& block : blocks_) {
      most_steps_ = std::max(most_steps_, block.steps);
    }
  }

  void run() const {
    const auto lanes = static_cast<std::int64_t>(lanes_.size());
    const std::int64_t pairs = (lanes + 1) / most_panels;
    const std::int64_t rows = shape_.group_oc();
    const std::int64_t panels = padded_columns(rows) / panel_lanes;
#pragma omp parallel if (worth_threads(pixels_ * shape_.oc))
    {
      const std::int64_t parts = omp_get_num_threads();
      const std::int64_t part = omp_get_thread_num();
      for (std::int64_t group = 0; group < shape_.groups; ++group) {
        if (pairs >= parts && pairs * most_panels * panel_lanes >= rows) {
          run_part({group, 0, rows, pairs * part / parts * most_panels,
                    std::min(lanes, pairs * (part + 1) / parts * most_panels)});
        } else {
          run_part({group, std::min(rows, panels * part / parts * panel_lanes),
                    std::min(rows, panels * (part + 1) / parts * panel_lanes), 0, lanes});
        }
      }
    }
  }

 private:
  static constexpr std::int64_t per_step = products_per_step<T>;

  /// Rows and lanes of a group that one thread forms.
  struct Part {
    std::int64_t group, first_row, last_row, first_lanes, last_lanes;
  };
  struct Rows {
    const Word* words;
    std::vector<RowRun> runs;
  };

  void list_lanes() {
    const std::int64_t width = shape_.group_ic();
    for (std::int64_t tap = 0; tap < shape_.kh * shape_.kw; ++tap) {
      for (std::int64_t c = 0; c < width; c += panel_lanes) {
        lanes_.push_back({tap, c, std::min<std::int64_t>(width - c, panel_lanes), tap * width + c});
      }
    }
  }

  void run_part(const Part& part) const {
    if (part.first_row == part.last_row || part.first_lanes == part.last_lanes) {
      return;
    }
    WindowBlock<T> patches(windows_, input_, WindowUse::lanes, scratch().windows);
    WindowBlock<T> errors(error_windows_, errors_, WindowUse::lanes, scratch().errors);
    for (const PixelBlock& block : blocks_) {
      const std::int64_t last = std::min(pixels_, block.last);
      const std::vector<PixelRun> pixels = pixel_runs(patches.take(block.first, last), patches.column(), per_step);
      const std::vector<PixelRun> error_pixels = pixel_runs(errors.take(block.first, last), errors.column(), per_step);
      std::vector<MemoryRange> read_next = pixels_ahead(blocks_, block, patches, errors);
      for (std::int64_t row = part.first_row; row < part.last_row; row += rows_per_chunk) {
        const std::int64_t end = std::min(row + rows_per_chunk, part.last_row);
        const Rows rows = pack_rows(part.group, row, end, block, errors, error_pixels);
        for (std::int64_t i = part.first_lanes; i < part.last_lanes; i += run_panels) {
          run_lanes(part, block, rows, i, std::min(i + run_panels, part.last_lanes), patches, pixels, read_next);
          read_next.clear();
        }
      }
    }
  }

  /// The errors of rows [first, last) in panels of as many rows as tiles fill, nearly equally many in each; `first` is
  /// a multiple of panel_lanes.
  Rows pack_rows(std::int64_t group, std::int64_t first, std::int64_t last, const PixelBlock& block,
                 const WindowBlock<T>& errors, std::span<const PixelRun> pixels) const {
    const std::int64_t count = last - first;
    const std::int64_t parts = (count + panel_rows_ - 1) / panel_rows_;
    const std::int64_t columns = shape_.kh * shape_.kw * shape_.group_ic();
    Word* const to = scratch().rows.at_least(parts * most_steps_ * panel_lanes);
    const std::int64_t panel_words = block.steps * panel_lanes;
    Rows rows{to, {}};
    std::vector<std::int64_t> bases;
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t begin = count * part / parts;
      const std::int64_t base = std::min(begin, padded_columns(count) - panel_lanes);
      if (bases.empty() || bases.back() != base) {
        bases.push_back(base);
      }
      append_run(rows.runs, {count * (part + 1) / parts - begin,
                             static_cast<std::int64_t>(bases.size() - 1) * panel_words + begin - base, 1,
                             (group * shape_.group_oc() + first + begin) * columns, columns});
    }
    pack_pixels(kernel_, errors.data() + group * errors.channels() + first, pixels, bases, to, panel_words);
    if (block.last > pixels_) {
      clear_partners(to, static_cast<std::int64_t>(bases.size()), panel_words);
    }
    return rows;
  }

  /// The tiles of lanes [first, last).
  void run_lanes(const Part& part, const PixelBlock& block, const Rows& rows, std::int64_t first, std::int64_t last,
                 const WindowBlock<T>& patches, std::span<const PixelRun> pixels,
                 std::span<const MemoryRange> read_next) const {
    pack_lanes(part.group, first, last, block, patches, pixels);
    std::vector<std::int64_t> starts;
    for (std::int64_t i = first; i < last; ++i) {
      starts.push_back((i - first) * block.steps * panel_lanes);
    }
    for (std::int64_t begin = first, end; begin < last; begin = end) {
      for (end = begin + 1; end < last && goes_on(end - 1, end); ++end) {
      }
      run_panels_of(block, rows, lanes_[static_cast<std::size_t>(begin)], lanes_[static_cast<std::size_t>(end - 1)],
                    std::span<const std::int64_t>(starts).subspan(static_cast<std::size_t>(begin - first),
                                                                  static_cast<std::size_t>(end - begin)),
                    read_next);
      read_next = {};
    }
  }

  /// Whether columns of the result follow each other.
  bool goes_on(std::int64_t left, std::int64_t right) const {
    const Lanes& lanes = lanes_[static_cast<std::size_t>(left)];
    return lanes.columns == panel_lanes && lanes_[static_cast<std::size_t>(right)].result == lanes.result + panel_lanes;
  }

  void pack_lanes(std::int64_t group, std::int64_t first, std::int64_t last, const PixelBlock& block,
                  const WindowBlock<T>& patches, std::span<const PixelRun> pixels) const {
    Word* const to = scratch().lanes.at_least(run_panels * most_steps_ * panel_lanes);
    std::vector<std::int64_t> panels;
    for (std::int64_t i = first; i < last; ++i) {
      const Lanes& at = lanes_[static_cast<std::size_t>(i)];
      panels.push_back(at.tap / shape_.kw * patches.line() + at.tap % shape_.kw * patches.pixel() +
                       group * patches.channels() + at.first);
    }
    pack_pixels(kernel_, patches.data(), pixels, panels, to, block.steps * panel_lanes);
  }

  void run_panels_of(const PixelBlock& block, const Rows& rows, const Lanes& first, const Lanes& last,
                     std::span<const std::int64_t> panel_starts, std::span<const MemoryRange> read_next) const {
    Tiling tiling = tiling_;
    tiling.words = rows.words;
    tiling.runs = rows.runs;
    tiling.panels = scratch().lanes.at_least(0);
    tiling.panel_starts = panel_starts;
    tiling.columns = last.result + last.columns - first.result;
    tiling.blocks = {&block.segments, 1};
    tiling.result += first.result;
    tiling.begins = &block == &blocks_.front();
    tiling.ends = &block == &blocks_.back();
    run_rows(tiling, 0, tiling.rows(), 0, static_cast<std::int64_t>(panel_starts.size()), read_next);
  }

  const NativeKernel& kernel_;
  const ConvShape& shape_;
  const T* errors_;
  const T* input_;
  std::int64_t pixels_;
  Windows windows_, error_windows_;
  std::vector<PixelBlock> blocks_;
  Tiling tiling_;  ///< what all have in common
  std::vector<Lanes> lanes_;
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
