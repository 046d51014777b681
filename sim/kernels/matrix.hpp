// The operand of a product as a matrix, and the lowering of tensors to it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "formats/catalogue.hpp"
#include "formats/convert.hpp"
#include "sim/arith/chain.hpp"
#include "sim/kernels/conv_shape.hpp"

namespace precsim::kernels {

/// groups x rows x length, the reduction fastest: integer codes with exponents, FP32 numbers, or, `scaled`, elements of
/// blocks (as `values`) with exponents.
/// length = taps * period; period = channels, plus one zero where integers meet an odd count.
/// Working memory: 2 (codes) or 4 (values) bytes per element, e.g. n * out_h * out_w * kh * kw * ic for patches.
struct Matrix {
  formats::OperandKind kind = formats::OperandKind::floating;
  std::int64_t groups = 1, rows = 0, taps = 1, period = 0;
  std::vector<std::int16_t> codes;
  std::vector<float> values;
  /// Exponent of (group, row, block): exponents[(group * rows + row) * row_stride + block * block_stride].
  std::vector<std::int16_t> exponents;
  std::int64_t row_stride = 0, block_stride = 0;
  std::int64_t block = 0;  ///< products per block within a period; 0: one block per row

  std::int64_t length() const { return taps * period; }
  bool is_integer() const { return kind == formats::OperandKind::integer; }
  bool is_scaled() const { return kind == formats::OperandKind::scaled; }
  const std::int16_t* row_codes(std::int64_t group, std::int64_t row) const {
    return codes.data() + (group * rows + row) * length();
  }
  const float* row_values(std::int64_t group, std::int64_t row) const {
    return values.data() + (group * rows + row) * length();
  }
  const std::int16_t* row_exponents(std::int64_t group, std::int64_t row) const {
    return exponents.data() + (group * rows + row) * row_stride;
  }
};

/// The matrix of a tensor that shares one exponent (codes and exponent) or has none (values), by source_index.
/// `even`: pad odd channel counts with one zero per tap (both operands are integers).
Matrix lower(const ConvShape& shape, Pass pass, Side side, std::span<const std::int16_t> codes, int exponent);
Matrix lower(const ConvShape& shape, Pass pass, Side side, std::span<const float> values, bool even = false);

/// What lower() of codes gives, less the codes: the shape of the matrix and the exponent.
Matrix without_codes(const ConvShape& shape, Pass pass, Side side, int exponent);

struct TileKernel;

/// How a tensor is converted for one use: format, rounding, draws, and the name it has in errors.
struct OperandConversion {
  formats::Conversion conversion;
  formats::RandomBits bits;
  std::string what;
  const TileKernel* kernel = nullptr;  ///< whose array conversions; null: the fastest
  bool reports = true;                 ///< `source` and `values` of the result are wanted
};

/// A tensor that was converted for one use under a channel or block format, before it is a matrix.
struct BlockedTensor {
  formats::FormatPtr format;
  /// In the order of the tensor; what the patches of a weight gradient see in blocks: [group][pixel][column].
  std::vector<std::int16_t> codes;
  /// One per block, in the order of the blocks' first codes.
  std::vector<std::int16_t> exponents;
  /// Of the blocks with a code other than zero; 0 where there are none.
  int lowest_exponent = 0, highest_exponent = 0;

  bool by_channel() const { return format->blocking().kind == formats::BlockKind::channel; }
  /// Products per block within a period; 0: one block per row.
  std::int64_t block() const { return by_channel() ? 0 : format->blocking().size; }
};
/// The codes or elements as a matrix.
Matrix as_matrix(const ConvShape& shape, Pass pass, Side side, const BlockedTensor& tensor);

/// A channel or block format: the unquantized tensor is converted for this very use (numerics 2), every block with
/// statistics of its own. Draws: element i of the tensor; for the patches of a weight gradient, whose elements
/// have no place of their own in the tensor, i counts the view (group, kh, kw, ic, pixel), pixel fastest.
struct BlockedOperand {
  Matrix matrix;
  std::shared_ptr<const BlockedTensor> tensor;  ///< null where operands meet as FP32 numbers
  std::vector<float> source;  ///< what was converted, in the order of `values`: the tensor, or the view
  std::vector<float> values;
  std::vector<std::int16_t> exponents;  ///< of what reports: one per block, in the order of the blocks' first elements
  formats::ConversionCounts counts;
};
/// Into codes, without a matrix.
BlockedOperand convert_tensor(const ConvShape& shape, Pass pass, Side side, std::span<const float> tensor,
                              const OperandConversion& how);
/// `meet`: the kind of the format, for a matrix of codes or elements with exponents; or floating, for one of the FP32
/// values.
BlockedOperand convert_blocked(const ConvShape& shape, Pass pass, Side side, std::span<const float> tensor,
                               const OperandConversion& how, formats::OperandKind meet = formats::OperandKind::integer);

/// Raises UserError where the blocking has no meaning: `channel` on an operand whose channel index is reduced.
void check_blocking(const formats::Format& format, Pass pass, Side side, std::string_view what);

/// The layout of the reduction of two matrices of the same product.
arith::ReductionLayout reduction_layout(const Matrix& left, const Matrix& right);

}  // namespace precsim::kernels
