// The simulation: tiles of outputs, chain by chain; proved chains run plainly, the others step by step.
#include "sim/kernels/multiply.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "formats/error.hpp"
#include "sim/arith/reduce.hpp"
#include "sim/kernels/multiply_floats.hpp"
#include "sim/kernels/panel.hpp"
#include "sim/kernels/product_plan.hpp"
#include "sim/kernels/squares.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {
namespace {

/// One call as the tiles see it: which operand lies along the lanes, what is known about its chains.
struct Job {
  const Product& product;
  const ProductPlan& plan;
  const TileKernel& kernel;
  const Matrix& rows;
  const Matrix& lanes;
  bool swapped;  ///< the left operand lies along the lanes
  bool full;
  bool proved;
  std::span<float> result;
  std::span<double> exact;
  std::vector<std::uint64_t> row_squares, lane_squares;  ///< by chain; only where the call is not proved

  std::size_t index(std::int64_t group, std::int64_t row, std::int64_t lane) const {
    return static_cast<std::size_t>(
        result_index(product.shape, product.pass, group, swapped ? lane : row, swapped ? row : lane));
  }
};

/// Where one tile stands, and how much of it is real.
struct Place {
  std::int64_t group, row, lane;
  int rows, lanes;
};

bool chain_is_proved(const Job& job, const Place& at, std::size_t chain) {
  if (job.proved) {
    return true;
  }
  const std::size_t chains = job.plan.chains.size();
  const auto largest = [&](const std::vector<std::uint64_t>& squares, std::int64_t line, int count) {
    std::uint64_t most = 0;
    for (int i = 0; i < count; ++i) {
      most = std::max(most, squares[static_cast<std::size_t>(line + i) * chains + chain]);
    }
    return most;
  };
  return arith::proved(largest(job.row_squares, at.group * job.rows.rows + at.row, at.rows),
                       largest(job.lane_squares, at.group * job.lanes.rows + at.lane, at.lanes));
}

/// Exponents of the rows of one side of a tile in one block.
template <int count>
std::array<int, count> exponents(const Matrix& matrix, std::int64_t group, std::int64_t first, int real,
                                 std::int64_t block) {
  std::array<int, count> of_row;
  for (int i = 0; i < count; ++i) {
    of_row[static_cast<std::size_t>(i)] =
        matrix.row_exponents(group, first + std::min(i, real - 1))[matrix.block_stride * block];
  }
  return of_row;
}

/// The spill of one chain for every output of the tile.
void scales(const Job& job, const Place& at, const arith::Chain& chain, SpillScale& scale,
            double (*power)[tile_lanes]) {
  const std::int64_t row_block = job.swapped ? chain.block_b : chain.block_a;
  const std::int64_t lane_block = job.swapped ? chain.block_a : chain.block_b;
  const auto of_row = exponents<tile_rows>(job.rows, at.group, at.row, at.rows, row_block);
  const auto of_lane = exponents<tile_lanes>(job.lanes, at.group, at.lane, at.lanes, lane_block);
  int last = of_row[0] + of_lane[0];
  arith::SpillFactors factors = arith::spill_factors(last);
  double scaled = formats::power_of_two(last);
  for (std::size_t r = 0; r < tile_rows; ++r) {
    for (std::size_t j = 0; j < tile_lanes; ++j) {
      if (of_row[r] + of_lane[j] != last) {
        last = of_row[r] + of_lane[j];
        factors = arith::spill_factors(last);
        scaled = formats::power_of_two(last);
      }
      scale.first[r][j] = factors.first;
      scale.second[r][j] = factors.second;
      power[r][j] = scaled;
    }
  }
}

void record_chain_ends(const Place& at, const IntegerTileState& state, Telemetry& telemetry) {
  for (int r = 0; r < at.rows; ++r) {
    for (int j = 0; j < at.lanes; ++j) {
      const std::int64_t sum = state.true_sum[r][j];
      telemetry.max_chain_sum = std::max(telemetry.max_chain_sum, static_cast<std::uint64_t>(sum < 0 ? -sum : sum));
      ++telemetry.chain_bits[static_cast<std::size_t>(arith::bits_needed(sum) - 1)];
    }
  }
}

void record_events(const Job& job, const Place& at, const IntegerTileState& state, Telemetry& telemetry) {
  for (int r = 0; r < at.rows; ++r) {
    for (int j = 0; j < at.lanes; ++j) {
      if (state.events[r][j] == 0) {
        continue;
      }
      const auto output = static_cast<std::int64_t>(job.index(at.group, at.row + r, at.lane + j));
      telemetry.overflow_events += state.events[r][j];
      ++telemetry.overflow_outputs;
      if (telemetry.first_output < 0 || output < telemetry.first_output) {
        telemetry.first_output = output;
        telemetry.first_k = state.first[r][j];
      }
    }
  }
}

void integer_tile(const Job& job, const Place& at, const std::vector<std::int32_t>& panel, Telemetry& telemetry) {
  IntegerTile tile{{}, panel.data(), 0, 0, job.plan.accumulator.atom, job.plan.accumulator.overflow};
  for (int r = 0; r < tile_rows; ++r) {
    tile.rows[r] = job.rows.row_codes(at.group, at.row + std::min(r, at.rows - 1));
  }
  const bool one_pair = job.rows.block_stride == 0 && job.lanes.block_stride == 0;
  IntegerTileState state{};
  std::fill_n(&state.first[0][0], tile_rows * tile_lanes, std::int64_t{-1});
  SpillScale scale;
  alignas(64) double power[tile_rows][tile_lanes];
  alignas(64) float c[tile_rows][tile_lanes] = {};
  alignas(64) double exact[tile_rows][tile_lanes] = {};
  std::int64_t sums[tile_rows][tile_lanes] = {};
  for (std::size_t i = 0; i < job.plan.chains.size(); ++i) {
    const arith::Chain& chain = job.plan.chains[i];
    if (i == 0 || !one_pair) {
      scales(job, at, chain, scale, power);
    }
    tile.begin = chain.begin;
    tile.end = chain.end;
    (chain_is_proved(job, at, i) ? job.kernel.proved_chain : job.kernel.stepped_chain)(tile, state);
    job.kernel.spill(state, scale, c);
    if (job.full) {
      record_chain_ends(at, state, telemetry);
      if (!one_pair) {
        job.kernel.exact_chain(tile, power, exact);
      }
      for (int o = 0; o < tile_rows * tile_lanes; ++o) {
        sums[o / tile_lanes][o % tile_lanes] += state.true_sum[o / tile_lanes][o % tile_lanes];
      }
    }
  }
  record_events(job, at, state, telemetry);
  for (int r = 0; r < at.rows; ++r) {
    for (int j = 0; j < at.lanes; ++j) {
      const std::size_t index = job.index(at.group, at.row + r, at.lane + j);
      job.result[index] = c[r][j] == 0 ? 0.0f : c[r][j];
      if (job.full) {
        job.exact[index] = one_pair ? static_cast<double>(sums[r][j]) * power[r][j] : exact[r][j];
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

/// All row tiles of one panel from `first_row` up to `last_row`.
void run_panel(const Job& job, std::int64_t group, std::int64_t lane, std::int64_t first_row, std::int64_t last_row,
               Telemetry& telemetry) {
  const int lanes = static_cast<int>(std::min<std::int64_t>(tile_lanes, job.lanes.rows - lane));
  std::vector<std::int32_t> codes;
  pack_panel(job.lanes.row_codes(group, lane), job.lanes.length(), lanes, codes);
  for (std::int64_t row = first_row; row < last_row; row += tile_rows) {
    const Place at{group, row, lane, static_cast<int>(std::min<std::int64_t>(tile_rows, last_row - row)), lanes};
    integer_tile(job, at, codes, telemetry);
  }
}

/// Tiles needed with this many rows and lanes.
std::int64_t tiles(std::int64_t rows, std::int64_t lanes) {
  return ((rows + tile_rows - 1) / tile_rows) * ((lanes + tile_lanes - 1) / tile_lanes);
}

void run(const Job& job, Telemetry& telemetry) {
  constexpr std::int64_t rows_per_task = 64 * tile_rows;
  const std::int64_t panels = (job.lanes.rows + tile_lanes - 1) / tile_lanes;
  const std::int64_t slices = (job.rows.rows + rows_per_task - 1) / rows_per_task;
  const std::int64_t tasks = job.plan.shape.groups * panels * slices;
#pragma omp parallel if (worth_threads(static_cast <std::int64_t>(telemetry.products) / 16))
  {
    Telemetry part;
#pragma omp for schedule(dynamic)
    for (std::int64_t task = 0; task < tasks; ++task) {
      const std::int64_t group = task / (panels * slices);
      const std::int64_t panel = task / slices % panels;
      const std::int64_t first_row = task % slices * rows_per_task;
      run_panel(job, group, panel * tile_lanes, first_row, std::min(first_row + rows_per_task, job.rows.rows), part);
    }
#pragma omp critical
    merge(part, telemetry);
  }
}

}  // namespace

void multiply(const Product& product, std::span<float> result, TelemetryLevel level, Telemetry& telemetry,
              const TileKernel* chosen) {
  const TileKernel& kernel = chosen == nullptr ? best_tile_kernel() : *chosen;
  const ProductPlan plan = plan_product(product, telemetry, &kernel);
  PRECSIM_CHECK(result.size() == telemetry.outputs, "a result of another size");
  const bool full = level == TelemetryLevel::full;
  std::vector<double> exact(full ? result.size() : 0);
  if (!product.is_integer()) {
    multiply_floats(product, kernel, result, exact);
    finish_telemetry(result, exact, level, telemetry);
    return;
  }
  const bool swapped = tiles(product.right.rows, product.left.rows) < tiles(product.left.rows, product.right.rows);
  Job job{product,
          plan,
          kernel,
          swapped ? product.right : product.left,
          swapped ? product.left : product.right,
          swapped,
          full,
          telemetry.proved,
          result,
          exact,
          {},
          {}};
  if (!job.proved) {
    job.row_squares = squares_by_chain(job.rows, plan.chains, job.kernel);
    job.lane_squares = squares_by_chain(job.lanes, plan.chains, job.kernel);
  }
  run(job, telemetry);
  finish_telemetry(result, exact, level, telemetry);
}

}  // namespace precsim::kernels
