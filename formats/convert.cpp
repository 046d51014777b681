// Array conversion; see convert.hpp.
#include "formats/convert.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/array_kernel.hpp"
#include "formats/convert_block.hpp"
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
  const bool by_row = blocking.kind == BlockKind::channel || blocking.kind == BlockKind::reduction;
  const std::int64_t span = by_row ? row : size;
  const std::int64_t block = blocking.kind == BlockKind::reduction ? blocking.size : std::max<std::int64_t>(span, 1);
  ConvertedArray out;
  out.values.resize(x.size());
  if (format.kind() == OperandKind::integer) {
    out.codes.resize(x.size());
  }
  for (std::int64_t start = 0; start < size; start += span) {
    for (std::int64_t at = start; at < start + span; at += block) {
      const Block in{x.data() + at, std::min(block, start + span - at), 1, static_cast<std::uint64_t>(at)};
      const float absmax = extent(in.x, in.count, 1, kernel).absmax;
      const BlockOutput to{out.values.data() + at, out.codes.empty() ? nullptr : out.codes.data() + at};
      const int exponent = convert_block(format, in, absmax, format.block_exponent(absmax), conversion.rounding, bits,
                                         to, out.counts, kernel);
      if (out.counts.refused >= 0) {
        refuse_element(format, what, at + out.counts.refused, in.x[out.counts.refused]);
      }
      if (blocking.kind != BlockKind::none) {
        out.exponents.push_back(static_cast<std::int16_t>(exponent));
      }
    }
  }
  return out;
}

}  // namespace precsim::formats
