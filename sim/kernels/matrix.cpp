// Lowering tensors to matrices.
#include "sim/kernels/matrix.hpp"

#include "formats/error.hpp"
#include "sim/kernels/lowering.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels {
namespace {

/// The whole matrix. Equal to reading source_index for every element.
template <class T>
std::vector<T> gather(const ConvShape& shape, Pass pass, Side side, const Matrix& outline, const T* tensor) {
  const std::int64_t length = outline.length();
  const std::int64_t lines = outline.groups * outline.rows;
  std::vector<T> out(static_cast<std::size_t>(lines * length));
  const Lowering<T> lowering(shape, pass, side, outline.period, tensor);
#pragma omp parallel for schedule(static) if (worth_threads(lines * length))
  for (std::int64_t line = 0; line < lines; ++line) {
    lowering.row(line / outline.rows, line % outline.rows, out.data() + line * length);
  }
  return out;
}

Matrix outline(const ConvShape& shape, Pass pass, Side side, bool even) {
  const ProductShape product = product_shape(shape, pass);
  Matrix matrix;
  matrix.groups = product.groups;
  matrix.rows = side == Side::left ? product.rows : product.columns;
  matrix.taps = product.taps;
  matrix.period = product.channels + (even ? product.channels % 2 : 0);
  return matrix;
}

}  // namespace

Matrix without_codes(const ConvShape& shape, Pass pass, Side side, int exponent) {
  Matrix matrix = outline(shape, pass, side, true);
  matrix.kind = formats::OperandKind::integer;
  matrix.exponents = {static_cast<std::int16_t>(exponent)};
  return matrix;
}

Matrix lower(const ConvShape& shape, Pass pass, Side side, std::span<const std::int16_t> codes, int exponent) {
  Matrix matrix = without_codes(shape, pass, side, exponent);
  matrix.codes = gather(shape, pass, side, matrix, codes.data());
  return matrix;
}

Matrix lower(const ConvShape& shape, Pass pass, Side side, std::span<const float> values, bool even) {
  Matrix matrix = outline(shape, pass, side, even);
  matrix.values = gather(shape, pass, side, matrix, values.data());
  return matrix;
}

arith::ReductionLayout reduction_layout(const Matrix& left, const Matrix& right) {
  PRECSIM_CHECK(left.length() == right.length() && left.period == right.period && left.groups == right.groups,
                "matrices of different products");
  return {left.length(), left.period, left.block, right.block};
}

}  // namespace precsim::kernels
