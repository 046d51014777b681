// Weight gradients of operands with blocks: rows are output channels, lanes columns, the reduction runs over pixels.
#include "sim/kernels/native/blocked_gradient.hpp"

#include <omp.h>

#include <algorithm>
#include <vector>

#include "sim/kernels/native/conv_passes.hpp"
#include "sim/kernels/native/weight_panels.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels::native {
namespace {

constexpr std::int64_t most_block_steps = 224;

/// The lines of pixels, each followed by enough that all lanes of a panel can be read.
template <class T>
class ReadableLines {
 public:
  ReadableLines(const BlockedLines<T>& lines, std::int64_t group, std::int64_t count, std::int64_t pixels)
      : lines_(lines), group_(group), count_(count), pixels_(pixels) {}

  /// Pixels [first, last), an odd number of them followed by one more, from here on `step()` apart.
  const T* take(std::int64_t first, std::int64_t last) {
    const bool readable = lines_.lowering == nullptr && (pixels_ - last - 1) * lines_.pixel_step >= panel_lanes;
    if (readable) {
      step_ = lines_.pixel_step;
      return lines_.codes + group_ * lines_.group_step + first * lines_.pixel_step;
    }
    step_ = count_;
    copy_.resize(static_cast<std::size_t>((last - first + 1) * count_ + panel_lanes));
    for (std::int64_t pixel = first; pixel < last; ++pixel) {
      T* const to = copy_.data() + (pixel - first) * count_;
      if (lines_.lowering != nullptr) {
        lines_.lowering->across(group_, pixel, to);
      } else {
        std::copy_n(lines_.codes + group_ * lines_.group_step + pixel * lines_.pixel_step, count_, to);
      }
    }
    return copy_.data();
  }
  std::int64_t step() const { return step_; }

 private:
  const BlockedLines<T>& lines_;
  std::int64_t group_, count_, pixels_, step_ = 0;
  std::vector<T> copy_;
};

template <class T>
class BlockedGradient {
 public:
  BlockedGradient(const NativeKernel& kernel, const ConvShape& shape, const BlockedLines<T>& errors,
                  const BlockedLines<T>& patches, std::span<const arith::Chain> chains, arith::OverflowRule overflow,
                  float* result)
      : kernel_(kernel),
        product_(product_shape(shape, Pass::weight_gradient)),
        errors_(errors),
        patches_(patches),
        chains_(chains),
        result_(result) {
    set_semantics<T>(tiling_, kernel, {0, overflow, 0});
    tiling_.spill = Spill::blocked;
    tiling_.row_step = panel_lanes;
    std::vector<std::int64_t> ends;
    for (const arith::Chain& chain : chains) {
      ends.push_back(chain.end);
    }
    const Stretch whole[] = {{0, ends.back(), 0}};
    blocks_ = cut_segments(whole, ends, per_step, most_block_steps);
  }

  void run() const {
    const std::int64_t panels = padded_columns(product_.columns) / panel_lanes;
#pragma omp parallel if (worth_threads(product_.channels * product_.rows))
    {
      const std::int64_t parts = omp_get_num_threads();
      const std::int64_t part = omp_get_thread_num();
      for (std::int64_t group = 0; group < product_.groups; ++group) {
        run_part(group, panels * part / parts, panels * (part + 1) / parts);
      }
    }
  }

 private:
  static constexpr std::int64_t per_step = products_per_step<T>;

  /// All rows of panels [first, last) of a group.
  void run_part(std::int64_t group, std::int64_t first, std::int64_t last) const {
    if (first == last) {
      return;
    }
    ReadableLines<T> errors(errors_, group, product_.rows, product_.channels);
    ReadableLines<T> patches(patches_, group, product_.columns, product_.channels);
    Tiling tiling = tiling_;
    const std::vector<std::int64_t> rows = list_rows();
    std::vector<std::int64_t> columns;
    for (std::int64_t panel = first; panel < last; ++panel) {
      columns.push_back(panel * panel_lanes);
    }
    tiling.columns = std::min(product_.columns, last * panel_lanes) - first * panel_lanes;
    tiling.result = result_ + group * product_.rows * product_.columns + first * panel_lanes;
    std::vector<RowRun> runs;
    std::vector<float> row_factors;
    std::vector<float> lane_factors;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      std::vector<Segment> segments = blocks_[b];
      const std::int64_t start = segments.front().panel;
      const std::int64_t steps = segments.back().panel + segments.back().steps - start;
      const std::int64_t first_chain = segments.front().chain;
      tiling.chains = segments.back().chain + 1 - first_chain;
      for (Segment& segment : segments) {
        segment.panel -= start;
        segment.row = segment.panel * panel_lanes;
        segment.chain -= first_chain;
      }
      const std::int64_t end = std::min(per_step * (start + steps), product_.channels);
      Word* const row_words = scratch().rows.at_least(static_cast<std::int64_t>(rows.size()) * steps * panel_lanes);
      pack(errors, per_step * start, end, steps, rows, row_words);
      Word* const lane_words =
          scratch().lanes.at_least(static_cast<std::int64_t>(columns.size()) * steps * panel_lanes);
      pack(patches, per_step * start, end, steps, columns, lane_words);
      fill_factors(group, first_chain, tiling.chains, first, last, row_factors, lane_factors);
      place_rows(rows, steps, runs);
      std::vector<std::int64_t> starts;
      for (std::size_t panel = 0; panel < columns.size(); ++panel) {
        starts.push_back(static_cast<std::int64_t>(panel) * steps * panel_lanes);
      }
      tiling.words = row_words;
      tiling.runs = runs;
      tiling.panels = lane_words;
      tiling.panel_starts = starts;
      tiling.row_factors = row_factors.data();
      tiling.lane_factors = lane_factors.data();
      tiling.blocks = {&segments, 1};
      tiling.begins = b == 0;
      tiling.ends = b + 1 == blocks_.size();
      run_rows(tiling, 0, product_.rows, 0, last - first);
    }
  }

  /// The first row of every panel of rows, of which tiles fill as many as they can.
  std::vector<std::int64_t> list_rows() const {
    const std::int64_t most = tiling_.most_rows(kernel_.panels);
    const std::int64_t of_panel = panel_lanes / most * most;
    const std::int64_t parts = (product_.rows + of_panel - 1) / of_panel;
    std::vector<std::int64_t> rows;
    for (std::int64_t part = 0; part < parts; ++part) {
      rows.push_back(product_.rows * part / parts);
    }
    return rows;
  }

  void place_rows(std::span<const std::int64_t> rows, std::int64_t steps, std::vector<RowRun>& runs) const {
    runs.clear();
    for (std::size_t panel = 0; panel < rows.size(); ++panel) {
      const std::int64_t end = panel + 1 == rows.size() ? product_.rows : rows[panel + 1];
      append_run(runs, {end - rows[panel], static_cast<std::int64_t>(panel) * steps * panel_lanes, 1,
                        rows[panel] * product_.columns, product_.columns});
    }
  }

  void pack(ReadableLines<T>& lines, std::int64_t first, std::int64_t last, std::int64_t steps,
            std::span<const std::int64_t> panels, Word* to) const {
    const T* const from = lines.take(first, last);
    pack_lines<T>(kernel_, {from, per_step * lines.step(), lines.step(), panels}, steps, to, steps * panel_lanes);
    if ((last - first) % per_step != 0) {
      clear_partners(to, static_cast<std::int64_t>(panels.size()), steps * panel_lanes);
    }
  }

  void fill_factors(std::int64_t group, std::int64_t first_chain, std::int64_t chains, std::int64_t first_panel,
                    std::int64_t last_panel, std::vector<float>& rows, std::vector<float>& lanes) const {
    const auto of = chains_.subspan(static_cast<std::size_t>(first_chain), static_cast<std::size_t>(chains));
    rows.resize(static_cast<std::size_t>(product_.rows * chains));
    lanes.resize(static_cast<std::size_t>((last_panel - first_panel) * chains * panel_lanes));
    for (std::int64_t c = 0; c < chains; ++c) {
      const arith::Chain& chain = of[static_cast<std::size_t>(c)];
      for (std::int64_t row = 0; row < product_.rows; ++row) {
        rows[static_cast<std::size_t>(row * chains + c)] = errors_.factor(group, chain.block_a, row);
      }
      for (std::int64_t panel = first_panel; panel < last_panel; ++panel) {
        float* const to = lanes.data() + ((panel - first_panel) * chains + c) * panel_lanes;
        for (std::int64_t j = 0; j < panel_lanes; ++j) {
          to[j] = patches_.factor(group, chain.block_b, std::min(panel * panel_lanes + j, product_.columns - 1));
        }
      }
    }
  }

  const NativeKernel& kernel_;
  ProductShape product_;
  const BlockedLines<T>& errors_;
  const BlockedLines<T>& patches_;
  std::span<const arith::Chain> chains_;
  float* result_;
  Tiling tiling_;
  std::vector<std::vector<Segment>> blocks_;
};

}  // namespace

template <class T>
void blocked_weight_gradient(const NativeKernel& kernel, const ConvShape& shape, const BlockedLines<T>& errors,
                             const BlockedLines<T>& patches, std::span<const arith::Chain> chains,
                             arith::OverflowRule overflow, float* result) {
  BlockedGradient<T>(kernel, shape, errors, patches, chains, overflow, result).run();
}

template void blocked_weight_gradient(const NativeKernel&, const ConvShape&, const BlockedLines<std::int16_t>&,
                                      const BlockedLines<std::int16_t>&, std::span<const arith::Chain>,
                                      arith::OverflowRule, float*);
template void blocked_weight_gradient(const NativeKernel&, const ConvShape&, const BlockedLines<float>&,
                                      const BlockedLines<float>&, std::span<const arith::Chain>, arith::OverflowRule,
                                      float*);

}  // namespace precsim::kernels::native
