// Converting a tensor for one use under a channel or block format.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "formats/convert_block.hpp"
#include "formats/error.hpp"
#include "sim/kernels/matrix.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {
namespace {

using formats::BlockKind;

struct BlockIndices {
  std::int64_t first, count, stride;
};

bool channel_is_reduced(Pass pass, Side side) {
  return pass != Pass::weight_gradient && side == Side::left;
}

/// Blocks of one exponent per non-reduced channel.
std::vector<BlockIndices> channel_blocks(const ConvShape& shape, Pass pass, Side side) {
  const std::int64_t taps = shape.kh * shape.kw;
  std::vector<BlockIndices> blocks;
  if (pass == Pass::forward) {
    for (std::int64_t oc = 0; oc < shape.oc; ++oc) {
      blocks.push_back({oc * taps * shape.group_ic(), taps * shape.group_ic(), 1});
    }
  } else if (pass == Pass::input_gradient) {
    for (std::int64_t g = 0; g < shape.groups; ++g) {
      for (std::int64_t ic = 0; ic < shape.group_ic(); ++ic) {
        blocks.push_back(
            {g * shape.group_oc() * taps * shape.group_ic() + ic, shape.group_oc() * taps, shape.group_ic()});
      }
    }
  } else {
    const std::int64_t channels = side == Side::left ? shape.oc : shape.ic;
    const std::int64_t pixels = shape.n * (side == Side::left ? shape.out_h() * shape.out_w() : shape.h * shape.w);
    for (std::int64_t c = 0; c < channels; ++c) {
      blocks.push_back({c, pixels, channels});
    }
  }
  return blocks;
}

/// Blocks of k consecutive channels of one pixel, or of one (kh, kw) and row of the weights.
std::vector<BlockIndices> reduction_blocks(const ConvShape& shape, Pass pass, Side side, std::int64_t k) {
  const ProductShape product = product_shape(shape, pass);
  const bool forward = pass == Pass::forward;
  std::vector<BlockIndices> blocks;
  const auto add_line = [&](std::int64_t first, std::int64_t stride) {
    for (std::int64_t c = 0; c < product.channels; c += k) {
      blocks.push_back({first + c * stride, std::min(k, product.channels - c), stride});
    }
  };
  if (side == Side::left) {
    const std::int64_t lines = (forward ? shape.input_size() : shape.output_size()) / product.channels;
    for (std::int64_t line = 0; line < lines; ++line) {
      add_line(line * product.channels, 1);
    }
    return blocks;
  }
  for (std::int64_t g = 0; g < product.groups; ++g) {
    for (std::int64_t row = 0; row < product.columns; ++row) {
      for (std::int64_t tap = 0; tap < product.taps; ++tap) {
        add_line(source_index(shape, pass, side, g, row, tap, 0), forward ? 1 : shape.kh * shape.kw * shape.group_ic());
      }
    }
  }
  return blocks;
}

/// Converts the listed blocks of `source`; returns the exponent of each element. `tensor_index` tells which element
/// of the tensor an element of `source` is, for errors.
template <class Index>
std::vector<std::int16_t> convert_blocks(const std::vector<BlockIndices>& blocks, const OperandConversion& how,
                                         BlockedOperand& out, std::vector<std::int16_t>& codes, Index tensor_index) {
  const formats::Format& format = *how.conversion.format;
  std::vector<std::int16_t> exponents(out.source.size());
  out.values.resize(out.source.size());
  codes.resize(out.source.size());
  const formats::ArrayKernel& kernel = array_kernel(how.kernel);
  std::uint64_t saturated = 0;
  std::int64_t refused = std::numeric_limits<std::int64_t>::max();
  const auto count = static_cast<std::int64_t>(blocks.size());
#pragma omp parallel for schedule(static) if (worth_threads(static_cast<std::int64_t>(out.source.size()))) reduction(+ : saturated) reduction(min : refused)
  for (std::int64_t b = 0; b < count; ++b) {
    const BlockIndices& block = blocks[static_cast<std::size_t>(b)];
    const formats::Block in{out.source.data() + block.first, block.count, block.stride,
                            static_cast<std::uint64_t>(block.first)};
    const float absmax = formats::extent(in.x, in.count, in.stride, kernel).absmax;
    formats::ConversionCounts counts;
    const int exponent =
        formats::convert_block(format, in, absmax, format.block_exponent(absmax), how.conversion.rounding, how.bits,
                               {out.values.data() + block.first, codes.data() + block.first}, counts, kernel);
    for (std::int64_t j = 0; j < block.count; ++j) {
      exponents[static_cast<std::size_t>(block.first + j * block.stride)] = static_cast<std::int16_t>(exponent);
    }
    saturated += counts.saturated;
    refused = counts.refused < 0 ? refused : std::min(refused, block.first + counts.refused * block.stride);
  }
  if (refused != std::numeric_limits<std::int64_t>::max()) {
    formats::refuse_element(format, how.what, tensor_index(refused), out.source[static_cast<std::size_t>(refused)]);
  }
  out.counts.saturated = saturated;
  for (const BlockIndices& block : blocks) {
    out.exponents.push_back(exponents[static_cast<std::size_t>(block.first)]);
  }
  return exponents;
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
void gather_exponents(const ConvShape& shape, Pass pass, Side side, const formats::Format& format,
                      const std::vector<std::int16_t>& of_element, Matrix& matrix) {
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
        of_row[tap * per_tap + block] = of_element[static_cast<std::size_t>(at)];
      }
    }
  }
  matrix.block_stride = matrix.block == 0 ? 0 : 1;
}

/// The patches of a weight gradient, converted row by row of the view.
BlockedOperand convert_view(const ConvShape& shape, std::span<const float> tensor, const OperandConversion& how,
                            std::int64_t k, bool integer) {
  const ProductShape product = product_shape(shape, Pass::weight_gradient);
  BlockedOperand out;
  out.source = lower(shape, Pass::weight_gradient, Side::right, tensor).values;
  std::vector<BlockIndices> blocks;
  for (std::int64_t row = 0; row < product.groups * product.columns; ++row) {
    for (std::int64_t c = 0; c < product.channels; c += k) {
      blocks.push_back({row * product.channels + c, std::min(k, product.channels - c), 1});
    }
  }
  std::vector<std::int16_t> codes;
  convert_blocks(blocks, how, out, codes, [&](std::int64_t i) {
    const std::int64_t line = i / product.channels;
    return source_index(shape, Pass::weight_gradient, Side::right, line / product.columns, line % product.columns, 0,
                        i % product.channels);
  });
  const ConvShape rows = ConvShape::gemm(product.groups * product.columns, 1, product.channels);
  out.matrix = integer ? lower(rows, Pass::forward, Side::left, codes, 0)
                       : lower(rows, Pass::forward, Side::left, std::span<const float>(out.values));
  out.matrix.groups = product.groups;
  out.matrix.rows = product.columns;
  if (integer) {
    out.matrix.exponents = out.exponents;
    out.matrix.row_stride = (product.channels + k - 1) / k;
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
                               const OperandConversion& how, bool integer) {
  const formats::Format& format = *how.conversion.format;
  const formats::Blocking blocking = format.blocking();
  PRECSIM_CHECK(blocking.kind == BlockKind::channel || blocking.kind == BlockKind::reduction, format.name());
  check_blocking(format, pass, side, how.what);
  const bool by_channel = blocking.kind == BlockKind::channel;
  if (pass == Pass::weight_gradient && side == Side::right && !by_channel) {
    return convert_view(shape, tensor, how, blocking.size, integer);
  }
  BlockedOperand out;
  out.source.assign(tensor.begin(), tensor.end());
  std::vector<BlockIndices> blocks = by_channel ? channel_blocks(shape, pass, side) : std::vector<BlockIndices>();
  if (!by_channel && pass == Pass::weight_gradient) {
    const std::int64_t pixels = shape.output_size() / shape.oc;
    for (std::int64_t oc = 0; oc < shape.oc; ++oc) {
      for (std::int64_t p = 0; p < pixels; p += blocking.size) {
        blocks.push_back({p * shape.oc + oc, std::min<std::int64_t>(blocking.size, pixels - p), shape.oc});
      }
    }
  } else if (!by_channel) {
    blocks = reduction_blocks(shape, pass, side, blocking.size);
  }
  std::vector<std::int16_t> codes;
  const std::vector<std::int16_t> of_element =
      convert_blocks(blocks, how, out, codes, [](std::int64_t i) { return i; });
  if (!integer) {
    out.matrix = lower(shape, pass, side, std::span<const float>(out.values));
    return out;
  }
  out.matrix = lower(shape, pass, side, codes, 0);
  out.matrix.exponents.clear();
  out.matrix.block = by_channel ? 0 : blocking.size;
  gather_exponents(shape, pass, side, format, of_element, out.matrix);
  return out;
}

}  // namespace precsim::kernels
