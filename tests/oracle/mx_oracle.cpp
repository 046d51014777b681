// The MX formats in the oracle; see mx_oracle.hpp.
#include "tests/oracle/mx_oracle.hpp"

#include <array>
#include <bit>
#include <cmath>

namespace oracle {
namespace {

constexpr Overflow saturate = Overflow::saturate;

constexpr std::array<NamedMx, 6> table{{
    {"mxint8", 8, true, {}, 6, 127, 1, 1, 0.015625},
    {"mxfp8_e4m3", 8, false, {4, 3, 7, false, 1, saturate}, 8, 448, 0.015625, 0.001953125, 0.125},
    {"mxfp8_e5m2", 8, false, {5, 2, 15, true, 3, saturate}, 15, 57344, 0x1p-14, 0x1p-16, 0.25},
    {"mxfp6_e3m2", 6, false, {3, 2, 3, false, 0, saturate}, 4, 28, 0.25, 0.0625, 0.25},
    {"mxfp6_e2m3", 6, false, {2, 3, 1, false, 0, saturate}, 2, 7.5, 1, 0.125, 0.125},
    {"mxfp4_e2m1", 4, false, {2, 1, 1, false, 0, saturate}, 2, 6, 1, 0.5, 0.5},
}};

}  // namespace

std::span<const NamedMx> named_mx() {
  return table;
}

float MxBlock::value(std::size_t i) const {
  return static_cast<float>(std::ldexp(static_cast<double>(elements[i]), exponent));
}

MxBlock convert_block(const NamedMx& mx, const std::vector<float>& x, Mode mode, int stochastic_bits,
                      const std::function<std::uint32_t(std::size_t)>& word) {
  float absmax = 0;
  for (const float value : x) {
    absmax = std::fabs(value) > absmax ? std::fabs(value) : absmax;
  }
  MxBlock out;
  out.exponent = absmax == 0 ? -127 : std::ilogb(absmax) - mx.emax;
  out.exponent = out.exponent < -127 ? -127 : out.exponent > 127 ? 127 : out.exponent;
  const std::uint64_t largest = mx.integer ? 127 : mx.format.largest_code();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x[i]);
    const bool negative = std::signbit(x[i]);
    Number scaled = magnitude_of(bits & 0x7fffffffu);
    scaled.exponent -= out.exponent;
    const Place place = mx.integer ? place_on_grid(bits & 0x7fffffffu, out.exponent) : place_in(mx.format, scaled);
    std::uint64_t code = decide(place, negative, mode, stochastic_bits, mode == Mode::stochastic ? word(i) : 0);
    out.saturated += code > largest ? 1 : 0;
    code = code > largest ? largest : code;
    if (mx.integer) {
      out.codes.push_back(negative ? -static_cast<std::int32_t>(code) : static_cast<std::int32_t>(code));
      out.elements.push_back(static_cast<float>(out.codes.back()));
    } else {
      const std::uint32_t sign = negative ? 1u << (mx.width - 1) : 0;
      out.codes.push_back(static_cast<std::int32_t>(sign + code));
      out.elements.push_back(fp32_of(mx.format, sign + static_cast<std::uint32_t>(code)));
    }
  }
  return out;
}

MxSide convert_side(const Shape& shape, Product product, bool left, std::int64_t block, const NamedMx& mx, Mode mode,
                    int stochastic_bits, const std::vector<float>& tensor,
                    const std::function<std::uint32_t(std::uint64_t)>& word) {
  const Implicit matrix = implicit(shape, product, false);
  const std::size_t size = (left ? matrix.left : matrix.right).size();
  MxSide out{std::vector<float>(size), std::vector<int>(size)};
  for_each_block(shape, product, left, {false, block}, false, tensor,
                 [&](std::int64_t place, std::int64_t count, const std::vector<float>& x,
                     const std::vector<std::uint64_t>& draws) {
                   const MxBlock converted =
                       convert_block(mx, x, mode, stochastic_bits, [&](std::size_t i) { return word(draws[i]); });
                   for (std::int64_t i = 0; i < count; ++i) {
                     const auto at = static_cast<std::size_t>(place + i);
                     out.elements[at] = converted.elements[static_cast<std::size_t>(i)];
                     out.exponents[at] = converted.exponent;
                   }
                 });
  return out;
}

}  // namespace oracle
