// Converting a tensor for one use under a channel or block format.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "formats/convert_panel.hpp"
#include "formats/error.hpp"
#include "sim/kernels/blocked_grid.hpp"
#include "sim/kernels/lowering.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {
namespace {

using formats::BlockKind;
using formats::OperandKind;

bool channel_is_reduced(Pass pass, Side side) {
  return pass != Pass::weight_gradient && side == Side::left;
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

/// The patches of a weight gradient, row by row of the view: their codes, and in `out` all the rest.
std::vector<std::int16_t> convert_view(const ConvShape& shape, std::span<const float> tensor,
                                       const OperandConversion& how, OperandKind meet, BlockedOperand& out) {
  const ProductShape product = product_shape(shape, Pass::weight_gradient);
  out.source = lower(shape, Pass::weight_gradient, Side::right, tensor).values;
  const Grid rows{1, product.groups * product.columns, product.channels, how.conversion.format->blocking().size, false};
  return convert_grid(rows, out.source, how, meet, out, [&](std::int64_t i) {
    const std::int64_t line = i / product.channels;
    return source_index(shape, Pass::weight_gradient, Side::right, line / product.columns, line % product.columns, 0,
                        i % product.channels);
  });
}

/// Rows of the view as [group][place][row].
std::vector<std::int16_t> across(const std::vector<std::int16_t>& rows, std::int64_t groups, std::int64_t count,
                                 std::int64_t length) {
  std::vector<std::int16_t> out(rows.size());
#pragma omp parallel for schedule(static) if (worth_threads(groups * count * length))
  for (std::int64_t place = 0; place < groups * length; ++place) {
    const std::int16_t* const from = rows.data() + place / length * count * length + place % length;
    for (std::int64_t row = 0; row < count; ++row) {
      out[static_cast<std::size_t>(place * count + row)] = from[row * length];
    }
  }
  return out;
}

/// The patches of a weight gradient a band of pixels at a time, each across the columns; false where one is refused.
/// Draws, which go along the pixels, are not made.
bool convert_bands(const ConvShape& shape, std::span<const float> tensor, const OperandConversion& how,
                   const Grid& grid, BlockedTensor& to, std::uint64_t& saturated) {
  const Lowering<float> patches(shape, Pass::weight_gradient, Side::right, grid.lines, tensor.data());
  const formats::ArrayKernel& kernel = array_kernel(how.kernel);
  to.codes.resize(static_cast<std::size_t>(grid.size()));
  to.exponents.resize(static_cast<std::size_t>(grid.blocks()));
  std::uint64_t all_saturated = 0;
  bool refused = false;
#pragma omp parallel if (worth_threads(grid.size())) reduction(+ : all_saturated) reduction(|| : refused)
  {
    std::vector<float> band(static_cast<std::size_t>(std::min(grid.block, grid.lines) * grid.length));
#pragma omp for schedule(static)
    for (std::int64_t b = 0; b < grid.panels * grid.bands(); ++b) {
      const std::int64_t group = b / grid.bands();
      const std::int64_t first = b % grid.bands() * grid.block;
      const std::int64_t lines = std::min(grid.block, grid.lines - first);
      for (std::int64_t line = 0; line < lines; ++line) {
        patches.across(group, first + line, band.data() + line * grid.length);
      }
      const formats::Panel panel{
          .x = band.data(), .lines = lines, .length = grid.length, .distance = grid.length, .down = true};
      formats::ConversionCounts counts;
      formats::convert_panel(*how.conversion.format, panel, how.conversion.rounding, how.bits,
                             {nullptr, to.codes.data() + (group * grid.lines + first) * grid.length,
                              to.exponents.data() + b * grid.length},
                             counts, kernel);
      all_saturated += counts.saturated;
      refused = refused || counts.refused >= 0;
    }
  }
  saturated = all_saturated;
  return !refused;
}

bool has_codes(const Grid& grid, std::int64_t block, const std::int16_t* codes) {
  const std::int64_t per_line = grid.down ? grid.length : grid.blocks_of_line();
  const std::int64_t line = block / per_line;  // or band
  const std::int64_t first = block % per_line * (grid.down ? 1 : grid.block);
  if (!grid.down) {
    const std::int16_t* const of_line = codes + line * grid.length;
    return std::any_of(of_line + first, of_line + std::min(first + grid.block, grid.length),
                       [](std::int16_t code) { return code != 0; });
  }
  const std::int64_t begin = line % grid.bands() * grid.block;
  const std::int64_t end = std::min(begin + grid.block, grid.lines);
  const std::int16_t* const of_panel = codes + line / grid.bands() * grid.lines * grid.length + first;
  for (std::int64_t row = begin; row < end; ++row) {
    if (of_panel[row * grid.length] != 0) {
      return true;
    }
  }
  return false;
}

/// The exponents of the blocks with a code other than zero.
void find_range(const Grid& grid, BlockedTensor& tensor) {
  const int zero = tensor.format->block_exponent(0);
  int low = INT16_MAX;
  int high = INT16_MIN;
  for (const std::int16_t exponent : tensor.exponents) {
    low = std::min<int>(low, exponent == zero ? INT16_MAX : exponent);
    high = std::max<int>(high, exponent == zero ? INT16_MIN : exponent);
  }
  // A block of numbers may have the exponent of a block of zeros.
  for (std::int64_t block = 0; block < grid.blocks() && low > zero; ++block) {
    if (tensor.exponents[static_cast<std::size_t>(block)] == zero && has_codes(grid, block, tensor.codes.data())) {
      low = zero;
      high = std::max(high, zero);
    }
  }
  tensor.lowest_exponent = low > high ? 0 : low;
  tensor.highest_exponent = low > high ? 0 : high;
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

BlockedOperand convert_tensor(const ConvShape& shape, Pass pass, Side side, std::span<const float> tensor,
                              const OperandConversion& how) {
  const formats::Format& format = *how.conversion.format;
  check_blocking(format, pass, side, how.what);
  const Grid grid = block_grid(shape, pass, side, format.blocking());
  const auto converted = std::make_shared<BlockedTensor>();
  converted->format = how.conversion.format;
  BlockedOperand out;
  if (!converts_patches(pass, side, format.blocking())) {
    converted->codes = convert_grid(grid, tensor, how, format.kind(), out, [](std::int64_t i) { return i; });
    converted->exponents = out.exponents;
    if (how.reports) {
      out.source.assign(tensor.begin(), tensor.end());
    }
  } else if (how.reports || how.conversion.rounding.is_stochastic() ||
             !convert_bands(shape, tensor, how, grid, *converted, out.counts.saturated)) {
    converted->codes =
        across(convert_view(shape, tensor, how, format.kind(), out), grid.panels, grid.length, grid.lines);
    converted->exponents = across(out.exponents, grid.panels, grid.length, grid.bands());
    if (!how.reports) {
      out.source.clear();
    }
  }
  find_range(grid, *converted);
  out.tensor = converted;
  return out;
}

BlockedOperand convert_blocked(const ConvShape& shape, Pass pass, Side side, std::span<const float> tensor,
                               const OperandConversion& how, OperandKind meet) {
  const formats::Format& format = *how.conversion.format;
  const formats::Blocking blocking = format.blocking();
  PRECSIM_CHECK(blocking.kind == BlockKind::channel || blocking.kind == BlockKind::reduction, format.name());
  PRECSIM_CHECK(meet == OperandKind::floating || meet == format.kind(), format.name());
  if (meet != OperandKind::floating) {
    BlockedOperand out = convert_tensor(shape, pass, side, tensor, how);
    out.matrix = as_matrix(shape, pass, side, *out.tensor);
    return out;
  }
  check_blocking(format, pass, side, how.what);
  BlockedOperand out;
  if (converts_patches(pass, side, blocking)) {
    const ProductShape product = product_shape(shape, pass);
    convert_view(shape, tensor, how, meet, out);
    const ConvShape rows = ConvShape::gemm(product.groups * product.columns, 1, product.channels);
    out.matrix = lower(rows, Pass::forward, Side::left, std::span<const float>(out.values));
    out.matrix.groups = product.groups;
    out.matrix.rows = product.columns;
  } else {
    convert_grid(block_grid(shape, pass, side, blocking), tensor, how, meet, out, [](std::int64_t i) { return i; });
    out.matrix = lower(shape, pass, side, std::span<const float>(out.values));
    out.source.assign(tensor.begin(), tensor.end());
  }
  if (!how.reports) {
    out.source.clear();
  }
  return out;
}

}  // namespace precsim::kernels
