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

/// Sixteen lanes from element `first` of line `line` of the windows on, or as many as the line still has.
struct Lanes {
  std::int64_t line, first, columns, result;
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
        windows_(input_windows(shape)) {
    error_windows_.images = shape.n;
    error_windows_.h = error_windows_.lines = shape.out_h();
    error_windows_.w = error_windows_.columns = shape.out_w();
    error_windows_.groups = shape.groups;
    error_windows_.channels = shape.group_oc();
    set_semantics<T>(tiling_, kernel, semantics);
    tiling_.row_step = panel_lanes;
    tiling_.result = result;
    const std::int64_t most = tiling_.most_rows(kernel.panels);
    panel_rows_ = panel_lanes / most * most;
    list_lanes();
    lines_ = shares_lines(semantics.chain) ? shape.kh : 1;
    line_steps_ = shape.out_w() / per_step;
    cut(semantics.chain);
  }

  void run() const {
    const auto pairs = static_cast<std::int64_t>(lanes_.size() + 1) / most_panels;
    const std::int64_t rows = shape_.group_oc();
    const std::int64_t panels = padded_columns(rows) / panel_lanes;
#pragma omp parallel if (worth_threads(pixels_ * shape_.oc))
    {
      const std::int64_t parts = omp_get_num_threads();
      const std::int64_t part = omp_get_thread_num();
      for (std::int64_t group = 0; group < shape_.groups; ++group) {
        if (pairs >= parts && pairs * most_panels * panel_lanes >= rows) {
          run_part({group, 0, rows, pairs * part / parts * most_panels, pairs * (part + 1) / parts * most_panels});
        } else {
          run_part({group, std::min(rows, panels * part / parts * panel_lanes),
                    std::min(rows, panels * (part + 1) / parts * panel_lanes), 0,
                    static_cast<std::int64_t>(lanes_.size())});
        }
      }
    }
  }

 private:
  static constexpr std::int64_t per_step = products_per_step<T>;

  struct Block {
    std::vector<Segment> segments;
    std::int64_t first_step, steps, panel_steps;  ///< of the errors; of the panels
  };
  /// Rows and lanes of a group that one thread forms.
  struct Part {
    std::int64_t group, first_row, last_row, first_lanes, last_lanes;
  };
  struct Rows {
    const Word* words;
    std::vector<RowRun> runs;
  };

  /// Where steps do not straddle lines, what one line of taps sees of an output line, the one above it sees of the next
  /// output line: packed once for all, panels hold a run of input lines, and taps read them from different steps on.
  /// Chains that go on in the next image are cut there: that must cost less than the packing.
  bool shares_lines(std::int64_t chain) const {
    const std::int64_t image = shape_.out_h() * shape_.out_w();
    const bool cheap = std::is_same_v<T, float> || image / per_step >= shape_.oc || (chain > 0 && image % chain == 0);
    return cheap && shape_.groups == 1 && shape_.stride == 1 && shape_.kh > 1 && shape_.out_w() % per_step == 0;
  }
  /// That panels hold more than the errors, in every image.
  std::int64_t more_steps() const {
    return (lines_ - 1) * line_steps_;
  }
  /// Lanes that are packed.
  std::int64_t packed_lanes() const {
    return static_cast<std::int64_t>(lanes_.size()) / lines_;
  }

  /// Lines of a patch that lie side by side.
  void list_lanes() {
    const std::int64_t taps = shape_.groups == 1 ? shape_.kw : 1;
    const std::int64_t width = taps * shape_.group_ic();
    for (std::int64_t line = 0; line < shape_.kh * shape_.kw / taps; ++line) {
      for (std::int64_t c = 0; c < width; c += panel_lanes) {
        lanes_.push_back({line, c, std::min<std::int64_t>(width - c, panel_lanes), line * width + c});
      }
    }
  }

  void cut(std::int64_t chain) {
    const std::int64_t length = (pixels_ + per_step - 1) / per_step * per_step;
    const std::int64_t blocks = (length / per_step + most_block_steps - 1) / most_block_steps;
    const std::int64_t block_steps = (length / per_step + blocks - 1) / blocks;
    std::vector<Stretch> images;
    if (lines_ > 1) {  // apart by a step, so that no segment goes on in the next image
      const std::int64_t image = pixels_ / shape_.n;
      for (std::int64_t n = 0; n < shape_.n; ++n) {
        images.push_back({n * image, image, n * image / per_step + n});
      }
    } else {
      images.push_back({0, length, 0});
    }
    for (std::vector<Segment>& segments : cut_reduction<T>(images, length, chain, block_steps)) {
      Block& block = blocks_.emplace_back();
      const std::int64_t first = block.first_step = segments.front().panel;
      block.steps = segments.back().panel + segments.back().steps - first;
      for (Segment& segment : segments) {
        segment.row = (segment.panel - first) * panel_lanes;
        segment.panel += (image_of(segment.panel) - image_of(first)) * more_steps() - first;
      }
      block.panel_steps = segments.back().panel + segments.back().steps + more_steps();
      most_steps_ = std::max(most_steps_, block.panel_steps);
      block.segments = std::move(segments);
    }
  }

  std::int64_t image_of(std::int64_t step) const {
    return step * per_step / (shape_.out_h() * shape_.out_w());
  }

  void run_part(const Part& part) const {
    if (part.first_row == part.last_row || part.first_lanes == part.last_lanes) {
      return;
    }
    WindowBlock<T> patches(windows_, input_, WindowUse::lanes, scratch().windows);
    WindowBlock<T> errors(error_windows_, errors_, WindowUse::lanes, scratch().errors);
    for (const Block& block : blocks_) {
      const std::int64_t first = block.first_step * per_step;
      const std::int64_t last = std::min(pixels_, first + block.steps * per_step);
      const std::span<const WindowRun> windows = patches.take(first, last);
      const std::vector<PixelRun> pixels = lines_ > 1 ? pixel_runs_below(windows, patches.column(), patches.line(),
                                                                         shape_.out_w(), more_steps(), per_step)
                                                      : pixel_runs(windows, patches.column(), per_step);
      const std::vector<PixelRun> error_pixels = pixel_runs(errors.take(first, last), errors.column(), per_step);
      for (std::int64_t row = part.first_row; row < part.last_row; row += rows_per_chunk) {
        const std::int64_t end = std::min(row + rows_per_chunk, part.last_row);
        const Rows rows = pack_rows(part.group, row, end, block, errors, error_pixels);
        for (std::int64_t i = 0; i < packed_lanes(); i += run_panels) {
          run_lanes(part, block, rows, i, std::min(i + run_panels, packed_lanes()), patches, pixels);
        }
      }
    }
  }

  /// The errors of rows [first, last) in panels of as many rows as tiles fill, nearly equally many in each; `first` is
  /// a multiple of panel_lanes.
  Rows pack_rows(std::int64_t group, std::int64_t first, std::int64_t last, const Block& block,
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
    if ((block.first_step + block.steps) * per_step > pixels_) {  // the last pixel has no partner
      for (std::size_t panel = 1; panel <= bases.size(); ++panel) {
        Word* const last_step = to + static_cast<std::int64_t>(panel) * panel_words - panel_lanes;
        for (std::int64_t j = 0; j < panel_lanes; ++j) {
          last_step[j] &= 0xffff;
        }
      }
    }
    return rows;
  }

  /// The tiles of packed lanes [first, last) in all lines that share them.
  void run_lanes(const Part& part, const Block& block, const Rows& rows, std::int64_t first, std::int64_t last,
                 const WindowBlock<T>& patches, std::span<const PixelRun> pixels) const {
    std::vector<std::int64_t> lanes;
    std::vector<std::int64_t> starts;
    for (std::int64_t line = 0; line < lines_; ++line) {
      for (std::int64_t i = first; i < last; ++i) {
        const std::int64_t at = line * packed_lanes() + i;
        if (at >= part.first_lanes && at < part.last_lanes) {
          lanes.push_back(at);
          starts.push_back(((i - first) * block.panel_steps + line * line_steps_) * panel_lanes);
        }
      }
    }
    if (!lanes.empty()) {
      pack_lanes(part.group, first, last, block, patches, pixels);
    }
    for (std::size_t begin = 0, end; begin < lanes.size(); begin = end) {
      for (end = begin + 1; end < lanes.size() && goes_on(lanes[end - 1], lanes[end]); ++end) {
      }
      run_panels_of(block, rows, lanes_[static_cast<std::size_t>(lanes[begin])],
                    lanes_[static_cast<std::size_t>(lanes[end - 1])],
                    std::span<const std::int64_t>(starts).subspan(begin, end - begin));
    }
  }

  /// Whether columns of the result follow each other.
  bool goes_on(std::int64_t left, std::int64_t right) const {
    const Lanes& lanes = lanes_[static_cast<std::size_t>(left)];
    return lanes.columns == panel_lanes && lanes_[static_cast<std::size_t>(right)].result == lanes.result + panel_lanes;
  }

  void pack_lanes(std::int64_t group, std::int64_t first, std::int64_t last, const Block& block,
                  const WindowBlock<T>& patches, std::span<const PixelRun> pixels) const {
    Word* const to = scratch().lanes.at_least(run_panels * most_steps_ * panel_lanes);
    std::vector<std::int64_t> panels;
    for (std::int64_t i = first; i < last; ++i) {
      const Lanes& at = lanes_[static_cast<std::size_t>(i)];
      panels.push_back(line_start(patches, group, at) + at.first);
    }
    pack_pixels(kernel_, patches.data(), pixels, panels, to, block.panel_steps * panel_lanes);
  }

  std::int64_t line_start(const WindowBlock<T>& patches, std::int64_t group, const Lanes& at) const {
    if (shape_.groups == 1) {
      return at.line * patches.line();
    }
    return at.line / shape_.kw * patches.line() + at.line % shape_.kw * patches.pixel() + group * patches.channels();
  }

  void run_panels_of(const Block& block, const Rows& rows, const Lanes& first, const Lanes& last,
                     std::span<const std::int64_t> panel_starts) const {
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
    run_rows(tiling, 0, tiling.rows(), 0, static_cast<std::int64_t>(panel_starts.size()));
  }

  const NativeKernel& kernel_;
  const ConvShape& shape_;
  const T* errors_;
  const T* input_;
  std::int64_t pixels_;
  Windows windows_, error_windows_;
  Tiling tiling_;  ///< what all have in common
  std::vector<Lanes> lanes_;
  std::vector<Block> blocks_;
  std::int64_t lines_ = 1;  ///< of taps that read the same panels
  std::int64_t line_steps_ = 0;
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
