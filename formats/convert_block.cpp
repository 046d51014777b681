// Blocks through the array kernels; see convert_block.hpp.
#include "formats/convert_block.hpp"

#include <algorithm>
#include <bit>
#include <vector>

#include "formats/error.hpp"
#include "formats/exact.hpp"

namespace precsim::formats {
namespace {

constexpr std::int64_t longest_job = std::int64_t{1} << 31;

/// Runs one kernel function over a job of any length, up to the first refused element.
template <class Coding>
void run(ArrayEncoder<Coding> encode, const Coding& coding, ArrayJob job, ConversionCounts& counts) {
  const std::int64_t count = job.count;
  const auto advance = [&](std::int64_t by) {
    job.x += by;
    job.first += static_cast<std::uint64_t>(by);
    job.values = job.values == nullptr ? nullptr : job.values + by;
    job.codes = job.codes == nullptr ? nullptr : job.codes + by;
  };
  for (std::int64_t at = 0; at < count;) {
    job.count = std::min(count - at, longest_job);
    const ArrayProgress progress = encode(coding, job);
    counts.saturated += progress.saturated;
    const bool whole = progress.done == job.count;
    advance(progress.done);
    at += progress.done;
    if (whole) {
      continue;
    }
    std::int64_t good = 0;
    while ((std::bit_cast<std::uint32_t>(job.x[good]) & 0x7fffffffu) < job.refused_from) {
      ++good;
    }
    job.count = good;
    counts.saturated += encode(coding, job).saturated;
    counts.refused = at + good;
    return;
  }
}

struct BlockJob {
  const ArrayKernel& kernel;
  ArrayJob job;
  std::size_t mode;

  void integers(const IntegerCodes& codes, int exponent, ConversionCounts& counts) const {
    const auto& table = codes.wraps ? kernel.wrapping_codes : kernel.saturating_codes;
    run(table[mode], integer_coding(codes, exponent), job, counts);
  }
};

int convert_integers(const IntegerCodes& codes, const BlockJob& block, float absmax, int exponent, bool stochastic,
                     ConversionCounts& counts) {
  if (!codes.bumps) {
    block.integers(codes, exponent, counts);
    return exponent;
  }
  const bool above =
      stochastic && static_cast<double>(absmax) > static_cast<double>(codes.largest) * power_of_two(exponent);
  ConversionCounts first;
  if (!above) {
    block.integers(codes, exponent, first);
  }
  if (above || first.saturated != 0) {
    block.integers(codes, exponent + 1, counts);
    return exponent + 1;
  }
  counts.refused = first.refused;
  return exponent;
}

bool in_range(const IntegerCodes& codes, int exponent) {
  return lowest_array_exponent <= exponent && exponent + (codes.bumps ? 1 : 0) <= highest_array_exponent;
}

bool all_zero(const Block& in, const ArrayKernel& kernel) {
  const Extent extent = kernel.extent(in.x, in.count);
  return extent.absmax == 0 && extent.first_nonfinite < 0;
}

void fill_zeros(std::int64_t count, const BlockOutput& out) {
  if (out.values != nullptr) {
    std::fill_n(out.values, count, 0.0f);
  }
  if (out.codes != nullptr) {
    std::fill_n(out.codes, count, std::int16_t{0});
  }
}

/// Format::convert, which always writes values.
int convert_plainly(const Format& format, const Block& in, float absmax, int exponent, Rounding rounding,
                    const RandomBits& bits, BlockOutput out, ConversionCounts& counts) {
  PRECSIM_CHECK(out.codes == nullptr || format.kind() == OperandKind::integer || format.kind() == OperandKind::scaled,
                "codes of " + format.name());
  std::vector<float> unwanted;
  if (out.values == nullptr) {
    unwanted.resize(static_cast<std::size_t>(in.count * in.stride));
    out.values = unwanted.data();
  }
  return format.convert(in, absmax, exponent, rounding, bits, out, counts);
}

}  // namespace

int convert_block(const Format& format, const Block& in, float absmax, int exponent, Rounding rounding,
                  const RandomBits& bits, const BlockOutput& out, ConversionCounts& counts, const ArrayKernel& kernel) {
  const CodeRule rule = in.stride == 1 ? format.code_rule() : CodeRule{};
  BlockJob block{kernel,
                 {.x = in.x,
                  .count = in.count,
                  .first = in.first,
                  .bits = bits,
                  .random_bits = rounding.bits,
                  .values = out.values,
                  .codes = out.codes},
                 static_cast<std::size_t>(rounding.mode)};
  if (!format.takes_nan()) {
    block.job.refused_from = format.takes_infinity() ? ArrayJob::refuses_nan : ArrayJob::refuses_nonfinite;
  }
  if (const auto* floating = std::get_if<FloatFormat>(&rule)) {
    PRECSIM_CHECK(out.codes == nullptr || floating->width() <= 16, "codes of " + format.name());
    run(kernel.float_codes[block.mode], float_coding(*floating, rounding), block.job, counts);
    return 0;
  }
  if (const auto* scaled = std::get_if<ScaledFloat>(&rule)) {
    if (scaled_exponents(scaled->element).has(exponent)) {
      run(kernel.float_codes[block.mode], float_coding(scaled->element, rounding, exponent), block.job, counts);
      return exponent;
    }
  }
  if (const auto* integers = std::get_if<IntegerCodes>(&rule)) {
    if (in_range(*integers, exponent)) {
      return convert_integers(*integers, block, absmax, exponent, rounding.is_stochastic(), counts);
    }
    if (exponent < lowest_array_exponent && absmax == 0 && all_zero(in, kernel)) {
      fill_zeros(in.count, out);
      return exponent;
    }
  }
  return convert_plainly(format, in, absmax, exponent, rounding, bits, out, counts);
}

void decode_block(const Format& format, const std::int16_t* codes, std::int64_t count, int exponent, float* values,
                  const ArrayKernel& kernel) {
  const CodeRule rule = format.code_rule();
  if (const auto* floating = std::get_if<FloatFormat>(&rule)) {
    PRECSIM_CHECK(floating->width() <= 16, "codes of " + format.name());
    kernel.decode_floats(float_coding(*floating, {}), codes, count, values);
    return;
  }
  PRECSIM_CHECK(-400 < exponent && exponent < 400, "exponent " + std::to_string(exponent));
  if (const auto* scaled = std::get_if<ScaledFloat>(&rule)) {
    const bool in_kernel = scaled_exponents(scaled->element).has(exponent);
    kernel.decode_floats(float_coding(scaled->element, {}, in_kernel ? exponent : 0), codes, count, values);
    for (std::int64_t j = 0; j < count && !in_kernel; ++j) {
      values[j] = static_cast<float>(static_cast<double>(values[j]) * power_of_two(exponent));
    }
    return;
  }
  const auto* integers = std::get_if<IntegerCodes>(&rule);
  PRECSIM_CHECK(integers != nullptr, format.name() + " has no code rule");
  if (lowest_array_exponent <= exponent && exponent <= highest_array_exponent) {
    kernel.decode_integers(integer_coding(*integers, exponent), codes, count, values);
    return;
  }
  for (std::int64_t j = 0; j < count; ++j) {
    values[j] = static_cast<float>(static_cast<double>(codes[j]) * power_of_two(exponent));
  }
}

}  // namespace precsim::formats
