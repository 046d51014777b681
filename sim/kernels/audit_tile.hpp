// One tile of the audit: rows x panels outputs over the whole reduction.
#pragma once

#include <span>
#include <vector>

#include "sim/kernels/audit_kernel.hpp"
#include "sim/kernels/audit_pieces.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/product_plan.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {

/// What all tiles of a call share. The codes of matrices are read only where the call is not proved, or exponents
/// change within it.
struct AuditJob {
  const Product& product;
  const ProductPlan& plan;
  const TileKernel& kernel;
  const Matrix& rows;
  const Matrix& lanes;
  bool swapped;  ///< the left operand lies along the lanes
  bool proved;
  bool full;
  std::span<float> result;
  AuditCut cut = {};
  std::vector<float> row_norms = {};  ///< of pieces, only where the call is not proved
  std::vector<float> lane_norms = {};
  std::vector<float> tile_norms = {};  ///< [group][row tile][piece], the largest of its rows

  int most_rows() const { return kernel.native->wrap.lanes.rows[kernel.native->panels - 1]; }
  std::int64_t steps() const { return rows.length() / 2; }
  std::int64_t panels_of_group() const { return (lanes.rows + line_lanes - 1) / line_lanes; }
  std::size_t index(std::int64_t group, std::int64_t row, std::int64_t lane) const {
    return static_cast<std::size_t>(
        result_index(product.shape, product.pass, group, swapped ? lane : row, swapped ? row : lane));
  }
};

/// Where a tile stands.
struct AuditPlace {
  std::int64_t group, row, panel;
  int rows, panels;
  std::int64_t row_tile;            ///< over all groups
  const native::Word* row_words;    ///< [step][row]
  const native::Word* panel_words;  ///< [panel][step][line_lanes]
};

/// The workspace of one thread, and what it has counted.
class TileAudit {
 public:
  explicit TileAudit(const AuditJob& job);
  /// The following tiles belong to these outputs of the result.
  void begin_band(std::size_t first, std::size_t count);
  void run(const AuditPlace& place);
  /// The exact sums of the band.
  std::span<const double> exact() const { return band_; }
  /// What all tiles run so far add to the telemetry.
  const Telemetry& collect();

 private:
  /// A line whose lanes at the end of a chain are not its true sums, or not known to be.
  struct Recount {
    int line, slot;
    std::int32_t lane[line_lanes];
    std::int64_t sum[line_lanes];
  };

  int lines() const { return at_.rows * at_.panels; }
  std::int64_t slot_lanes() const { return std::int64_t{lines()} * line_lanes; }
  std::int32_t* slot(std::int64_t slot);
  const native::Word* panel_of(int line) const;
  const native::Word* row_of(int line) const;

  void begin();
  void run_lanes(std::size_t span);
  void watch(const AuditSpan& span);
  void recount(const AuditSpan& span, const AuditPart& part, int line);
  WatchedLines watched_lines(const AuditSpan& span);
  void step_through(const AuditSpan& span, const AuditPart& part, int line, int first, int last);
  void set_scale(const arith::Chain& chain);
  void spill(const AuditSpan& span);
  void spill_lines(std::span<const std::int32_t> ends);
  void spill_ends(int first_line, int last_line, std::span<const std::int32_t> ends);
  void spill_recounted(const Recount& recount);
  void finish();
  void finish_line(int line);
  void record_events();

  const AuditJob& job_;
  const AuditKernel& kernel_;
  bool scale_by_chain_;
  AuditPlace at_{};
  native::WordBuffer lanes_;          ///< slots from -1 on
  std::uint32_t doubts_[most_lines];  ///< by slot of the span
  std::size_t lane_stride_;           ///< outputs from a lane to the next
  std::vector<Recount> recounts_;
  SteppedLine stepped_[most_lines];
  bool overflowed_[most_lines];  ///< in the current chain
  bool in_overflow_ = false;     ///< any of them
  bool has_events_ = false;
  TileScale scale_;
  double power_[most_lines][line_lanes];
  TileSums sums_;
  std::int64_t joined_[most_lines][line_lanes];
  std::size_t ends_not_joined_ = 0;
  double exact_[most_lines][line_lanes];
  std::vector<double> band_;
  std::size_t band_first_ = 0;
  ChainCounts counts_{};
  std::size_t vectors_counted_ = 0;
  Telemetry telemetry_;
};

}  // namespace precsim::kernels
