// The audit of a whole product.
#include "sim/kernels/audit.hpp"

#include <omp.h>

#include <algorithm>
#include <numeric>

#include "formats/error.hpp"
#include "sim/kernels/audit_tile.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native/packing.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels {
namespace {

/// Part i of n nearly equal parts of a whole begins here.
std::int64_t part_begin(std::int64_t whole, std::int64_t i, std::int64_t n) {
  return whole * i / n;
}

std::int64_t units_for(std::int64_t count, std::int64_t unit) {
  return (count + unit - 1) / unit;
}

/// Tiles of one group.
struct Tiles {
  std::int64_t down, across;  ///< bands of rows, bands of panels
};
Tiles tiles(const native::NativeKernel& kernel, std::int64_t rows, std::int64_t lanes) {
  return {units_for(rows, kernel.wrap.lanes.rows[kernel.panels - 1]), units_for(lanes, std::int64_t{kernel.panels} * line_lanes)};
}

void pack_panels(const AuditJob& job, native::WordBuffer& panels) {
  const std::int64_t per_group = job.panels_of_group();
  const native::Packing& packing = native::packing(*job.kernel.native);
#pragma omp parallel for schedule(static) if (worth_threads(job.rows.groups * job.lanes.rows * job.steps()))
  for (std::int64_t panel = 0; panel < job.rows.groups * per_group; ++panel) {
    const native::Word* lanes[line_lanes];
    for (std::int64_t j = 0; j < line_lanes; ++j) {
      const std::int64_t lane = panel % per_group * line_lanes + j;
      lanes[j] = lane < job.lanes.rows
                     ? reinterpret_cast<const native::Word*>(job.lanes.row_codes(panel / per_group, lane))
                     : nullptr;
    }
    packing.rows(lanes, job.steps(), panels.data() + panel * job.steps() * line_lanes, line_lanes);
  }
}

/// The rows of every tile side by side, so that they do not compete for the same sets of the cache.
void pack_rows(const AuditJob& job, const Tiles& grid, native::WordBuffer& packed) {
#pragma omp parallel for schedule(static) if (worth_threads(job.rows.groups * job.rows.rows * job.steps()))
  for (std::int64_t tile = 0; tile < job.rows.groups * grid.down; ++tile) {
    const std::int64_t group = tile / grid.down;
    const std::int64_t first = part_begin(job.rows.rows, tile % grid.down, grid.down);
    const std::int64_t rows = part_begin(job.rows.rows, tile % grid.down + 1, grid.down) - first;
    native::Word* const to = packed.data() + (group * job.rows.rows + first) * job.steps();
    constexpr std::int64_t strip = 16;
    for (std::int64_t begin = 0; begin < job.steps(); begin += strip) {
      for (std::int64_t r = 0; r < rows; ++r) {
        const auto* const from = reinterpret_cast<const native::Word*>(job.rows.row_codes(group, first + r));
        for (std::int64_t s = begin; s < std::min(begin + strip, job.steps()); ++s) {
          to[s * rows + r] = from[s];
        }
      }
    }
  }
}

void add_norms(AuditJob& job, const Tiles& grid) {
  job.row_norms = row_norms(job.rows, job.cut, job.kernel);
  job.lane_norms = lane_norms(job.lanes, job.cut, job.kernel);
  const std::size_t pieces = job.cut.pieces.size();
  job.tile_norms.resize(static_cast<std::size_t>(job.rows.groups * grid.down) * pieces);
  float* to = job.tile_norms.data();
  const float* from = job.row_norms.data();
  for (std::int64_t tile = 0; tile < job.rows.groups * grid.down; ++tile, to += pieces) {
    const std::int64_t first = part_begin(job.rows.rows, tile % grid.down, grid.down);
    const std::int64_t last = part_begin(job.rows.rows, tile % grid.down + 1, grid.down);
    for (std::int64_t row = first; row < last; ++row) {
      for (std::size_t piece = 0; piece < pieces; ++piece) {
        to[piece] = std::max(to[piece], *from++);
      }
    }
  }
}

/// Consecutive outputs: tiles of rows [first, last) of the left operand, of one group or of all.
struct Band {
  std::int64_t first_group, last_group;
  std::int64_t first, last;
};

/// How the result is cut into bands. A unit is what one tile covers of the left operand's rows.
struct Bands {
  const AuditJob& job;
  Tiles grid;
  std::int64_t units, units_per_band, bands_per_group;

  Bands(const AuditJob& job_, const Tiles& grid_) : job(job_), grid(grid_) {
    constexpr std::int64_t outputs_per_band = 1 << 16;
    units = job.swapped ? grid.across : grid.down;
    const std::int64_t outputs = static_cast<std::int64_t>(job.result.size()) / groups();
    units_per_band = std::clamp<std::int64_t>(outputs_per_band * units / outputs, 1, units);
    units_per_band = std::min(units_per_band, std::max<std::int64_t>(units / (4 * omp_get_max_threads()), 1));
    bands_per_group = units_for(units, units_per_band);
  }
  /// Groups whose outputs do not mix.
  std::int64_t groups() const { return job.product.pass == Pass::weight_gradient ? job.rows.groups : 1; }
  std::int64_t count() const { return groups() * bands_per_group; }
  Band band(std::int64_t i) const {
    const std::int64_t group = i / bands_per_group;
    const std::int64_t first = i % bands_per_group * units_per_band;
    return {group, groups() == 1 ? job.rows.groups : group + 1, first, std::min(first + units_per_band, units)};
  }
  std::int64_t left_row(std::int64_t unit) const {
    const std::int64_t rows = job.product.left.rows;
    return job.swapped ? std::min(unit * job.kernel.native->panels * line_lanes, rows)
                       : part_begin(rows, unit, grid.down);
  }
  std::size_t first_output(const Band& band) const {
    const Product& product = job.product;
    return static_cast<std::size_t>(
        result_index(product.shape, product.pass, band.first_group, left_row(band.first), 0));
  }
  std::size_t outputs(const Band& band) const {
    return static_cast<std::size_t>((left_row(band.last) - left_row(band.first)) *
                                    (band.last_group - band.first_group) * job.product.right.rows);
  }
};

void run_tile(const AuditJob& job, const Tiles& grid, std::int64_t group, std::int64_t down, std::int64_t across,
              TileAudit& audit) {
  const int most_panels = job.kernel.native->panels;
  const std::int64_t row = part_begin(job.rows.rows, down, grid.down);
  const std::int64_t panel = across * most_panels;
  audit.run({group, row, panel, static_cast<int>(part_begin(job.rows.rows, down + 1, grid.down) - row),
             static_cast<int>(std::min<std::int64_t>(most_panels, job.panels_of_group() - panel)),
             group * grid.down + down});
}

/// Panels slowest, so that they stay in the cache.
void run_band(const AuditJob& job, const Tiles& grid, const Band& band, TileAudit& audit) {
  const std::int64_t first_down = job.swapped ? 0 : band.first;
  const std::int64_t last_down = job.swapped ? grid.down : band.last;
  for (std::int64_t group = band.first_group; group < band.last_group; ++group) {
    for (std::int64_t across = job.swapped ? band.first : 0; across < (job.swapped ? band.last : grid.across);
         ++across) {
      for (std::int64_t down = first_down; down < last_down; ++down) {
        run_tile(job, grid, group, down, across, audit);
      }
    }
  }
}

void merge(const Telemetry& part, Telemetry& whole) {
  whole.overflow_events += part.overflow_events;
  whole.overflow_outputs += part.overflow_outputs;
  if (part.first_output >= 0 && (whole.first_output < 0 || part.first_output < whole.first_output)) {
    whole.first_output = part.first_output;
    whole.first_k = part.first_k;
  }
  whole.max_chain_sum = std::max(whole.max_chain_sum, part.max_chain_sum);
  for (std::size_t b = 0; b < whole.chain_bits.size(); ++b) {
    whole.chain_bits[b] += part.chain_bits[b];
  }
}

}  // namespace

ErrorSums audit_product(const Product& product, const ProductPlan& plan, const TileKernel& kernel,
                        std::span<float> result, bool full, Telemetry& telemetry) {
  const Matrix& left = product.left;
  const Matrix& right = product.right;
  PRECSIM_CHECK(left.length() % 2 == 0, "codes without the zero that makes pairs");
  const Tiles upright = tiles(*kernel.native, left.rows, right.rows);
  const Tiles turned = tiles(*kernel.native, right.rows, left.rows);
  const bool swapped = turned.down * turned.across < upright.down * upright.across;
  const Tiles grid = swapped ? turned : upright;
  AuditJob job{product,          plan, kernel, swapped ? right : left, swapped ? left : right, swapped,
               telemetry.proved, full, result};
  job.cut = cut_pieces(plan.chains, job.proved ? 0 : mean_product(left, right, kernel));
  native::WordBuffer panels(left.groups * job.panels_of_group() * job.steps() * line_lanes);
  pack_panels(job, panels);
  job.panels = panels.data();
  native::WordBuffer packed_rows(left.groups * job.rows.rows * job.steps());
  pack_rows(job, grid, packed_rows);
  job.packed_rows = packed_rows.data();
  if (!job.proved) {
    add_norms(job, grid);
  }
  const Bands bands(job, grid);
  ErrorSums errors;
#pragma omp parallel if (worth_threads(static_cast <std::int64_t>(telemetry.products) / 16))
  {
    TileAudit audit(job);
#pragma omp for ordered schedule(static, 1)
    for (std::int64_t i = 0; i < bands.count(); ++i) {
      const Band band = bands.band(i);
      const std::size_t first = bands.first_output(band);
      audit.begin_band(first, bands.outputs(band));
      run_band(job, grid, band, audit);
#pragma omp ordered
      errors.add(result.subspan(first, audit.exact().size()), audit.exact());
    }
#pragma omp critical
    merge(audit.collect(), telemetry);
  }
  // Sums of zero and of minus one need one bit; the tiles leave no trace of the zeros.
  telemetry.chain_bits[0] = 0;
  telemetry.chain_bits[0] =
      telemetry.chains - std::accumulate(telemetry.chain_bits.begin(), telemetry.chain_bits.end(), std::uint64_t{0});
  return errors;
}

}  // namespace precsim::kernels
