// The audit of a whole product.
#include "sim/kernels/audit.hpp"

#include <omp.h>

#include <algorithm>
#include <numeric>

#include "formats/error.hpp"
#include "sim/kernels/audit_packing.hpp"
#include "sim/kernels/audit_tile.hpp"
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
  return {units_for(rows, kernel.wrap.lanes.rows[kernel.panels - 1]),
          units_for(lanes, std::int64_t{kernel.panels} * line_lanes)};
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

/// Memory of the calling thread, kept from call to call.
struct Kept {
  native::KeptBuffer left, right, block;

  static Kept& of_thread() {
    thread_local Kept kept;
    return kept;
  }
};

AuditSide side_of(const AuditJob& job, Side side, const AuditTensors* tensors, const Tiles& grid) {
  const Matrix& matrix = side == Side::left ? job.product.left : job.product.right;
  const Strips strips =
      job.swapped == (side == Side::left) ? Strips::of_panels(matrix.rows) : Strips::of_tiles(matrix.rows, grid.down);
  const native::Packing& packing = native::packing(*job.kernel.native);
  if (tensors == nullptr) {
    return {matrix, strips, packing};
  }
  const std::int16_t* const codes = side == Side::left ? tensors->left : tensors->right;
  return {matrix, {job.product.shape, job.product.pass, side, matrix.period, codes}, strips, packing};
}

/// The right operand is packed before all tiles, and so is the left one where it must be; otherwise so many units of it
/// as stay in the second-level cache, before their tiles.
class Operands {
 public:
  Operands(const AuditJob& job, const AuditTensors* tensors, const Tiles& grid)
      : job_(job),
        grid_(grid),
        left_(side_of(job, Side::left, tensors, grid)),
        right_(side_of(job, Side::right, tensors, grid)) {
    right_words_ = pack_all(right_, Kept::of_thread().right);
    left_words_ = left_.packs_strips() ? nullptr : pack_all(left_, Kept::of_thread().left);
    constexpr std::int64_t most_words = 1 << 16;
    const std::int64_t unit_words = left_.words_of_group() / (job.swapped ? grid.across : grid.down);
    const bool used_once = job.swapped || grid.across == 1;
    units_per_block_ = used_once ? 1 : std::max<std::int64_t>(most_words / std::max<std::int64_t>(unit_words, 1), 1);
  }

  void run(const Band& band, TileAudit& audit) const {
    for (std::int64_t group = band.first_group; group < band.last_group; ++group) {
      for (std::int64_t first = band.first; first < band.last; first += units_per_block_) {
        run_block(group, first, std::min(first + units_per_block_, band.last), audit);
      }
    }
  }

 private:
  const native::Word* pack_all(const AuditSide& side, native::KeptBuffer& kept) const {
    native::Word* const words = kept.at_least(job_.rows.groups * side.words_of_group());
    side.pack_all(words);
    return words;
  }

  std::int64_t left_strip(std::int64_t unit) const {
    return job_.swapped ? std::min(unit * job_.kernel.native->panels, left_.strips().count) : unit;
  }

  /// Where the strips of units [first, last) are; packs them if need be.
  const native::Word* left_words(std::int64_t group, std::int64_t first, std::int64_t last) const {
    const std::int64_t begin = left_strip(first);
    if (left_words_ != nullptr) {
      return left_words_ + group * left_.words_of_group() + left_.offset(begin);
    }
    const std::int64_t end = left_strip(last);
    native::Word* const words = Kept::of_thread().block.at_least(left_.offset(end) - left_.offset(begin));
    left_.pack(group, begin, end, words);
    return words;
  }

  /// Panels slowest, so that they stay in the cache.
  void run_block(std::int64_t group, std::int64_t first, std::int64_t last, TileAudit& audit) const {
    const native::Word* const left = left_words(group, first, last);
    const native::Word* const right = right_words_ + group * right_.words_of_group();
    if (job_.swapped) {
      for (std::int64_t across = first; across < last; ++across) {
        for (std::int64_t down = 0; down < grid_.down; ++down) {
          run_tile({group, down, across}, right + right_.offset(down),
                   left + left_.offset(left_strip(across)) - left_.offset(left_strip(first)), audit);
        }
      }
      return;
    }
    for (std::int64_t across = 0; across < grid_.across; ++across) {
      for (std::int64_t down = first; down < last; ++down) {
        run_tile({group, down, across}, left + left_.offset(down) - left_.offset(first),
                 right + right_.offset(across * job_.kernel.native->panels), audit);
      }
    }
  }

  struct Place {
    std::int64_t group, down, across;
  };
  void run_tile(const Place& place, const native::Word* rows, const native::Word* panels, TileAudit& audit) const {
    const std::int64_t most_panels = job_.kernel.native->panels;
    const std::int64_t row = part_begin(job_.rows.rows, place.down, grid_.down);
    const std::int64_t panel = place.across * most_panels;
    audit.run({place.group, row, panel, static_cast<int>(part_begin(job_.rows.rows, place.down + 1, grid_.down) - row),
               static_cast<int>(std::min(most_panels, job_.panels_of_group() - panel)),
               place.group * grid_.down + place.down, rows, panels});
  }

  const AuditJob& job_;
  Tiles grid_;
  AuditSide left_, right_;
  const native::Word* left_words_;
  const native::Word* right_words_;
  std::int64_t units_per_block_;
};

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
                        std::span<float> result, bool full, Telemetry& telemetry, const AuditTensors* tensors) {
  const Matrix& left = product.left;
  const Matrix& right = product.right;
  PRECSIM_CHECK(left.length() % 2 == 0, "codes without the zero that makes pairs");
  PRECSIM_CHECK(tensors == nullptr || telemetry.proved, "a product that may overflow, without its matrices");
  const Tiles upright = tiles(*kernel.native, left.rows, right.rows);
  const Tiles turned = tiles(*kernel.native, right.rows, left.rows);
  const bool swapped = turned.down * turned.across < upright.down * upright.across;
  const Tiles grid = swapped ? turned : upright;
  AuditJob job{product,          plan, kernel, swapped ? right : left, swapped ? left : right, swapped,
               telemetry.proved, full, result};
  job.cut = cut_pieces(plan.chains, job.proved ? 0 : mean_product(left, right, kernel));
  if (!job.proved) {
    add_norms(job, grid);
  }
  const Operands operands(job, tensors, grid);
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
      operands.run(band, audit);
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
