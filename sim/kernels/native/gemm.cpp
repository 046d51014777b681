// Matrix products as tiles.
#include "sim/kernels/native/gemm.hpp"

#include <algorithm>
#include <vector>

#include "sim/kernels/native/exponent_range.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native/tiling.hpp"

namespace precsim::kernels::native {
namespace {

int exponent_at(const Matrix& matrix, std::int64_t line, std::int64_t block) {
  return matrix.exponents[static_cast<std::size_t>(line * matrix.row_stride + block * matrix.block_stride)];
}

/// Of a matrix; (0, 0) where there are none.
ExponentRange every_exponent(const Matrix& matrix) {
  const auto [low, high] = std::minmax_element(matrix.exponents.begin(), matrix.exponents.end());
  return {*low, *high};
}

/// The same of blocks with a code other than zero.
ExponentRange exponents_that_count(const Matrix& matrix) {
  const std::vector<arith::Chain> blocks = arith::cut({matrix.length(), matrix.period, matrix.block, 0}, 0);
  ExponentRange range{INT16_MAX, INT16_MIN};
  for (std::int64_t line = 0; line < matrix.groups * matrix.rows; ++line) {
    const std::int16_t* const codes = matrix.codes.data() + line * matrix.length();
    for (const arith::Chain& block : blocks) {
      const int exponent = exponent_at(matrix, line, block.block_a);
      const bool wider = exponent < range.low || exponent > range.high;
      if (wider && std::any_of(codes + block.begin, codes + block.end, [](std::int16_t code) { return code != 0; })) {
        range = {std::min(range.low, exponent), std::max(range.high, exponent)};
      }
    }
  }
  return range.low > range.high ? ExponentRange{} : range;
}

/// Powers of two by row and chain.
class Factors {
 public:
  Factors(const Product& product, std::span<const arith::Chain> chains) : product_(product), chains_(chains) {
    set_shift(every_exponent(product.left), every_exponent(product.right));
    if (!split_.possible) {
      set_shift(exponents_that_count(product.left), exponents_that_count(product.right));
    }
  }
  bool possible() const { return split_.possible; }

  void fill_row(std::int64_t line, float* factors) const {
    for (std::size_t c = 0; c < chains_.size(); ++c) {
      factors[c] = left_.power(exponent_at(product_.left, line, chains_[c].block_a), split_.shift);
    }
  }
  void fill_panel(std::int64_t group, std::int64_t panel, float* factors) const {
    for (const arith::Chain& chain : chains_) {
      for (std::int64_t j = 0; j < panel_lanes; ++j) {
        const std::int64_t column = std::min(panel * panel_lanes + j, product_.right.rows - 1);
        const std::int64_t at = group * product_.right.rows + column;
        *factors++ = right_.power(exponent_at(product_.right, at, chain.block_b), -split_.shift);
      }
    }
  }

 private:
  void set_shift(const ExponentRange& left, const ExponentRange& right) {
    left_ = left;
    right_ = right;
    split_ = split_powers(left, right);
  }

  const Product& product_;
  std::span<const arith::Chain> chains_;
  ExponentRange left_, right_;  ///< that count
  PowerSplit split_{};
};

/// The product of packed operands whose semantics `tiling` has; row i of the result at result + i * distance.
void run_packed(Tiling tiling, const PackedRows& left, const PackedColumns& right,
                std::vector<std::vector<Segment>> blocks, float* result, std::int64_t distance) {
  for (std::vector<Segment>& segments : blocks) {
    for (Segment& segment : segments) {
      segment.row *= left.row_step();
    }
  }
  std::vector<RowRun> runs;
  for (std::int64_t tile = 0; tile < left.tiles(); ++tile) {
    const std::int64_t first = left.first_row(tile);
    runs.push_back(
        {left.first_row(tile + 1) - first, tile * left.row_step() * left.steps(), 1, first * distance, distance});
  }
  tiling.words = left.words();
  tiling.runs = runs;
  tiling.row_step = left.row_step();
  tiling.panels = right.words();
  std::vector<std::int64_t> panel_starts;
  for (std::int64_t first = 0; first < right.columns(); first += panel_lanes) {
    panel_starts.push_back(first * right.steps());
  }
  tiling.panel_starts = panel_starts;
  tiling.columns = right.columns();
  tiling.blocks = blocks;
  tiling.result = result;
  run_split(tiling);
}

/// Steps of a block where a reduction is cut into as few nearly equal blocks as the caches ask for.
std::int64_t even_steps(std::int64_t steps) {
  constexpr std::int64_t most = 576;  // of a tile's rows, in the first-level cache
  const std::int64_t blocks = std::max<std::int64_t>(1, (steps + most - 1) / most);
  return (steps + blocks - 1) / blocks;
}

template <class T>
std::vector<std::vector<Segment>> cut_whole(std::int64_t steps, std::int64_t chain) {
  const std::int64_t length = steps * products_per_step<T>;
  const Stretch whole[] = {{0, length, 0}};
  return cut_reduction<T>(whole, length, chain, even_steps(steps));
}

template <class T>
void multiply_packed(const NativeKernel& kernel, const PackedRows& left, const PackedColumns& right,
                     const Semantics& semantics, float* result) {
  Tiling tiling;
  set_semantics<T>(tiling, kernel, semantics);
  run_packed(tiling, left, right, cut_whole<T>(right.steps(), semantics.chain), result, right.columns());
}

/// Packs a group of a matrix.
template <class Packed>
void pack_group(Packed& packed, const NativeKernel& kernel, const Matrix& matrix, bool integer, std::int64_t group) {
  const std::int64_t start = group * matrix.rows * matrix.length();
  if (integer) {
    packed.pack(kernel, matrix.codes.data() + start, matrix.rows, matrix.length(), matrix.length());
  } else {
    packed.pack(kernel, matrix.values.data() + start, matrix.rows, matrix.length(), matrix.length());
  }
}

}  // namespace

void gemm(const NativeKernel& kernel, const PackedRows& left, const PackedColumns& right, const Semantics& semantics,
          float* result) {
  if (left.is_integer()) {
    multiply_packed<std::int16_t>(kernel, left, right, semantics, result);
  } else {
    multiply_packed<float>(kernel, left, right, semantics, result);
  }
}

bool multiply_matrices(const NativeKernel& kernel, const Product& product, std::span<const arith::Chain> chains,
                       arith::OverflowRule overflow, std::span<float> result) {
  const bool integer = product.is_integer();
  const Matrix& left = product.left;
  const Matrix& right = product.right;
  std::vector<float> row_factors;
  std::vector<float> lane_factors;
  std::vector<std::vector<Segment>> blocks;
  const std::int64_t panels = padded_columns(right.rows) / panel_lanes;
  Tiling tiling;
  tiling.kernel = &kernel;
  if (integer) {
    const Factors factors(product, chains);
    if (!factors.possible()) {
      return false;
    }
    const auto count = static_cast<std::int64_t>(chains.size());
    row_factors.resize(static_cast<std::size_t>(left.groups * left.rows * count));
    for (std::int64_t line = 0; line < left.groups * left.rows; ++line) {
      factors.fill_row(line, row_factors.data() + line * count);
    }
    lane_factors.resize(static_cast<std::size_t>(left.groups * panels * panel_lanes * count));
    for (std::int64_t panel = 0; panel < left.groups * panels; ++panel) {
      factors.fill_panel(panel / panels, panel % panels, lane_factors.data() + panel * panel_lanes * count);
    }
    tiling.loops = overflow == arith::OverflowRule::wrap ? &kernel.wrap : &kernel.saturate;
    tiling.spill = Spill::blocked;
    tiling.chains = count;
    std::vector<std::int64_t> ends;
    for (const arith::Chain& chain : chains) {
      ends.push_back(chain.end + chain.end % 2);
    }
    const std::int64_t length = left.length() + left.length() % 2;
    const Stretch whole[] = {{0, length, 0}};
    blocks = cut_segments(whole, ends, 2, even_steps(length / 2));
  } else {
    blocks = cut_whole<float>(left.length(), arith::chain_to_end);
  }
  thread_local PackedRows rows;
  thread_local PackedColumns columns;
  for (std::int64_t group = 0; group < left.groups; ++group) {
    pack_group(rows, kernel, left, integer, group);
    pack_group(columns, kernel, right, integer, group);
    tiling.row_factors = row_factors.empty() ? nullptr : row_factors.data() + group * left.rows * tiling.chains;
    tiling.lane_factors =
        lane_factors.empty() ? nullptr : lane_factors.data() + group * panels * panel_lanes * tiling.chains;
    const std::int64_t start = result_index(product.shape, product.pass, group, 0, 0);
    const std::int64_t distance =
        left.rows > 1 ? result_index(product.shape, product.pass, group, 1, 0) - start : right.rows;
    run_packed(tiling, rows, columns, blocks, result.data() + start, distance);
  }
  return true;
}

}  // namespace precsim::kernels::native
