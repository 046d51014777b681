// The array kernels: contiguous FP32 numbers to codes and back, one row per instruction set.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "formats/code_rule.hpp"
#include "formats/convert.hpp"
#include "formats/random_bits.hpp"
#include "formats/rounding.hpp"

namespace precsim::formats {

/// A floating-point format under one rounding mode, as the kernels compute with it: fields count from FP32's, codes are
/// magnitudes. Any FloatFormat with bias <= 127 has one.
struct FloatCoding {
  std::int32_t lowest_field = 1;  ///< FP32 exponent field of the smallest normal number
  std::int32_t fraction_bits = 23;
  std::int32_t drop = 0;        ///< 23 - fraction_bits
  std::int32_t sign_shift = 0;  ///< of FP32's sign down to the code's
  std::uint32_t sign_bit = 0, magnitude_mask = 0, largest = 0;
  std::uint32_t above_positive = 0, above_negative = 0;  ///< for finite values above the largest
  std::uint32_t from_infinity = 0;
  std::uint32_t quiet_nan = 0;  ///< or-ed with the payload
  // Decoding.
  std::uint32_t infinity = 0;  ///< its code, or a code that is none
  std::uint32_t payload_mask = 0;
  std::uint32_t rebias = 0;        ///< added to a normal code in place
  std::uint32_t first_normal = 0;  ///< 0 where subnormal codes are FP32's own
  float smallest = 1;              ///< the value of subnormal code 1; 1 where first_normal is 0
};
/// With an exponent: of x * 2^-exponent, and its values times 2^exponent, where scaled_exponents() has it.
FloatCoding float_coding(const FloatFormat& format, Rounding rounding, int exponent = 0);

/// The exponents under which every element of the format is an FP32 number, and the normal ones normal.
struct ExponentRange {
  int lowest = 0, highest = 0;
  constexpr bool has(int exponent) const { return lowest <= exponent && exponent <= highest; }
};
ExponentRange scaled_exponents(const FloatFormat& format);

/// Integer codes under one exponent, from -149 to 127: there every code is an FP32 number (or overflows to infinity),
/// and subnormals meet no left shift.
struct IntegerCoding {
  std::int32_t exponent = 0;
  std::uint32_t largest = 0, most_negative = 0;
  std::int32_t unused_bits = 16;  ///< 32 - width
  float step = 1;                 ///< 2^exponent
  float inverse = 0;              ///< 2^-exponent; 0 where one of the two is subnormal
};
inline constexpr int lowest_array_exponent = -149;
inline constexpr int highest_array_exponent = 127;
IntegerCoding integer_coding(const IntegerCodes& codes, int exponent);

/// `count` elements, fewer than 2^32; x and `values` may be the same array. Null outputs are left out.
struct ArrayJob {
  const float* x = nullptr;
  std::int64_t count = 0;
  std::uint64_t first = 0;  ///< the index of x[0] in its tensor, for random words
  RandomBits bits;
  int random_bits = 32;                          ///< r of stochastic:bits=r
  std::uint32_t refused_from = refuses_nothing;  ///< FP32 magnitudes from here on have no code
  float* values = nullptr;
  std::int16_t* codes = nullptr;            ///< bit patterns where the codes are floating; then at most 16 bits wide
  const std::int32_t* exponents = nullptr;  ///< of each element, for the functions of blocks

  static constexpr std::uint32_t refuses_nothing = 0xffffffffu, refuses_nan = 0x7f800001u,
                                 refuses_nonfinite = 0x7f800000u;
};

/// How far a kernel came: everything, or up to some element before the first refused one and less than 1024 from it.
struct ArrayProgress {
  std::int64_t done = 0;
  std::uint64_t saturated = 0;  ///< as ConversionCounts, among the elements done
};

inline constexpr std::size_t rounding_modes = 8;
template <class Coding>
using ArrayEncoder = ArrayProgress (*)(const Coding&, const ArrayJob&);

/// One row of the table. All functions of all rows give the same bits.
struct ArrayKernel {
  std::string_view name;
  std::string_view architecture;
  bool (*usable)();
  std::array<ArrayEncoder<FloatCoding>, rounding_modes> float_codes;
  std::array<ArrayEncoder<IntegerCoding>, rounding_modes> saturating_codes, wrapping_codes;
  /// Element i under job.exponents[i], the coding being that of exponent 0; exponents as float_coding() and
  /// integer_coding() take them.
  std::array<ArrayEncoder<FloatCoding>, rounding_modes> scaled_blocks;
  std::array<ArrayEncoder<IntegerCoding>, rounding_modes> saturating_blocks;
  void (*decode_floats)(const FloatCoding&, const std::int16_t* codes, std::int64_t count, float* values);
  void (*decode_integers)(const IntegerCoding&, const std::int16_t* codes, std::int64_t count, float* values);
  Extent (*extent)(const float* x, std::int64_t count);
  /// The largest magnitude, as bits, of each block of `block` numbers of each of `lines` lines of `length` numbers, the
  /// last block of a line shorter. Infinities and NaN count as what their bits are.
  void (*largest_along)(const float* x, std::int64_t lines, std::int64_t length, std::int64_t block,
                        std::uint32_t* out);
  /// The same of each of `columns` columns; rows begin `distance` numbers apart.
  void (*largest_down)(const float* x, std::int64_t rows, std::int64_t columns, std::int64_t distance,
                       std::uint32_t* out);
  /// bits.word(first) to bits.word(first + count - 1).
  void (*words)(const RandomBits& bits, std::uint64_t first, std::int64_t count, std::uint32_t* out);
};

/// Fastest first; the portable row is last and always usable.
std::span<const ArrayKernel> array_kernels();
/// The first usable row.
const ArrayKernel& best_array_kernel();
/// The row of that name. Raises UserError listing the rows when there is none, or when this CPU cannot run it.
const ArrayKernel& find_array_kernel(std::string_view name);

}  // namespace precsim::formats
