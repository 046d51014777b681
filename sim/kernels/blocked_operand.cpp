// Converting a tensor for one use under a channel or block format.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "formats/convert_block.hpp"
#include "formats/convert_panel.hpp"
#include "formats/error.hpp"
#include "sim/kernels/matrix.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {
namespace {

using formats::BlockKind;
using formats::OperandKind;

bool channel_is_reduced(Pass pass, Side side) {
  return pass != Pass::weight_gradient && side == Side::left;
}

/// Where the blocks of a tensor lie: `panels` times `lines` x `length` elements, one after another; along the lines, or
/// down the columns of a panel.
struct Grid {
  std::int64_t panels = 1, lines = 0, length = 0, block = 0;
  bool down = false;

  std::int64_t size() const { return panels * lines * length; }
  std::int64_t blocks_of_line() const { return (length + block - 1) / block; }
  std::int64_t bands() const { return (lines + block - 1) / block; }
  std::int64_t blocks() const { return down ? panels * bands() * length : panels * lines * blocks_of_line(); }
  /// The number of the block that an element is in.
  std::int64_t block_of(std::int64_t element) const {
    const std::int64_t line = element / length;
    const std::int64_t at = element % length;
    return down ? (line / lines * bands() + line % lines / block) * length + at : line * blocks_of_line() + at / block;
  }
};

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

/// Blocks of k along the reduction; of the patches of a weight gradient, in their view.
Grid reduction_grid(const ConvShape& shape, Pass pass, Side side, std::int64_t k) {
  const ProductShape product = product_shape(shape, pass);
  if (pass == Pass::weight_gradient && side == Side::left) {
    return {1, product.channels, shape.oc, k, true};
  }
  if (pass == Pass::input_gradient && side == Side::right) {
    return {shape.groups, shape.group_oc(), product.taps * shape.group_ic(), k, true};
  }
  const std::int64_t size = pass == Pass::weight_gradient ? product.groups * product.columns * product.channels
                                                          : shape.operand_size(pass, side);
  return {1, size / product.channels, product.channels, k, false};
}

/// The pieces in which threads convert a grid.
class Pieces {
 public:
  explicit Pieces(const Grid& grid) : grid_(grid) {
    if (grid.down) {
      columns_ = (grid.length + wide - 1) / wide;
      count_ = grid.panels * grid.bands() * columns_;
    } else {
      lines_ = std::max<std::int64_t>(1, elements / grid.length);
      count_ = (grid.lines + lines_ - 1) / lines_;
    }
  }
  std::int64_t count() const { return count_; }

  /// A piece, and the number of its first block.
  std::pair<formats::Panel, std::int64_t> operator[](std::int64_t piece) const {
    formats::Panel panel{.block = grid_.block, .distance = grid_.length, .down = grid_.down};
    std::int64_t first = 0;
    if (grid_.down) {
      const std::int64_t band = piece / columns_;
      const std::int64_t row = band % grid_.bands() * grid_.block;
      const std::int64_t column = piece % columns_ * wide;
      panel.lines = std::min(grid_.block, grid_.lines - row);
      panel.length = std::min(wide, grid_.length - column);
      first = (band / grid_.bands() * grid_.lines + row) * grid_.length + column;
    } else {
      panel.lines = std::min(lines_, grid_.lines - piece * lines_);
      panel.length = grid_.length;
      first = piece * lines_ * grid_.length;
    }
    panel.first = static_cast<std::uint64_t>(first);
    return {panel, grid_.block_of(first)};
  }

 private:
  static constexpr std::int64_t elements = 8192;
  static constexpr std::int64_t wide = 64;  // columns
  const Grid& grid_;
  std::int64_t lines_ = 0, columns_ = 0, count_ = 0;
};

/// Converts `tensor` (or the view) block by block, into codes unless the operands meet as FP32 numbers. `tensor_index`
/// tells which element of the tensor one of `from` is, for errors.
template <class Index>
std::vector<std::int16_t> convert_grid(const Grid& grid, std::span<const float> from, const OperandConversion& how,
                                       OperandKind meet, BlockedOperand& out, Index tensor_index) {
  const formats::Format& format = *how.conversion.format;
  const formats::ArrayKernel& kernel = array_kernel(how.kernel);
  PRECSIM_CHECK(static_cast<std::int64_t>(from.size()) == grid.size(), "a tensor of another shape");
  std::vector<std::int16_t> codes(meet == OperandKind::floating ? 0 : from.size());
  out.values.resize(meet == OperandKind::floating || how.reports ? from.size() : 0);
  out.exponents.resize(static_cast<std::size_t>(grid.blocks()));
  std::uint64_t saturated = 0;
  std::int64_t refused = std::numeric_limits<std::int64_t>::max();
  const Pieces pieces(grid);
#pragma omp parallel for schedule(static) if (worth_threads(grid.size())) reduction(+ : saturated) reduction(min : refused)
  for (std::int64_t piece = 0; piece < pieces.count(); ++piece) {
    auto [panel, block] = pieces[piece];
    const auto first = static_cast<std::int64_t>(panel.first);
    panel.x = from.data() + first;
    formats::ConversionCounts counts;
    formats::convert_panel(format, panel, how.conversion.rounding, how.bits,
                           {out.values.empty() ? nullptr : out.values.data() + first,
                            codes.empty() ? nullptr : codes.data() + first, out.exponents.data() + block},
                           counts, kernel);
    saturated += counts.saturated;
    refused = counts.refused < 0 ? refused : std::min(refused, first + counts.refused);
  }
  if (refused != std::numeric_limits<std::int64_t>::max()) {
    formats::refuse_element(format, how.what, tensor_index(refused), from[static_cast<std::size_t>(refused)]);
  }
  out.counts.saturated = saturated;
  return codes;
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

/// The codes, elements or values of one operand as a matrix without exponents.
Matrix lower_converted(const ConvShape& shape, Pass pass, Side side, const OperandConversion& how, OperandKind meet,
                       const std::vector<std::int16_t>& codes, const std::vector<float>& values) {
  if (meet == OperandKind::integer) {
    Matrix matrix = lower(shape, pass, side, codes, 0);
    matrix.exponents.clear();
    return matrix;
  }
  if (meet == OperandKind::floating) {
    return lower(shape, pass, side, std::span<const float>(values));
  }
  std::vector<float> elements(codes.size());
  const auto size = static_cast<std::int64_t>(codes.size());
  constexpr std::int64_t piece = 1 << 14;
#pragma omp parallel for schedule(static) if (worth_threads(size))
  for (std::int64_t at = 0; at < size; at += piece) {
    formats::decode_block(*how.conversion.format, codes.data() + at, std::min(piece, size - at), 0,
                          elements.data() + at, array_kernel(how.kernel));
  }
  Matrix matrix = lower(shape, pass, side, std::span<const float>(elements));
  matrix.kind = OperandKind::scaled;
  return matrix;
}

/// The patches of a weight gradient, converted row by row of the view.
BlockedOperand convert_view(const ConvShape& shape, std::span<const float> tensor, const OperandConversion& how,
                            std::int64_t k, OperandKind meet) {
  const ProductShape product = product_shape(shape, Pass::weight_gradient);
  BlockedOperand out;
  out.source = lower(shape, Pass::weight_gradient, Side::right, tensor).values;
  const Grid grid = reduction_grid(shape, Pass::weight_gradient, Side::right, k);
  const std::vector<std::int16_t> codes = convert_grid(grid, out.source, how, meet, out, [&](std::int64_t i) {
    const std::int64_t line = i / product.channels;
    return source_index(shape, Pass::weight_gradient, Side::right, line / product.columns, line % product.columns, 0,
                        i % product.channels);
  });
  const ConvShape rows = ConvShape::gemm(product.groups * product.columns, 1, product.channels);
  out.matrix = lower_converted(rows, Pass::forward, Side::left, how, meet, codes, out.values);
  out.matrix.groups = product.groups;
  out.matrix.rows = product.columns;
  if (!how.reports) {
    out.source.clear();
  }
  if (meet != OperandKind::floating) {
    out.matrix.exponents = out.exponents;
    out.matrix.row_stride = grid.blocks_of_line();
    out.matrix.block_stride = 1;
    out.matrix.block = k;
  }
  return out;
}

}  // namespace

void check_blocking(const formats::Format& format, Pass pass, Side side, std::string_view what) {
  if (format.blocking().kind == BlockKind::channel && channel_is_reduced(pass, side)) {
    throw UserError(fmt::format(
        "{}: {} shares exponents by channel, but the {} pass reduces over that channel; name a format of another "
        "blocking for this use (tensor or block=k), or give the role one per pass",
        what, format.name(), name(pass)));
  }
}

BlockedOperand convert_blocked(const ConvShape& shape, Pass pass, Side side, std::span<const float> tensor,
                               const OperandConversion& how, OperandKind meet) {
  const formats::Format& format = *how.conversion.format;
  const formats::Blocking blocking = format.blocking();
  PRECSIM_CHECK(blocking.kind == BlockKind::channel || blocking.kind == BlockKind::reduction, format.name());
  PRECSIM_CHECK(meet == OperandKind::floating || meet == format.kind(), format.name());
  check_blocking(format, pass, side, how.what);
  const bool by_channel = blocking.kind == BlockKind::channel;
  if (pass == Pass::weight_gradient && side == Side::right && !by_channel) {
    return convert_view(shape, tensor, how, blocking.size, meet);
  }
  const Grid grid = by_channel ? channel_grid(shape, pass, side) : reduction_grid(shape, pass, side, blocking.size);
  BlockedOperand out;
  const std::vector<std::int16_t> codes = convert_grid(grid, tensor, how, meet, out, [](std::int64_t i) { return i; });
  out.matrix = lower_converted(shape, pass, side, how, meet, codes, out.values);
  if (how.reports) {
    out.source.assign(tensor.begin(), tensor.end());
  }
  if (meet != OperandKind::floating) {
    out.matrix.block = by_channel ? 0 : blocking.size;
    gather_exponents(shape, pass, side, format, grid, out.exponents, out.matrix);
  }
  return out;
}

}  // namespace precsim::kernels
