// Matrix products as tiles.
#include "sim/kernels/native/gemm.hpp"

#include <algorithm>
#include <vector>

#include "formats/exact.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native/tiling.hpp"

namespace precsim::kernels::native {
namespace {

constexpr int smallest_normal = -126;
constexpr int largest_normal = 127;

/// A matrix as words, row by row; FP32 rows and even numbers of codes stand in place.
struct WordRows {
  std::vector<std::int16_t> copy;
  const Word* words = nullptr;
  std::int64_t row_words = 0;

  explicit WordRows(const Matrix& matrix, bool integer) {
    if (!integer) {
      words = reinterpret_cast<const Word*>(matrix.values.data());
      row_words = matrix.length();
      return;
    }
    row_words = (matrix.length() + 1) / 2;
    words = reinterpret_cast<const Word*>(matrix.codes.data());
    if (matrix.length() % 2 != 0) {
      const std::int64_t lines = matrix.groups * matrix.rows;
      copy.resize(static_cast<std::size_t>(2 * lines * row_words));
      for (std::int64_t line = 0; line < lines; ++line) {
        std::copy_n(matrix.codes.data() + line * matrix.length(), matrix.length(), copy.data() + 2 * line * row_words);
      }
      words = reinterpret_cast<const Word*>(copy.data());
    }
  }
  const Word* row(std::int64_t line) const { return words + line * row_words; }
};

std::vector<std::vector<Segment>> cut_chains(std::span<const arith::Chain> chains, std::int64_t words, bool integer) {
  std::vector<std::int64_t> ends;
  if (integer) {
    for (const arith::Chain& chain : chains) {
      ends.push_back(chain.end + chain.end % 2);
    }
  } else {
    for (std::int64_t k = steps_per_block; k < words; k += steps_per_block) {
      ends.push_back(k);
    }
    ends.push_back(words);
  }
  const std::int64_t per_step = integer ? 2 : 1;
  const Stretch whole[] = {{0, words * per_step, 0}};
  return cut_segments(whole, ends, per_step, steps_per_block);
}

int exponent_at(const Matrix& matrix, std::int64_t line, std::int64_t block) {
  return matrix.exponents[static_cast<std::size_t>(line * matrix.row_stride + block * matrix.block_stride)];
}

/// Powers of two by row and chain, split evenly over both sides so that each is a normal number.
class Factors {
 public:
  Factors(const Product& product, std::span<const arith::Chain> chains) : product_(product), chains_(chains) {
    const auto [left_low, left_high] = range(product.left);
    const auto [right_low, right_high] = range(product.right);
    possible_ = left_low + right_low >= smallest_normal && left_high + right_high <= largest_normal;
    // Exponents of the left move by the shift, those of the right against it, so that both sides are in range.
    shift_ = -(left_low + left_high) / 2;
    possible_ = possible_ && left_low + shift_ >= smallest_normal && left_high + shift_ <= largest_normal &&
                right_low - shift_ >= smallest_normal && right_high - shift_ <= largest_normal;
  }
  bool possible() const { return possible_; }

  void fill_row(std::int64_t line, float* factors) const {
    for (std::size_t c = 0; c < chains_.size(); ++c) {
      factors[c] = power(exponent_at(product_.left, line, chains_[c].block_a) + shift_);
    }
  }
  void fill_panel(std::int64_t group, std::int64_t panel, float* factors) const {
    for (const arith::Chain& chain : chains_) {
      for (std::int64_t j = 0; j < panel_lanes; ++j) {
        const std::int64_t column = std::min(panel * panel_lanes + j, product_.right.rows - 1);
        *factors++ = power(exponent_at(product_.right, group * product_.right.rows + column, chain.block_b) - shift_);
      }
    }
  }

 private:
  static float power(int exponent) { return static_cast<float>(formats::power_of_two(exponent)); }
  static std::pair<int, int> range(const Matrix& matrix) {
    const auto [low, high] = std::minmax_element(matrix.exponents.begin(), matrix.exponents.end());
    return {*low, *high};
  }

  const Product& product_;
  std::span<const arith::Chain> chains_;
  bool possible_ = true;
  int shift_ = 0;
};

template <class T>
void multiply_packed(const NativeKernel& kernel, const PackedRows& left, const PackedColumns& right,
                     const Semantics& semantics, float* result) {
  const std::int64_t steps = (left.length() + products_per_step<T> - 1) / products_per_step<T>;
  const std::int64_t length = steps * products_per_step<T>;
  const Stretch whole[] = {{0, length, 0}};
  auto blocks = cut_reduction<T>(whole, length, semantics.chain);
  for (std::vector<Segment>& block : blocks) {
    for (Segment& segment : block) {
      segment.row *= left.row_step();
    }
  }
  std::vector<std::int64_t> result_starts;
  for (std::int64_t row = 0; row < left.rows(); ++row) {
    result_starts.push_back(row * right.columns());
  }
  Tiling tiling;
  set_semantics<T>(tiling, kernel, semantics);
  tiling.words = left.words();
  tiling.row_starts = left.starts();
  tiling.row_step = left.row_step();
  tiling.panels = right.words();
  tiling.panel_words = steps * panel_lanes;
  tiling.columns = right.columns();
  tiling.blocks = blocks;
  tiling.result = result;
  tiling.result_starts = result_starts;
  run_split(tiling);
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
  }
  const WordRows rows(left, integer);
  const WordRows columns(right, integer);
  const auto blocks = cut_chains(chains, rows.row_words, integer);
  WordBuffer packed(panels * panel_lanes * rows.row_words);
  std::vector<std::int64_t> row_starts;
  std::vector<std::int64_t> result_starts;
  std::vector<float> group_result(static_cast<std::size_t>(left.rows * right.rows));
  for (std::int64_t row = 0; row < left.rows; ++row) {
    row_starts.push_back(row * rows.row_words);
    result_starts.push_back(row * right.rows);
  }
  tiling.row_starts = row_starts;
  tiling.result_starts = result_starts;
  tiling.panels = packed.data();
  tiling.panel_words = rows.row_words * panel_lanes;
  tiling.columns = right.rows;
  tiling.blocks = blocks;
  tiling.result = group_result.data();
  for (std::int64_t group = 0; group < left.groups; ++group) {
    for (std::int64_t panel = 0; panel < panels; ++panel) {
      const Word* lanes[panel_lanes];
      for (std::int64_t j = 0; j < panel_lanes; ++j) {
        const std::int64_t column = panel * panel_lanes + j;
        lanes[j] = column < right.rows ? columns.row(group * right.rows + column) : nullptr;
      }
      pack_rows(lanes, rows.row_words, packed.data() + panel * tiling.panel_words);
    }
    tiling.words = rows.row(group * left.rows);
    tiling.row_factors = row_factors.empty() ? nullptr : row_factors.data() + group * left.rows * tiling.chains;
    tiling.lane_factors =
        lane_factors.empty() ? nullptr : lane_factors.data() + group * panels * panel_lanes * tiling.chains;
    run_split(tiling);
    for (std::int64_t row = 0; row < left.rows; ++row) {
      for (std::int64_t column = 0; column < right.rows; ++column) {
        const std::int64_t to = result_index(product.shape, product.pass, group, row, column);
        result[static_cast<std::size_t>(to)] = group_result[static_cast<std::size_t>(row * right.rows + column)];
      }
    }
  }
  return true;
}

}  // namespace precsim::kernels::native
