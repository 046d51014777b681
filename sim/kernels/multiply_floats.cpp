// Floating-point products as tiles of outputs.
#include "sim/kernels/multiply_floats.hpp"

#include <algorithm>
#include <vector>

#include "formats/array_kernel.hpp"
#include "sim/arith/reduce.hpp"
#include "sim/kernels/float_accumulate.hpp"
#include "sim/kernels/float_operands.hpp"
#include "sim/kernels/native/gemm.hpp"
#include "sim/kernels/panel.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {
namespace {

constexpr std::int64_t drawn_steps = 256;  // whose random words are drawn at once

/// One call as the tiles see it: which operand lies along the lanes.
struct Job {
  const Product& product;
  std::span<const arith::Chain> chains;  ///< blocks of scaled operands; empty: FP32 numbers
  const TileKernel& kernel;
  const formats::ArrayKernel& arrays;
  bool swapped;  ///< the left operand lies along the lanes
  const Matrix& rows;
  const Matrix& lanes;
  std::span<float> result;
  std::span<double> exact;
  std::vector<double> wide_rows;  ///< the values of `rows`; empty until lanes of double need them
  std::vector<char> bad_rows, bad_lanes;

  const arith::FloatAccumulator& accumulator() const { return product.accumulators.floating; }
  std::size_t index(std::int64_t group, std::int64_t row, std::int64_t lane) const {
    return static_cast<std::size_t>(
        result_index(product.shape, product.pass, group, swapped ? lane : row, swapped ? row : lane));
  }
  float reference(std::int64_t group, std::int64_t row, std::int64_t lane) const {
    const auto length = static_cast<std::size_t>(rows.length());
    const std::int64_t left_row = swapped ? lane : row;
    const std::int64_t right_row = swapped ? row : lane;
    const std::span<const float> left{product.left.row_values(group, left_row), length};
    const std::span<const float> right{product.right.row_values(group, right_row), length};
    const std::uint64_t first_word = index(group, row, lane) * length;
    if (!chains.empty()) {
      return arith::reduce({left, product.left.row_exponents(group, left_row), product.left.block_stride},
                           {right, product.right.row_exponents(group, right_row), product.right.block_stride}, chains,
                           accumulator(), product.bits, first_word);
    }
    return arith::reduce(left, right, accumulator(), product.bits, first_word);
  }
  /// The scale of a block of one row of either operand.
  float row_scale(std::int64_t group, std::int64_t row, const arith::Chain& chain) const {
    const std::int64_t block = swapped ? chain.block_b : chain.block_a;
    return static_cast<float>(formats::power_of_two(rows.row_exponents(group, row)[block * rows.block_stride]));
  }
  float lane_scale(std::int64_t group, std::int64_t lane, const arith::Chain& chain) const {
    const std::int64_t block = swapped ? chain.block_a : chain.block_b;
    return static_cast<float>(formats::power_of_two(lanes.row_exponents(group, lane)[block * lanes.block_stride]));
  }
};

/// Where one tile stands, and how much of it is real.
struct Place {
  std::int64_t group, row, lane;
  int rows, lanes;
};

void widen_rows(Job& job) {
  if (job.wide_rows.empty()) {
    job.wide_rows.assign(job.rows.values.begin(), job.rows.values.end());
  }
}

/// The operands of the tiles of one panel as numbers of type Real; rows beyond the last real one repeat it.
template <class Real>
class Operands {
 public:
  Operands(const Job& job, const Place& at) : job_(job) {
    pack_panel(job.lanes.row_values(at.group, at.lane), job.lanes.length(), at.lanes, lanes_);
  }
  template <class Tile>
  void aim(const Place& at, Tile& tile) const {
    tile.lanes = lanes_.data();
    tile.steps = job_.rows.length();
    for (int r = 0; r < tile_rows; ++r) {
      const std::int64_t line = at.group * job_.rows.rows + at.row + std::min(r, at.rows - 1);
      tile.rows[r] = rows() + line * tile.steps;
    }
  }

 private:
  const Real* rows() const {
    if constexpr (std::is_same_v<Real, float>) {
      return job_.rows.values.data();
    } else {
      return job_.wide_rows.data();
    }
  }
  const Job& job_;
  std::vector<Real> lanes_;
};

/// The random words of a tile's steps, in the order in which tiles read them.
class Draws {
 public:
  Draws(const Job& job, std::uint32_t use) : job_(job), bits_(job.product.bits) {
    bits_.use += use;
    fill_ = job.accumulator().rounding.bits >= 32 ? 0 : 0xffffffffu >> job.accumulator().rounding.bits;
  }
  const std::uint32_t* draw(const Place& at, std::int64_t first, std::int64_t steps) {
    words_.resize(static_cast<std::size_t>(tile_rows * tile_lanes * steps));
    for (int r = 0; r < at.rows; ++r) {
      for (int j = 0; j < at.lanes; ++j) {
        const std::size_t output = job_.index(at.group, at.row + r, at.lane + j);
        const auto word = output * static_cast<std::uint64_t>(job_.rows.length()) + static_cast<std::uint64_t>(first);
        job_.arrays.words(bits_, word, steps, line_);
        std::uint32_t* const to = words_.data() + r * steps * tile_lanes + j;
        for (std::int64_t k = 0; k < steps; ++k) {
          to[k * tile_lanes] = line_[k] | fill_;
        }
      }
    }
    return words_.data();
  }

 private:
  const Job& job_;
  formats::RandomBits bits_;
  std::uint32_t fill_;
  std::uint32_t line_[drawn_steps] = {};
  std::vector<std::uint32_t> words_;
};

/// Runs the tiles of one panel.
template <class Real>
class Accumulation {
 public:
  Accumulation(const Job& job, const Place& slice) : job_(job), sum_draws_(job, 0), product_draws_(job, 1) {
    const arith::FloatAccumulator& accumulator = job.accumulator();
    const auto mode = static_cast<std::size_t>(accumulator.rounding.mode);
    if constexpr (std::is_same_v<Real, float>) {
      run_ = accumulator.is_fp32_fma() ? job.kernel.floats->fma : job.kernel.floats->narrow[mode];
      spill_ = job.kernel.floats->spill_narrow;
    } else {
      run_ = job.kernel.floats->wide[mode];
      spill_ = job.kernel.floats->spill_wide;
    }
    for (const arith::Chain& chain : job.chains) {
      for (int j = 0; j < tile_lanes; ++j) {
        scales_.push_back(job.lane_scale(slice.group, slice.lane + std::min(j, slice.lanes - 1), chain));
      }
    }
    tile_.sum = lane_format<Real>(accumulator.sum, accumulator.rounding);
    tile_.rounds_product = accumulator.product.has_value();
    if (accumulator.product) {
      tile_.product = lane_format<Real>(*accumulator.product, accumulator.rounding);
    }
  }

  void run(const Place& at, const Operands<Real>& operands) {
    operands.aim(at, tile_);
    if (!job_.chains.empty()) {
      run_blocks(at);
      return;
    }
    AccumulateState<Real> state;
    run_steps(at, 0, tile_.steps, state);
    store(at, state);
  }

 private:
  /// Sums of blocks, each from zero, spilled.
  void run_blocks(const Place& at) {
    SpillState spilled;
    SpillScales scales;
    scales.lanes = scales_.data();
    for (const arith::Chain& chain : job_.chains) {
      AccumulateState<Real> state;
      run_steps(at, chain.begin, chain.end, state);
      for (int r = 0; r < tile_rows; ++r) {
        scales.rows[r] = job_.row_scale(at.group, at.row + std::min(r, at.rows - 1), chain);
      }
      spill_(state, scales, spilled);
      scales.lanes += tile_lanes;
    }
    store(at, spilled);
  }

  void run_steps(const Place& at, std::int64_t begin, std::int64_t end, AccumulateState<Real>& state) {
    AccumulateTile<Real> piece = tile_;
    piece.lanes += begin * tile_lanes;
    for (const Real*& row : piece.rows) {
      row += begin;
    }
    if (!job_.accumulator().rounding.is_stochastic()) {
      piece.steps = end - begin;
      run_(piece, state);
      return;
    }
    for (std::int64_t first = begin; first < end; first += drawn_steps) {
      piece.steps = std::min(drawn_steps, end - first);
      piece.sum_draws = sum_draws_.draw(at, first, piece.steps);
      piece.product_draws = tile_.rounds_product ? product_draws_.draw(at, first, piece.steps) : nullptr;
      run_(piece, state);
      piece.lanes += piece.steps * tile_lanes;
      for (const Real*& row : piece.rows) {
        row += piece.steps;
      }
    }
  }

  template <class State>
  void store(const Place& at, const State& state) const {
    const std::int64_t row = at.group * job_.rows.rows + at.row;
    const std::int64_t lane = at.group * job_.lanes.rows + at.lane;
    for (int r = 0; r < at.rows; ++r) {
      for (int j = 0; j < at.lanes; ++j) {
        const bool lost = state.lost[r][j] != 0 || job_.bad_rows[static_cast<std::size_t>(row + r)] != 0 ||
                          job_.bad_lanes[static_cast<std::size_t>(lane + j)] != 0;
        const auto sum = static_cast<float>(state.sum[r][j]);
        float& to = job_.result[job_.index(at.group, at.row + r, at.lane + j)];
        to = lost ? job_.reference(at.group, at.row + r, at.lane + j) : sum == 0 ? 0.0f : sum;
      }
    }
  }

  const Job& job_;
  AccumulateTile<Real> tile_;
  Accumulate<Real> run_ = nullptr;
  void (*spill_)(const AccumulateState<Real>&, const SpillScales&, SpillState&) = nullptr;
  std::vector<float> scales_;  ///< of the lanes, chain by chain
  Draws sum_draws_, product_draws_;
};

void exact_tile(const Job& job, const Place& at, const Operands<double>& operands) {
  ExactTile tile;
  operands.aim(at, tile);
  alignas(64) double exact[tile_rows][tile_lanes] = {};
  job.kernel.floats->exact(tile, exact);
  for (int r = 0; r < at.rows; ++r) {
    for (int j = 0; j < at.lanes; ++j) {
      job.exact[job.index(at.group, at.row + r, at.lane + j)] = exact[r][j];
    }
  }
}

void reference_tile(const Job& job, const Place& at) {
  for (int r = 0; r < at.rows; ++r) {
    for (int j = 0; j < at.lanes; ++j) {
      job.result[job.index(at.group, at.row + r, at.lane + j)] = job.reference(at.group, at.row + r, at.lane + j);
    }
  }
}

/// Calls run(place) for every tile of a panel, for all panels; panels are shared among threads, in slices of their
/// rows. begin(place) is called before the tiles of a slice and returns what runs them.
template <class Begin>
void for_each_tile(const Job& job, const Begin& begin) {
  constexpr std::int64_t rows_per_task = 256 * tile_rows;
  const std::int64_t panels = (job.lanes.rows + tile_lanes - 1) / tile_lanes;
  const std::int64_t slices = (job.rows.rows + rows_per_task - 1) / rows_per_task;
  const std::int64_t tasks = job.rows.groups * panels * slices;
  const auto products = static_cast<std::int64_t>(job.result.size()) * job.rows.length();
#pragma omp parallel for schedule(dynamic) if (worth_threads(products / 16))
  for (std::int64_t task = 0; task < tasks; ++task) {
    const std::int64_t first_row = task % slices * rows_per_task;
    Place at{task / (panels * slices), first_row, task / slices % panels * tile_lanes, tile_rows, tile_lanes};
    at.lanes = static_cast<int>(std::min<std::int64_t>(tile_lanes, job.lanes.rows - at.lane));
    auto run = begin(at);
    const std::int64_t last_row = std::min(first_row + rows_per_task, job.rows.rows);
    for (; at.row < last_row; at.row += tile_rows) {
      at.rows = static_cast<int>(std::min<std::int64_t>(tile_rows, last_row - at.row));
      run(at);
    }
  }
}

template <class Real>
void accumulate(const Job& job) {
  for_each_tile(job, [&](const Place& slice) {
    return [operands = Operands<Real>(job, slice),
            accumulation = Accumulation<Real>(job, slice)](const Place& at) mutable { accumulation.run(at, operands); };
  });
}

template <class Real>
bool lanes_serve(const arith::FloatAccumulator& accumulator) {
  return lanes_round<Real>(accumulator.sum, accumulator.rounding) &&
         (!accumulator.product || lanes_round<Real>(*accumulator.product, accumulator.rounding));
}

void fill_result(Job& job) {
  const Product& product = job.product;
  const bool fma = job.accumulator().is_fp32_fma();
  if (fma && job.chains.empty()) {
    native::multiply_matrices(*job.kernel.native, product, {}, arith::OverflowRule::wrap, job.result);
    return;
  }
  if (!lanes_serve<double>(job.accumulator())) {
    for_each_tile(job, [&](const Place&) { return [&](const Place& at) { reference_tile(job, at); }; });
    return;
  }
  job.bad_rows = nonfinite_rows(job.rows, job.arrays);
  job.bad_lanes = nonfinite_rows(job.lanes, job.arrays);
  if ((fma || lanes_serve<float>(job.accumulator())) &&
      products_are_floats(product.left.values, product.right.values)) {
    accumulate<float>(job);
  } else {
    widen_rows(job);
    accumulate<double>(job);
  }
}

/// Tiles needed with this many rows and lanes.
std::int64_t tiles(std::int64_t rows, std::int64_t lanes) {
  return ((rows + tile_rows - 1) / tile_rows) * ((lanes + tile_lanes - 1) / tile_lanes);
}

/// Every element times the scale of its block.
Matrix decoded(const Matrix& matrix) {
  Matrix out;
  out.groups = matrix.groups;
  out.rows = matrix.rows;
  out.taps = matrix.taps;
  out.period = matrix.period;
  out.values = matrix.values;
  const std::int64_t lines = matrix.groups * matrix.rows;
#pragma omp parallel for schedule(static) if (worth_threads(lines * matrix.length()))
  for (std::int64_t line = 0; line < lines; ++line) {
    float* value = out.values.data() + line * matrix.length();
    const std::int16_t* exponent = matrix.exponents.data() + line * matrix.row_stride;
    for (const arith::Chain& block : arith::cut({matrix.length(), matrix.period, matrix.block, 0}, 0)) {
      const double scale = formats::power_of_two(exponent[block.block_a * matrix.block_stride]);
      for (std::int64_t k = block.begin; k < block.end; ++k) {
        value[k] = static_cast<float>(static_cast<double>(value[k]) * scale);
      }
    }
  }
  return out;
}

void fill_exact(Job& job) {
  widen_rows(job);
  for_each_tile(job, [&](const Place& slice) {
    return [&job, operands = Operands<double>(job, slice)](const Place& at) { exact_tile(job, at, operands); };
  });
}

}  // namespace

void multiply_floats(const Product& product, std::span<const arith::Chain> chains, const TileKernel& kernel,
                     std::span<float> result, std::span<double> exact) {
  const Matrix& left = product.left;
  const Matrix& right = product.right;
  const bool swapped = tiles(right.rows, left.rows) < tiles(left.rows, right.rows);
  const auto job_of = [&](const Matrix& a, const Matrix& b) {
    return Job{product, chains, kernel, array_kernel(&kernel), swapped, swapped ? b : a, swapped ? a : b, result, exact,
               {},      {},     {}};
  };
  Job job = job_of(left, right);
  fill_result(job);
  if (exact.empty()) {
    return;
  }
  if (chains.empty()) {
    fill_exact(job);
    return;
  }
  const Matrix left_values = decoded(left);
  const Matrix right_values = decoded(right);
  Job of_values = job_of(left_values, right_values);
  fill_exact(of_values);
}

}  // namespace precsim::kernels
