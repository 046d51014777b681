// The table of array kernels, and their codings from formats.
#include "formats/array_kernel.hpp"

#include <bit>

#include "formats/array_body.hpp"
#include "formats/cpu_features.hpp"
#include "formats/error.hpp"
#include "formats/kernel_table.hpp"

namespace precsim::formats {
namespace {

#if defined(__x86_64__)
namespace avx512 {
PRECSIM_ARRAY_FUNCTIONS(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2"))), 64)
}
namespace avx2 {
PRECSIM_ARRAY_FUNCTIONS(__attribute__((target("avx2"))), 32)
}
#endif
namespace portable {
PRECSIM_ARRAY_FUNCTIONS(, 16)
}

#define PRECSIM_EVERY_ROUNDING(function)                                                                             \
  {                                                                                                                  \
    function<RoundingMode::nearest_even>, function<RoundingMode::nearest_away>, function<RoundingMode::toward_zero>, \
        function<RoundingMode::toward_positive>, function<RoundingMode::toward_negative>,                            \
        function<RoundingMode::to_odd>, function<RoundingMode::stochastic>, function<RoundingMode::biased>           \
  }
#define PRECSIM_ARRAY_ROW(isa, architecture, usable)                                                             \
  {                                                                                                              \
#isa, architecture, usable, PRECSIM_EVERY_ROUNDING(isa::float_codes),                                        \
        PRECSIM_EVERY_ROUNDING(isa::saturating_codes), PRECSIM_EVERY_ROUNDING(isa::wrapping_codes),              \
        PRECSIM_EVERY_ROUNDING(isa::scaled_blocks), PRECSIM_EVERY_ROUNDING(isa::saturating_blocks),              \
        isa::decode_floats, isa::decode_integers, isa::extent, isa::largest_along, isa::largest_down, isa::words \
  }

constexpr ArrayKernel table[] = {
#if defined(__x86_64__)
    PRECSIM_ARRAY_ROW(avx512, "x86_64", [] { return cpu_features().avx512; }),
    PRECSIM_ARRAY_ROW(avx2, "x86_64", [] { return cpu_features().avx2; }),
#endif
    PRECSIM_ARRAY_ROW(portable, "any", [] { return true; }),
};

}  // namespace

FloatCoding float_coding(const FloatFormat& format, Rounding rounding, int exponent) {
  constexpr int beyond_every_format = 1000;
  const auto magnitude = [&](std::uint32_t code) { return code & format.magnitude_mask(); };
  FloatCoding c;
  c.lowest_field = format.smallest_exponent() + 127 + exponent;
  c.fraction_bits = format.fraction_bits;
  c.drop = 23 - format.fraction_bits;
  c.sign_shift = 32 - format.width();
  c.sign_bit = format.sign_bit();
  c.magnitude_mask = format.magnitude_mask();
  c.largest = format.largest_code();
  c.above_positive = magnitude(encode(format, Exact{false, 1, beyond_every_format}, rounding, 0));
  c.above_negative = magnitude(encode(format, Exact{true, 1, beyond_every_format}, rounding, 0));
  c.from_infinity = magnitude(*encode(format, std::numeric_limits<float>::infinity(), rounding, 0));
  c.quiet_nan = magnitude(encode(format, std::numeric_limits<float>::quiet_NaN(), rounding, 0).value_or(0));
  c.infinity = format.has_infinity ? c.largest + 1 : ~0u;
  c.payload_mask = format.nan_codes == 1 ? 0 : (1u << format.fraction_bits) - 1;
  c.rebias = static_cast<std::uint32_t>(127 - format.bias + exponent) << 23;
  const bool as_fp32 = format.bias == 127;  // then there is no exponent but 0
  c.first_normal = as_fp32 ? 0 : 1u << format.fraction_bits;
  c.smallest = as_fp32 ? 1.0f : static_cast<float>(static_cast<double>(decode(format, 1)) * power_of_two(exponent));
  return c;
}

ExponentRange scaled_exponents(const FloatFormat& format) {
  const int largest_field = static_cast<int>(format.largest_code() >> format.fraction_bits) + 127 - format.bias;
  return {-126 - format.smallest_exponent(), 254 - largest_field};
}

IntegerCoding integer_coding(const IntegerCodes& codes, int exponent) {
  PRECSIM_CHECK(lowest_array_exponent <= exponent && exponent <= highest_array_exponent,
                "exponent " + std::to_string(exponent));
  const auto largest = static_cast<std::uint32_t>(codes.largest);
  constexpr int normal_both = 126;
  const bool invertible = -normal_both <= exponent && exponent <= normal_both;
  return {exponent,
          largest,
          static_cast<std::uint32_t>(codes.most_negative),
          31 - static_cast<int>(std::bit_width(largest)),
          static_cast<float>(power_of_two(exponent)),
          invertible ? static_cast<float>(power_of_two(-exponent)) : 0.0f};
}

std::span<const ArrayKernel> array_kernels() {
  return table;
}

const ArrayKernel& best_array_kernel() {
  static const ArrayKernel& best = best_row(array_kernels());
  return best;
}

const ArrayKernel& find_array_kernel(std::string_view name) {
  return find_row("array kernel", array_kernels(), name);
}

}  // namespace precsim::formats
