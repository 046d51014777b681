// Array conversion; see convert.hpp.
#include "formats/convert.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/array_kernel.hpp"
#include "formats/convert_block.hpp"
#include "formats/convert_panel.hpp"
#include "formats/error.hpp"
#include "formats/exact.hpp"

namespace precsim::formats {

Extent extent(const float* x, std::int64_t count, std::int64_t stride, const ArrayKernel& kernel) {
  if (stride == 1) {
    return kernel.extent(x, count);
  }
  std::uint32_t largest = 0;
  std::int64_t bad = -1;
  for (std::int64_t j = 0; j < count; ++j) {
    const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x[j * stride]) & 0x7fffffffu;
    if (magnitude < 0x7f800000u) {
      largest = std::max(largest, magnitude);
    } else if (bad < 0) {
      bad = j;
    }
  }
  return {std::bit_cast<float>(largest), bad};
}

void refuse_element(const Format& format, std::string_view what, std::int64_t index, float value) {
  throw UserError(fmt::format("{}: element {} is {}, which {} has no code for; only {} numbers can be converted", what,
                              index, value, format.name(), format.takes_infinity() ? "non-NaN" : "finite"));
}

ConvertedArray convert(std::span<const float> x, std::int64_t row, const Conversion& conversion, const RandomBits& bits,
                       std::string_view what, const ArrayKernel& kernel) {
  const Format& format = *conversion.format;
  const auto size = static_cast<std::int64_t>(x.size());
  if (row < 1 || size % row != 0) {
    throw UserError(fmt::format("{}: rows of {} elements do not divide an array of {}", what, row, size));
  }
  const Blocking blocking = format.blocking();
  ConvertedArray out;
  out.values.resize(x.size());
  if (format.kind() == OperandKind::integer || format.kind() == OperandKind::scaled) {
    out.codes.resize(x.size());
  }
  std::int16_t* const codes = out.codes.empty() ? nullptr : out.codes.data();
  if (blocking.kind == BlockKind::channel || blocking.kind == BlockKind::reduction) {
    const Panel panel{.x = x.data(),
                      .lines = size / row,
                      .length = row,
                      .block = blocking.kind == BlockKind::channel ? row : blocking.size};
    out.exponents.resize(static_cast<std::size_t>(panel.lines * panel.blocks_of_line()));
    convert_panel(format, panel, conversion.rounding, bits, {out.values.data(), codes, out.exponents.data()},
                  out.counts, kernel);
  } else if (size > 0) {
    const float absmax = extent(x.data(), size, 1, kernel).absmax;
    const int exponent = convert_block(format, {x.data(), size}, absmax, format.block_exponent(absmax),
                                       conversion.rounding, bits, {out.values.data(), codes}, out.counts, kernel);
    if (blocking.kind == BlockKind::tensor) {
      out.exponents.push_back(static_cast<std::int16_t>(exponent));
    }
  }
  if (out.counts.refused >= 0) {
    refuse_element(format, what, out.counts.refused, x[static_cast<std::size_t>(out.counts.refused)]);
  }
  return out;
}

}  // namespace precsim::formats
