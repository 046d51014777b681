// Down-conversion and addition of dynamic fixed point tensors.
#include "sim/arith/dfp_arithmetic.hpp"

#include <algorithm>
#include <bit>

#include "formats/error.hpp"
#include "formats/exact.hpp"

namespace precsim::arith {
namespace {

std::uint64_t magnitude(std::int32_t code) {
  return code < 0 ? static_cast<std::uint64_t>(-static_cast<std::int64_t>(code)) : static_cast<std::uint64_t>(code);
}

std::uint64_t largest(std::span<const std::int32_t> codes) {
  std::uint64_t most = 0;
  for (const std::int32_t code : codes) {
    most = std::max(most, magnitude(code));
  }
  return most;
}

}  // namespace

DfpTensor down_convert(std::span<const std::int32_t> integers, int exponent, const formats::DfpFormat& format,
                       formats::Rounding rounding, const formats::RandomBits& bits) {
  const std::uint64_t most = largest(integers);
  const auto limit = static_cast<std::uint64_t>(format.largest_code());
  int shift = std::max(0, static_cast<int>(std::bit_width(most)) - (format.bits - 1 - format.headroom));
  const auto shifted = [&](std::size_t i, formats::WordReader& word) {
    return formats::discard_bits(magnitude(integers[i]), shift, integers[i] < 0, rounding, word(i));
  };
  if (format.top == formats::TopRule::bump) {
    formats::WordReader word(bits, rounding);
    bool bump = rounding.is_stochastic() && most > limit << shift;
    for (std::size_t i = 0; i < integers.size() && !rounding.is_stochastic() && !bump; ++i) {
      bump = shifted(i, word) > limit;
    }
    shift += bump ? 1 : 0;
  }
  DfpTensor out{std::vector<std::int32_t>(integers.size()), exponent + shift};
  formats::WordReader word(bits, rounding);
  for (std::size_t i = 0; i < integers.size(); ++i) {
    out.codes[i] = formats::apply_top(shifted(i, word), integers[i] < 0, format);
  }
  return out;
}

DfpTensor add(const DfpTensor& a, const DfpTensor& b, const formats::DfpFormat& format, formats::Rounding rounding,
              const formats::RandomBits& bits) {
  PRECSIM_CHECK(a.codes.size() == b.codes.size(), "tensors of different sizes");
  const bool a_zero = largest(a.codes) == 0;
  const bool b_zero = largest(b.codes) == 0;
  const int exponent = a_zero ? b.exponent : b_zero ? a.exponent : std::max(a.exponent, b.exponent);
  std::vector<std::int32_t> sums(a.codes.size());
  formats::WordReader word(bits, rounding);
  const auto aligned = [&](const DfpTensor& x, std::size_t i) {
    const int shift = x.exponent >= exponent || x.codes[i] == 0 ? 0 : exponent - x.exponent;
    const std::uint64_t kept =
        formats::discard_bits(magnitude(x.codes[i]), shift, x.codes[i] < 0, rounding, shift == 0 ? 0 : word(i));
    return static_cast<std::int32_t>(x.codes[i] < 0 ? -static_cast<std::int64_t>(kept)
                                                    : static_cast<std::int64_t>(kept));
  };
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i] = aligned(a, i) + aligned(b, i);
  }
  formats::RandomBits down_bits = bits;
  down_bits.use += 1;
  return down_convert(sums, exponent, format, rounding, down_bits);
}

}  // namespace precsim::arith
