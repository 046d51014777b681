// Blocks of tensors, and the matrices of tensors with blocks.
#include <algorithm>

#include "formats/convert_block.hpp"
#include "sim/kernels/blocked_grid.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels {
namespace {

using formats::BlockKind;
using formats::OperandKind;

/// One exponent per non-reduced channel.
Grid channel_grid(const ConvShape& shape, Pass pass, Side side) {
  const std::int64_t taps = shape.kh * shape.kw;
  switch (pass) {
    case Pass::forward:
      return {1, shape.oc, taps * shape.group_ic(), taps * shape.group_ic(), false};
    case Pass::input_gradient:
      return {shape.groups, shape.group_oc() * taps, shape.group_ic(), shape.group_oc() * taps, true};
    case Pass::weight_gradient:
      break;
  }
  const std::int64_t channels = side == Side::left ? shape.oc : shape.ic;
  const std::int64_t pixels = shape.n * (side == Side::left ? shape.out_h() * shape.out_w() : shape.h * shape.w);
  return {1, pixels, channels, pixels, true};
}

/// Blocks of k along the reduction.
Grid reduction_grid(const ConvShape& shape, Pass pass, Side side, std::int64_t k) {
  const ProductShape product = product_shape(shape, pass);
  if (pass == Pass::weight_gradient && side == Side::left) {
    return {1, product.channels, shape.oc, k, true};
  }
  if (pass == Pass::input_gradient && side == Side::right) {
    return {shape.groups, shape.group_oc(), product.taps * shape.group_ic(), k, true};
  }
  if (pass == Pass::weight_gradient) {
    return {product.groups, product.channels, product.columns, k, true};
  }
  return {1, shape.operand_size(pass, side) / product.channels, product.channels, k, false};
}

/// The first element of a block of one row, or -1 where the block is padding. A channel of the patches of a weight
/// gradient is found at the first pixel, since the row itself may begin in the padding.
std::int64_t block_element(const ConvShape& shape, Pass pass, Side side, bool by_channel, std::int64_t group,
                           std::int64_t row, std::int64_t tap, std::int64_t c) {
  if (by_channel && pass == Pass::weight_gradient && side == Side::right) {
    return group * shape.group_ic() + row % shape.group_ic();
  }
  return source_index(shape, pass, side, group, row, tap, c);
}

/// The exponents of every block of every row; a block of padding has the exponent of an all-zero block.
void gather_exponents(const ConvShape& shape, Pass pass, Side side, const formats::Format& format, const Grid& grid,
                      const std::vector<std::int16_t>& exponents, Matrix& matrix) {
  const ProductShape product = product_shape(shape, pass);
  const auto zero = static_cast<std::int16_t>(format.block_exponent(0));
  const std::int64_t step = matrix.block == 0 ? product.channels : matrix.block;
  const std::int64_t taps = matrix.block == 0 ? 1 : matrix.taps;
  const std::int64_t per_tap = (product.channels + step - 1) / step;
  const std::int64_t lines = matrix.groups * matrix.rows;
  matrix.row_stride = taps * per_tap;
  matrix.exponents.assign(static_cast<std::size_t>(lines * matrix.row_stride), zero);
#pragma omp parallel for schedule(static) if (worth_threads(lines * matrix.row_stride))
  for (std::int64_t line = 0; line < lines; ++line) {
    std::int16_t* of_row = matrix.exponents.data() + line * matrix.row_stride;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      const std::int64_t first =
          block_element(shape, pass, side, matrix.block == 0, line / matrix.rows, line % matrix.rows, tap, 0);
      for (std::int64_t block = 0; block < per_tap && first >= 0; ++block) {
        const std::int64_t at = first + block * step * channel_stride(shape, pass, side);
        of_row[tap * per_tap + block] = exponents[static_cast<std::size_t>(grid.block_of(at))];
      }
    }
  }
  matrix.block_stride = matrix.block == 0 ? 0 : 1;
}

/// What patches see, as rows: [group][row][pixel].
template <class T>
void transpose_patches(const ProductShape& product, std::int64_t period, const T* from, T* to) {
  const std::int64_t lines = product.groups * product.columns;
#pragma omp parallel for schedule(static) if (worth_threads(lines * period))
  for (std::int64_t line = 0; line < lines; ++line) {
    const T* const column = from + line / product.columns * product.channels * product.columns + line % product.columns;
    T* const row = to + line * period;
    for (std::int64_t pixel = 0; pixel < product.channels; ++pixel) {
      row[pixel] = column[pixel * product.columns];
    }
    std::fill(row + product.channels, row + period, T{});
  }
}

/// A matrix of patches without exponents; `even` as in lower().
template <class T>
Matrix lower_patches(const ConvShape& shape, std::span<const T> patches, bool even) {
  const ProductShape product = product_shape(shape, Pass::weight_gradient);
  Matrix matrix;
  matrix.groups = product.groups;
  matrix.rows = product.columns;
  matrix.period = product.channels + (even ? product.channels % 2 : 0);
  std::vector<T> rows(static_cast<std::size_t>(matrix.groups * matrix.rows * matrix.period));
  transpose_patches(product, matrix.period, patches.data(), rows.data());
  if constexpr (std::is_same_v<T, float>) {
    matrix.values = std::move(rows);
  } else {
    matrix.codes = std::move(rows);
  }
  return matrix;
}

}  // namespace

Grid block_grid(const ConvShape& shape, Pass pass, Side side, const formats::Blocking& blocking) {
  return blocking.kind == BlockKind::channel ? channel_grid(shape, pass, side)
                                             : reduction_grid(shape, pass, side, blocking.size);
}

Matrix as_matrix(const ConvShape& shape, Pass pass, Side side, const BlockedTensor& tensor) {
  const formats::Format& format = *tensor.format;
  const bool patches = converts_patches(pass, side, format.blocking());
  const Grid grid = block_grid(shape, pass, side, format.blocking());
  const auto lowered = [&](auto elements) {
    constexpr bool even = std::is_same_v<decltype(elements), std::span<const std::int16_t>>;
    if (patches) {
      return lower_patches(shape, elements, even);
    }
    if constexpr (even) {
      return lower(shape, pass, side, elements, 0);
    } else {
      return lower(shape, pass, side, elements);
    }
  };
  Matrix matrix;
  if (format.kind() == OperandKind::integer) {
    matrix = lowered(std::span<const std::int16_t>(tensor.codes));
  } else {
    const std::vector<float> elements = decode_elements(tensor);
    matrix = lowered(std::span<const float>(elements));
  }
  matrix.kind = format.kind();
  matrix.block = tensor.block();
  if (patches) {
    matrix.row_stride = grid.bands();
    matrix.block_stride = 1;
    matrix.exponents.resize(tensor.exponents.size());
    const ProductShape bands{grid.panels, 0, grid.length, 1, grid.bands()};
    transpose_patches(bands, grid.bands(), tensor.exponents.data(), matrix.exponents.data());
  } else {
    gather_exponents(shape, pass, side, format, grid, tensor.exponents, matrix);
  }
  return matrix;
}

std::vector<float> decode_elements(const BlockedTensor& tensor) {
  std::vector<float> elements(tensor.codes.size());
  const auto size = static_cast<std::int64_t>(tensor.codes.size());
  constexpr std::int64_t piece = 1 << 14;
#pragma omp parallel for schedule(static) if (worth_threads(size))
  for (std::int64_t at = 0; at < size; at += piece) {
    formats::decode_block(*tensor.format, tensor.codes.data() + at, std::min(piece, size - at), 0,
                          elements.data() + at);
  }
  return elements;
}

}  // namespace precsim::kernels
