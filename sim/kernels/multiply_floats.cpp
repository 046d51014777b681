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
    const std::span<const float> left{product.left.row_values(group, swapped ? lane : row), length};
    const std::span<const float> right{product.right.row_values(group, swapped ? row : lane), length};
    return arith::reduce(left, right, accumulator(), product.bits, index(group, row, lane) * length);
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

template <class Real>
class Accumulation {
 public:
  explicit Accumulation(const Job& job) : job_(job), sum_draws_(job, 0), product_draws_(job, 1) {
    const arith::FloatAccumulator& accumulator = job.accumulator();
    const auto mode = static_cast<std::size_t>(accumulator.rounding.mode);
    if constexpr (std::is_same_v<Real, float>) {
      run_ = job.kernel.floats->narrow[mode];
    } else {
      run_ = job.kernel.floats->wide[mode];
    }
    tile_.sum = lane_format<Real>(accumulator.sum, accumulator.rounding);
    tile_.rounds_product = accumulator.product.has_value();
    if (accumulator.product) {
      tile_.product = lane_format<Real>(*accumulator.product, accumulator.rounding);
    }
  }

  void run(const Place& at, const Operands<Real>& operands) {
    operands.aim(at, tile_);
    AccumulateState<Real> state;
    if (job_.accumulator().rounding.is_stochastic()) {
      run_with_draws(at, state);
    } else {
      run_(tile_, state);
    }
    store(at, state);
  }

 private:
  void run_with_draws(const Place& at, AccumulateState<Real>& state) {
    AccumulateTile<Real> piece = tile_;
    for (std::int64_t first = 0; first < tile_.steps; first += drawn_steps) {
      piece.steps = std::min(drawn_steps, tile_.steps - first);
      piece.sum_draws = sum_draws_.draw(at, first, piece.steps);
      piece.product_draws = tile_.rounds_product ? product_draws_.draw(at, first, piece.steps) : nullptr;
      run_(piece, state);
      piece.lanes += piece.steps * tile_lanes;
      for (const Real*& row : piece.rows) {
        row += piece.steps;
      }
    }
  }

  void store(const Place& at, const AccumulateState<Real>& state) const {
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
    return [operands = Operands<Real>(job, slice), accumulation = Accumulation<Real>(job)](const Place& at) mutable {
      accumulation.run(at, operands);
    };
  });
}

template <class Real>
bool lanes_serve(const arith::FloatAccumulator& accumulator) {
  return lanes_round<Real>(accumulator.sum, accumulator.rounding) &&
         (!accumulator.product || lanes_round<Real>(*accumulator.product, accumulator.rounding));
}

void fill_result(Job& job) {
  const Product& product = job.product;
  if (job.accumulator().is_fp32_fma()) {
    native::multiply_matrices(*job.kernel.native, product, {}, arith::OverflowRule::wrap, job.result);
    return;
  }
  if (!lanes_serve<double>(job.accumulator())) {
    for_each_tile(job, [&](const Place&) { return [&](const Place& at) { reference_tile(job, at); }; });
    return;
  }
  job.bad_rows = nonfinite_rows(job.rows, job.arrays);
  job.bad_lanes = nonfinite_rows(job.lanes, job.arrays);
  if (lanes_serve<float>(job.accumulator()) && products_are_floats(product.left.values, product.right.values)) {
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

}  // namespace

void multiply_floats(const Product& product, const TileKernel& kernel, std::span<float> result,
                     std::span<double> exact) {
  const Matrix& left = product.left;
  const Matrix& right = product.right;
  const bool swapped = tiles(right.rows, left.rows) < tiles(left.rows, right.rows);
  Job job{product,
          kernel,
          array_kernel(&kernel),
          swapped,
          swapped ? right : left,
          swapped ? left : right,
          result,
          exact,
          {},
          {},
          {}};
  fill_result(job);
  if (!exact.empty()) {
    widen_rows(job);
    for_each_tile(job, [&](const Place& slice) {
      return [&job, operands = Operands<double>(job, slice)](const Place& at) { exact_tile(job, at, operands); };
    });
  }
}

}  // namespace precsim::kernels
