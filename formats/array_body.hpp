// The loops of the array kernels, inlined into one function per instruction set.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "formats/array_codings.hpp"
#include "formats/array_kernel.hpp"
#include "formats/array_lanes.hpp"
#include "formats/array_philox.hpp"

namespace precsim::formats::array_body {

inline constexpr std::int64_t piece = 1024;  ///< elements whose random words are drawn at once

/// The largest FP32 magnitude, as bits, of at most `piece` numbers.
template <int bytes>
PRECSIM_INLINE std::uint32_t largest_magnitude(const float* x, std::int64_t count) {
  using Words = typename Lanes<bytes>::Words;
  constexpr int width = Lanes<bytes>::count;
  Words largest{};
  Words in;
  std::int64_t j = 0;
  for (; j + width <= count; j += width) {
    prefetch<0>(x + j);
    load(x + j, in);
    in &= 0x7fffffffu;
    largest = largest > in ? largest : in;
  }
  std::uint32_t result = 0;
  for (; j < count; ++j) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, x + j, sizeof bits);
    bits &= 0x7fffffffu;
    result = result > bits ? result : bits;
  }
  for (int lane = 0; lane < width; ++lane) {
    result = result > largest[lane] ? result : largest[lane];
  }
  return result;
}

template <int bytes>
PRECSIM_INLINE void largest_along(const float* x, std::int64_t lines, std::int64_t length, std::int64_t block,
                                  std::uint32_t* out) {
  for (std::int64_t line = 0; line < lines; ++line, x += length) {
    for (std::int64_t at = 0; at < length; at += block) {
      *out++ = largest_magnitude<bytes>(x + at, length - at < block ? length - at : block);
    }
  }
}

template <int bytes>
PRECSIM_INLINE void largest_down(const float* x, std::int64_t rows, std::int64_t columns, std::int64_t distance,
                                 std::uint32_t* out) {
  using Words = typename Lanes<bytes>::Words;
  constexpr int width = Lanes<bytes>::count;
  std::int64_t c = 0;
  for (; c + width <= columns; c += width) {
    Words largest{};
    Words in;
    for (std::int64_t r = 0; r < rows; ++r) {
      load(x + r * distance + c, in);
      in &= 0x7fffffffu;
      largest = largest > in ? largest : in;
    }
    store(out + c, largest);
  }
  for (; c < columns; ++c) {
    std::uint32_t largest = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, x + r * distance + c, sizeof bits);
      bits &= 0x7fffffffu;
      largest = largest > bits ? largest : bits;
    }
    out[c] = largest;
  }
}

template <int bytes>
PRECSIM_INLINE Extent extent(const float* x, std::int64_t count) {
  std::uint32_t largest = 0;
  std::int64_t bad = -1;
  for (std::int64_t at = 0; at < count; at += piece) {
    const std::int64_t end = at + piece < count ? at + piece : count;
    const std::uint32_t here = largest_magnitude<bytes>(x + at, end - at);
    if (here < infinity_bits) {
      largest = largest > here ? largest : here;
      continue;
    }
    for (std::int64_t j = at; j < end; ++j) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, x + j, sizeof bits);
      bits &= 0x7fffffffu;
      bad = bad < 0 && bits >= infinity_bits ? j : bad;
      largest = bits < infinity_bits && bits > largest ? bits : largest;
    }
  }
  float absmax = 0;
  std::memcpy(&absmax, &largest, sizeof absmax);
  return {absmax, bad};
}

/// The words of the elements from `first` on: out[(first & 3) + j] is that of element first + j.
template <int bytes>
PRECSIM_INLINE void draw_words(const Philox<bytes>& philox, std::uint64_t first, std::int64_t count,
                               std::uint32_t* out) {
  const std::int64_t end = count + static_cast<std::int64_t>(first & 3);
  std::uint64_t block = first >> 2;
  for (std::int64_t at = 0; at < end; at += Philox<bytes>::group_words) {
    philox.group(block, out + at);
    block += Philox<bytes>::group_blocks;
  }
}
/// Room for a piece that begins anywhere within a block, in whole groups of any width.
inline constexpr std::int64_t drawn_words = piece + 64;

template <int bytes>
PRECSIM_INLINE void words(const RandomBits& bits, std::uint64_t first, std::int64_t count, std::uint32_t* out) {
  const Philox<bytes> philox(bits);
  alignas(64) std::uint32_t drawn[drawn_words];
  for (std::int64_t at = 0; at < count; at += piece) {
    const std::uint64_t index = first + static_cast<std::uint64_t>(at);
    const std::int64_t here = count - at < piece ? count - at : piece;
    draw_words<bytes>(philox, index, here, drawn);
    std::memcpy(out + at, drawn + (index & 3), static_cast<std::size_t>(here) * sizeof *out);
  }
}

/// Whether elements have exponents of their own.
template <class Coder>
inline constexpr bool in_blocks = !std::is_same_v<typename Coder::InLanes, typename Coder::Coding>;

/// The coding of one vector: the one of all, or with the exponents of its elements.
template <class Coder, int bytes, bool blocks = in_blocks<Coder>>
struct LaneCoding {
  const typename Coder::Coding& lanes;
  PRECSIM_INLINE LaneCoding(const typename Coder::Coding& given, const typename Lanes<bytes>::Ints&) : lanes(given) {}
};
template <class Coder, int bytes>
struct LaneCoding<Coder, bytes, true> {
  const typename Coder::InLanes lanes;
  PRECSIM_INLINE LaneCoding(const typename Coder::Coding& given, const typename Lanes<bytes>::Ints& exponent)
      : lanes(given, exponent) {}
};

/// One vector of elements; adds to the count of each lane.
template <RoundingMode mode, int bytes, class Coder>
PRECSIM_INLINE void convert_vector(const typename Coder::Coding& given, const std::int32_t* exponents, const float* x,
                                   const std::uint32_t* drawn, std::uint32_t fill, std::int16_t* codes, float* values,
                                   typename Lanes<bytes>::Words& counts) {
  using Words = typename Lanes<bytes>::Words;
  Words in, code, saturated;
  Words draw{};
  load(x, in);
  if constexpr (mode == RoundingMode::stochastic) {
    load(drawn, draw);
    draw |= fill;
  }
  typename Lanes<bytes>::Ints exponent{};
  if constexpr (in_blocks<Coder>) {
    load(exponents, exponent);
  }
  const LaneCoding<Coder, bytes> coding(given, exponent);
  Coder::template encode<mode>(coding.lanes, in, draw, code, saturated);
  counts -= saturated;
  if (codes != nullptr) {
    store(codes, __builtin_convertvector(code, typename Lanes<bytes>::Halves));
  }
  if (values != nullptr) {
    typename Lanes<bytes>::Floats value;
    Coder::decode(coding.lanes, code, value);
    store(values, value);
  }
}

/// The last elements, fewer than a vector: in a vector of their own, the rest of it zeros, which saturate nowhere.
template <RoundingMode mode, int bytes, class Coder>
PRECSIM_INLINE void convert_rest(const typename Coder::Coding& coding, const std::int32_t* exponents, const float* x,
                                 std::int64_t count, const std::uint32_t* drawn, std::uint32_t fill,
                                 std::int16_t* codes, float* values, typename Lanes<bytes>::Words& counts) {
  constexpr int width = Lanes<bytes>::count;
  const auto size = static_cast<std::size_t>(count);
  float in[width] = {};
  std::uint32_t draw[width] = {};
  std::int32_t exponent[width] = {};
  std::int16_t code[width];
  float value[width];
  std::memcpy(in, x, size * sizeof *x);
  if constexpr (mode == RoundingMode::stochastic) {
    std::memcpy(draw, drawn, size * sizeof *drawn);
  }
  if constexpr (in_blocks<Coder>) {
    std::memcpy(exponent, exponents, size * sizeof *exponents);
  }
  convert_vector<mode, bytes, Coder>(coding, exponent, in, draw, fill, codes == nullptr ? nullptr : code,
                                     values == nullptr ? nullptr : value, counts);
  if (codes != nullptr) {
    std::memcpy(codes, code, size * sizeof *codes);
  }
  if (values != nullptr) {
    std::memcpy(values, value, size * sizeof *values);
  }
}

template <RoundingMode mode, int bytes, class Coder>
PRECSIM_INLINE ArrayProgress convert(const typename Coder::Coding& given, const ArrayJob& asked) {
  using Words = typename Lanes<bytes>::Words;
  constexpr int width = Lanes<bytes>::count;
  const typename Coder::Coding coding = given;  // copies that no store can reach
  const ArrayJob job = asked;
  const Philox<bytes> philox(job.bits);
  const std::uint32_t fill = job.random_bits >= 32 ? 0 : 0xffffffffu >> job.random_bits;
  alignas(64) std::uint32_t drawn[mode == RoundingMode::stochastic ? drawn_words : 1];
  Words counts{};
  std::int64_t done = 0;
  while (done < job.count) {
    const std::int64_t end = job.count - done < piece ? job.count : done + piece;
    if (job.refused_from != ArrayJob::refuses_nothing &&
        largest_magnitude<bytes>(job.x + done, end - done) >= job.refused_from) {
      break;
    }
    const std::uint32_t* draw = drawn;
    if constexpr (mode == RoundingMode::stochastic) {
      const std::uint64_t index = job.first + static_cast<std::uint64_t>(done);
      draw_words<bytes>(philox, index, end - done, drawn);
      draw += index & 3;
    }
    const auto codes_at = [&](std::int64_t j) { return job.codes == nullptr ? nullptr : job.codes + j; };
    const auto values_at = [&](std::int64_t j) { return job.values == nullptr ? nullptr : job.values + j; };
    const auto exponents_at = [&](std::int64_t j) { return in_blocks<Coder> ? job.exponents + j : nullptr; };
    for (; done + width <= end; done += width, draw += mode == RoundingMode::stochastic ? width : 0) {
      prefetch<0>(job.x + done);
      prefetch<1>(codes_at(done));
      prefetch<1>(values_at(done));
      convert_vector<mode, bytes, Coder>(coding, exponents_at(done), job.x + done, draw, fill, codes_at(done),
                                         values_at(done), counts);
    }
    if (done < end) {
      convert_rest<mode, bytes, Coder>(coding, exponents_at(done), job.x + done, end - done, draw, fill, codes_at(done),
                                       values_at(done), counts);
      done = end;
    }
  }
  std::uint64_t saturated = 0;
  for (int lane = 0; lane < width; ++lane) {
    saturated += counts[lane];
  }
  return {done, saturated};
}

template <int bytes, class Coder>
PRECSIM_INLINE void decode(const typename Coder::Coding& given, const std::int16_t* codes, std::int64_t count,
                           float* values) {
  constexpr int width = Lanes<bytes>::count;
  using Words = typename Lanes<bytes>::Words;
  const typename Coder::Coding coding = given;
  typename Lanes<bytes>::Halves in;
  typename Lanes<bytes>::Floats value;
  std::int64_t j = 0;
  for (; j + width <= count; j += width) {
    prefetch<0>(codes + j);
    prefetch<1>(values + j);
    load(codes + j, in);
    Coder::decode(coding, reinterpret_cast<Words>(__builtin_convertvector(in, typename Lanes<bytes>::Ints)), value);
    store(values + j, value);
  }
  if (j < count) {
    std::int16_t rest[width] = {};
    float out[width];
    std::memcpy(rest, codes + j, static_cast<std::size_t>(count - j) * sizeof *codes);
    load(rest, in);
    Coder::decode(coding, reinterpret_cast<Words>(__builtin_convertvector(in, typename Lanes<bytes>::Ints)), value);
    store(out, value);
    std::memcpy(values + j, out, static_cast<std::size_t>(count - j) * sizeof *values);
  }
}

}  // namespace precsim::formats::array_body

/// Defines the functions of one row; `attribute` selects the instruction set, whose vectors have `bytes` bytes.
#define PRECSIM_ARRAY_FUNCTIONS(attribute, bytes)                                                                    \
  template <RoundingMode mode>                                                                                       \
  attribute ArrayProgress float_codes(const FloatCoding& c, const ArrayJob& job) {                                   \
    return array_body::convert<mode, bytes, array_body::FloatLanes<bytes>>(c, job);                                  \
  }                                                                                                                  \
  template <RoundingMode mode>                                                                                       \
  attribute ArrayProgress saturating_codes(const IntegerCoding& c, const ArrayJob& job) {                            \
    if constexpr (mode == RoundingMode::nearest_even) {                                                              \
      if (c.inverse != 0 && job.refused_from <= ArrayJob::refuses_nonfinite) {                                       \
        return array_body::convert<mode, bytes, array_body::NearestIntegerLanes<bytes>>(c, job);                     \
      }                                                                                                              \
    }                                                                                                                \
    return array_body::convert<mode, bytes, array_body::IntegerLanes<bytes, false>>(c, job);                         \
  }                                                                                                                  \
  template <RoundingMode mode>                                                                                       \
  attribute ArrayProgress wrapping_codes(const IntegerCoding& c, const ArrayJob& job) {                              \
    return array_body::convert<mode, bytes, array_body::IntegerLanes<bytes, true>>(c, job);                          \
  }                                                                                                                  \
  template <RoundingMode mode>                                                                                       \
  attribute ArrayProgress scaled_blocks(const FloatCoding& c, const ArrayJob& job) {                                 \
    using Coder = array_body::FloatLanes<bytes, array_body::FloatCodings<bytes>>;                                    \
    return array_body::convert<mode, bytes, Coder>(c, job);                                                          \
  }                                                                                                                  \
  template <RoundingMode mode>                                                                                       \
  attribute ArrayProgress saturating_blocks(const IntegerCoding& c, const ArrayJob& job) {                           \
    using Coder = array_body::IntegerLanes<bytes, false, array_body::IntegerCodings<bytes>>;                         \
    return array_body::convert<mode, bytes, Coder>(c, job);                                                          \
  }                                                                                                                  \
  attribute void decode_floats(const FloatCoding& c, const std::int16_t* codes, std::int64_t n, float* values) {     \
    array_body::decode<bytes, array_body::FloatLanes<bytes>>(c, codes, n, values);                                   \
  }                                                                                                                  \
  attribute void decode_integers(const IntegerCoding& c, const std::int16_t* codes, std::int64_t n, float* values) { \
    array_body::decode<bytes, array_body::IntegerLanes<bytes, false>>(c, codes, n, values);                          \
  }                                                                                                                  \
  attribute Extent extent(const float* x, std::int64_t n) {                                                          \
    return array_body::extent<bytes>(x, n);                                                                          \
  }                                                                                                                  \
  attribute void largest_along(const float* x, std::int64_t lines, std::int64_t length, std::int64_t block,          \
                               std::uint32_t* out) {                                                                 \
    array_body::largest_along<bytes>(x, lines, length, block, out);                                                  \
  }                                                                                                                  \
  attribute void largest_down(const float* x, std::int64_t rows, std::int64_t columns, std::int64_t distance,        \
                              std::uint32_t* out) {                                                                  \
    array_body::largest_down<bytes>(x, rows, columns, distance, out);                                                \
  }                                                                                                                  \
  attribute void words(const RandomBits& bits, std::uint64_t first, std::int64_t n, std::uint32_t* out) {            \
    array_body::words<bytes>(bits, first, n, out);                                                                   \
  }
