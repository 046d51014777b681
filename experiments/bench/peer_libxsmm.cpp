// libxsmm: small kernels over blocks, in its own column-major words. Its m is our columns, its n our rows.
#include <fmt/format.h>
#include <libxsmm.h>

#include <cmath>

#include "experiments/bench/peer_makers.hpp"
#include "experiments/bench/peers.hpp"

namespace precsim::bench {
namespace {

constexpr std::int64_t block = 64;
constexpr std::int64_t row_blocks[] = {64, 56, 49};  ///< the first that divides the rows

/// A product in blocks: left [row block][k block][row][k], right [column block][k block][k][column] (codes: pairs of k
/// side by side), result [row block][column block][row][column].
template <class T, class Sum>
struct Blocked {
  std::int64_t rows, columns, lengths, block_rows;  ///< the first three counted in blocks
  std::vector<T> left, right;
  std::vector<Sum> result;

  Blocked(const kernels::ConvShape& shape, std::int64_t rows_per_block, const std::vector<T>& from_left,
          const std::vector<T>& from_right)
      : rows(shape.n / rows_per_block),
        columns(shape.oc / block),
        lengths(shape.ic / block),
        block_rows(rows_per_block),
        left(from_left.size()),
        right(from_right.size()),
        result(static_cast<std::size_t>(shape.output_size()), Sum{-1}) {
    constexpr std::int64_t group = sizeof(T) == 2 ? 2 : 1;
    for (std::int64_t row = 0; row < shape.n; ++row) {
      for (std::int64_t k = 0; k < shape.ic; ++k) {
        const std::int64_t place = row / block_rows * lengths + k / block;
        left[static_cast<std::size_t>(place * block_rows * block + row % block_rows * block + k % block)] =
            from_left[static_cast<std::size_t>(row * shape.ic + k)];
      }
    }
    for (std::int64_t column = 0; column < shape.oc; ++column) {
      for (std::int64_t k = 0; k < shape.ic; ++k) {
        const std::int64_t place = column / block * lengths + k / block;
        const std::int64_t inside = k % block / group * block * group + column % block * group + k % group;
        right[static_cast<std::size_t>(place * block * block + inside)] =
            from_right[static_cast<std::size_t>(column * shape.ic + k)];
      }
    }
  }
  Sum at(const Place& place) const {
    const std::int64_t tile = place.row / block_rows * columns + place.column / block;
    return result[static_cast<std::size_t>(tile * block_rows * block + place.row % block_rows * block +
                                           place.column % block)];
  }
  template <class Kernel>
  void multiply(Kernel kernel) {
#pragma omp parallel for collapse(2) schedule(static)
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = 0; column < columns; ++column) {
        const auto count = static_cast<unsigned long long>(lengths);
        kernel(right.data() + column * lengths * block * block, left.data() + row * lengths * block_rows * block,
               result.data() + (row * columns + column) * block_rows * block, &count);
      }
    }
  }
};

/// Rows per block, or 0 where blocks do not divide the product.
std::int64_t rows_per_block(const kernels::ConvShape& shape) {
  if (shape.oc % block != 0 || shape.ic % block != 0) {
    return 0;
  }
  for (const std::int64_t rows : row_blocks) {
    if (shape.n % rows == 0) {
      return rows;
    }
  }
  return 0;
}

}  // namespace

std::string libxsmm_version() {
  libxsmm_init();
  return fmt::format("libxsmm {}.{}, target {}", LIBXSMM_VERSION_MAJOR, LIBXSMM_VERSION_MINOR,
                     libxsmm_get_target_arch());
}

std::optional<Contender> libxsmm_int16(const OperandsPtr& operands) {
  const std::int64_t rows = rows_per_block(operands->shape);
  const int leading = block, flags = LIBXSMM_GEMM_FLAG_VNNI_A, prefetch = LIBXSMM_PREFETCH_NONE, one = 1, zero = 0;
  const auto kernel =
      rows == 0 ? nullptr
                : libxsmm_wimmdispatch_reducebatch_strd(block, static_cast<int>(rows), block, block * block * 2,
                                                        static_cast<int>(rows * block * 2), &leading, &leading,
                                                        &leading, &one, &zero, &flags, &prefetch);
  if (kernel == nullptr) {
    return {};
  }
  using State = Blocked<std::int16_t, std::int32_t>;
  const auto state = std::make_shared<State>(operands->shape, rows, operands->left_codes, operands->right_codes);
  Contender contender;
  contender.what.run = [state, kernel] { state->multiply(kernel); };
  contender.check = [operands, state]() -> std::string {
    for (const Place& place : sample_places(operands->shape, operands->pass)) {
      const double codes = std::ldexp(exact_output(*operands, place).sum, -2 * Operands::exponent);
      const auto expected = static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::int64_t>(codes)));
      if (state->at(place) != expected) {
        return fmt::format("output {} is {}, the exact sum modulo 2^32 is {}", place.index, state->at(place), expected);
      }
    }
    return {};
  };
  return contender;
}

std::optional<Contender> libxsmm_fp32(const OperandsPtr& operands) {
  const std::int64_t rows = rows_per_block(operands->shape);
  const int leading = block, flags = LIBXSMM_GEMM_FLAG_NONE, prefetch = LIBXSMM_PREFETCH_NONE;
  const float one = 1, zero = 0;
  const auto kernel =
      rows == 0 ? nullptr
                : libxsmm_smmdispatch_reducebatch_strd(block, static_cast<int>(rows), block, block * block * 4,
                                                       static_cast<int>(rows * block * 4), &leading, &leading, &leading,
                                                       &one, &zero, &flags, &prefetch);
  if (kernel == nullptr) {
    return {};
  }
  using State = Blocked<float, float>;
  const auto state = std::make_shared<State>(operands->shape, rows, operands->left_values, operands->right_values);
  Contender contender;
  contender.what.run = [state, kernel] { state->multiply(kernel); };
  contender.check = [operands, state] {
    return check_close(*operands, fp32_distance(*operands),
                       [&](const Place& place) { return static_cast<double>(state->at(place)); });
  };
  return contender;
}

}  // namespace precsim::bench
