// Weight gradients of windows as tiles: rows are what patches see, lanes output channels, the reduction runs over
// pixels.
#include <omp.h>

#include <algorithm>
#include <cstring>

#include "sim/kernels/native/conv_passes.hpp"
#include "sim/kernels/native/weight_panels.hpp"
#include "sim/kernels/native/window_words.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

constexpr std::int64_t most_block_steps = 448;
constexpr std::int64_t most_chunk_words = 131072;  ///< of rows, in the second-level cache beside the errors

template <class T>
class WindowGradient {
 public:
  WindowGradient(const NativeKernel& kernel, const ConvShape& shape, const T* errors, const T* input,
                 const Semantics& semantics, float* result)
      : kernel_(kernel),
        shape_(shape),
        errors_(errors),
        input_(input),
        result_(result),
        rows_(shape.kh * shape.kw * shape.ic),
        pixels_(shape.n * shape.out_h() * shape.out_w()),
        windows_(input_windows(shape)),
        error_windows_(output_pixels(shape)),
        blocks_(cut_pixels<T>(pixels_, semantics.chain, most_block_steps)) {
    set_semantics<T>(tiling_, kernel, semantics);
    panels_ = padded_columns(shape.oc) / panel_lanes;
    sums_distance_ = std::min<std::int64_t>(kernel.panels, panels_) * panel_lanes;
    sums_ = scratch().sums.at_least(rows_ * (panels_ + 1) * panel_lanes);
  }

  void run() const {
    const std::int64_t units = slices(shape_.ic) * shape_.kh;
#pragma omp parallel if (worth_threads(pixels_ * shape_.oc))
    {
      const std::int64_t parts = omp_get_num_threads();
      const std::int64_t part = omp_get_thread_num();
      if (units >= panels_) {
        run_part({units * part / parts, units * (part + 1) / parts, 0, panels_});
      } else {
        run_part({0, units, part_panel(part, parts), part_panel(part + 1, parts)});
      }
    }
  }

 private:
  static constexpr std::int64_t per_step = products_per_step<T>;

  /// What one thread forms: panels of errors, and units of rows: a line of taps of a slice of channels each.
  struct Part {
    std::int64_t first_unit, last_unit, first_panel, last_panel;
  };

  /// Tiles are not shared.
  std::int64_t part_panel(std::int64_t part, std::int64_t parts) const {
    const std::int64_t tiles = (panels_ + kernel_.panels - 1) / kernel_.panels;
    return std::min<std::int64_t>(panels_, tiles * part / parts * kernel_.panels);
  }

  void run_part(const Part& part) const {
    if (part.first_unit == part.last_unit || part.first_panel == part.last_panel) {
      return;
    }
    WindowBlock<T> patches(windows_, input_, WindowUse::lanes, scratch().windows);
    WindowBlock<T> errors(error_windows_, errors_, WindowUse::lanes, scratch().errors);
    for (const PixelBlock& block : blocks_) {
      const std::int64_t last = std::min(pixels_, block.last);
      const std::span<const WindowRun> windows = patches.take(block.first, last);
      pack_errors(part, block, errors);
      const WindowWords<T> words(shape_, patches, windows);
      std::vector<Segment> segments = words.split(block.segments);
      std::vector<MemoryRange> read_next = pixels_ahead(blocks_, block, patches, errors);
      const std::int64_t most = std::max<std::int64_t>(1, most_chunk_words / words.slice_words()) * shape_.kh;
      for (std::int64_t unit = part.first_unit, end; unit < part.last_unit; unit = end) {
        end = std::min(part.last_unit, unit / shape_.kh * shape_.kh + most);
        run_units(part, block, words, segments, unit, end, read_next);
        read_next.clear();
      }
    }
  }

  void pack_errors(const Part& part, const PixelBlock& block, WindowBlock<T>& errors) const {
    const std::int64_t last = std::min(pixels_, block.last);
    const std::vector<PixelRun> pixels = pixel_runs(errors.take(block.first, last), errors.column(), per_step);
    const std::int64_t panel_words = block.steps * panel_lanes;
    std::vector<std::int64_t> panels;
    for (std::int64_t panel = part.first_panel; panel < part.last_panel; ++panel) {
      panels.push_back(panel * panel_lanes);
    }
    const auto count = static_cast<std::int64_t>(panels.size());
    Word* const to = scratch().lanes.at_least(count * panel_words);
    pack_pixels(kernel_, errors.data(), pixels, panels, to, panel_words);
    if (last < block.last) {
      clear_partners(to, count, panel_words);
    }
  }

  /// Units [first, last) of one block; their rows are packed for them.
  void run_units(const Part& part, const PixelBlock& block, const WindowWords<T>& words,
                 const std::vector<Segment>& segments, std::int64_t first, std::int64_t last,
                 std::span<const MemoryRange> read_next) const {
    const std::int64_t first_slice = first / shape_.kh;
    const std::int64_t last_slice = (last - 1) / shape_.kh + 1;
    Word* const packed = scratch().rows.at_least((last_slice - first_slice) * words.slice_words());
    words.pack(kernel_, first_slice, last_slice, packed);
    std::vector<RowRun> runs;
    for (std::int64_t unit = first; unit < last; ++unit) {
      const Slice slice = slice_of(shape_.ic, unit / shape_.kh);
      for (std::int64_t kw = 0; kw < shape_.kw; ++kw) {
        append_run(runs, {slice.channels,
                          (unit / shape_.kh - first_slice) * words.slice_words() + words.tap(unit % shape_.kh, kw) +
                              slice.lane,
                          1, sums_row(unit, kw) * sums_distance_, sums_distance_});
      }
    }
    Tiling tiling = tiling_;
    tiling.words = packed;
    tiling.runs = runs;
    tiling.row_step = words.row_step();
    tiling.blocks = {&segments, 1};
    tiling.begins = &block == &blocks_.front();
    tiling.ends = &block == &blocks_.back();
    const std::int64_t next_panel = block.steps * panel_lanes;
    const std::int64_t starts[most_panels] = {0, next_panel};
    tiling.panel_starts = starts;
    for (std::int64_t panel = part.first_panel; panel < part.last_panel; panel += kernel_.panels) {
      tiling.panels = scratch().lanes.at_least(0) + (panel - part.first_panel) * next_panel;
      tiling.result = reinterpret_cast<float*>(sums_ + panel * panel_lanes * rows_);
      const std::int64_t panels = std::min<std::int64_t>(kernel_.panels, part.last_panel - panel);
      tiling.columns = panels * panel_lanes;
      run_rows(tiling, 0, tiling.rows(), 0, panels, read_next);
      read_next = {};
      for (std::int64_t unit = first; unit < last && tiling.ends; ++unit) {
        write_unit(unit, panel, panels);
      }
    }
  }

  /// Row of the sums: those of a unit lie side by side.
  std::int64_t sums_row(std::int64_t unit, std::int64_t kw) const {
    const Slice slice = slice_of(shape_.ic, unit / shape_.kh);
    return slice.first * shape_.kh * shape_.kw + (unit % shape_.kh * shape_.kw + kw) * slice.channels;
  }

  /// The sums of a unit, whose rows are columns of the result.
  void write_unit(std::int64_t unit, std::int64_t panel, std::int64_t panels) const {
    const Slice slice = slice_of(shape_.ic, unit / shape_.kh);
    const std::int64_t rows = shape_.kw * slice.channels;
    // Where one slice has all channels, those of all taps of a line are neighbors in the result too.
    const std::int64_t together = slice.channels == shape_.ic ? rows : slice.channels;
    for (std::int64_t row = 0; row < rows;) {
      const std::int64_t count = std::min<std::int64_t>(panel_lanes, together - row % together);
      const std::int64_t tap = unit % shape_.kh * shape_.kw + row / slice.channels;
      float* const to = result_ + tap * shape_.ic + slice.first + row % slice.channels;
      const Word* const sums = sums_ + panel * panel_lanes * rows_ + (sums_row(unit, 0) + row) * sums_distance_;
      for (std::int64_t p = 0; p < panels; ++p) {
        write_columns(sums + p * panel_lanes, count, (panel + p) * panel_lanes, to);
      }
      row += count;
    }
  }

  /// Rows of sums as columns of the result, from output channel `first` on.
  void write_columns(const Word* sums, std::int64_t count, std::int64_t first, float* to) const {
    const Word* rows[panel_lanes] = {};
    for (std::int64_t r = 0; r < count; ++r) {
      rows[r] = sums + r * sums_distance_;
    }
    alignas(64) Word columns[panel_lanes * panel_lanes];
    packing(kernel_).rows(rows, panel_lanes, columns, panel_lanes);
    const std::int64_t last = std::min<std::int64_t>(panel_lanes, shape_.oc - first);
    for (std::int64_t j = 0; j < last; ++j) {
      float* const column = to + (first + j) * rows_;
      if (count == panel_lanes) {
        std::memcpy(column, columns + j * panel_lanes, panel_lanes * sizeof(Word));
      } else {
        std::memcpy(column, columns + j * panel_lanes, static_cast<std::size_t>(count) * sizeof(Word));
      }
    }
  }

  const NativeKernel& kernel_;
  const ConvShape& shape_;
  const T* errors_;
  const T* input_;
  float* result_;
  std::int64_t rows_, pixels_;
  Windows windows_, error_windows_;
  std::vector<PixelBlock> blocks_;
  Tiling tiling_;  ///< what all have in common
  std::int64_t panels_, sums_distance_;
  Word* sums_;  ///< between blocks: [tile][row][lanes]
};

}  // namespace

template <class T>
void window_gradient(const NativeKernel& kernel, const ConvShape& shape, const T* errors, const T* input,
                     const Semantics& semantics, float* result) {
  WindowGradient<T>(kernel, shape, errors, input, semantics, result).run();
}

template void window_gradient(const NativeKernel&, const ConvShape&, const std::int16_t*, const std::int16_t*,
                              const Semantics&, float*);
template void window_gradient(const NativeKernel&, const ConvShape&, const float*, const float*, const Semantics&,
                              float*);

}  // namespace precsim::kernels::native
