// Conversions of tensors in a training step.
#include "sim/nn/quantizer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "formats/convert.hpp"
#include "formats/convert_block.hpp"
#include "formats/error.hpp"
#include "formats/exact.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::nn {
namespace {

constexpr std::int64_t piece =
    1 << 14;  // elements per parallel piece; a multiple of 4, so that pieces share no Philox block

float parallel_absmax(std::span<const float> values, const StepContext& context, std::int64_t& first_bad) {
  const formats::ArrayKernel& kernel = kernels::array_kernel(context.kernel);
  const auto size = static_cast<std::int64_t>(values.size());
  float absmax = 0;
  std::int64_t bad = size;
#pragma omp parallel for schedule(static) if (kernels::worth_threads(size)) reduction(max : absmax) reduction(min : bad)
  for (std::int64_t at = 0; at < size; at += piece) {
    const formats::Extent part = kernel.extent(values.data() + at, std::min(piece, size - at));
    absmax = std::max(absmax, part.absmax);
    bad = part.first_nonfinite < 0 ? bad : std::min(bad, at + part.first_nonfinite);
  }
  first_bad = bad == size ? -1 : bad;
  return absmax;
}

/// Converts a tensor as one block, in pieces among the threads where the format allows; returns its exponent.
int convert_pieces(std::span<const float> source, float absmax, std::span<float> values, std::int16_t* codes,
                   const formats::Conversion& conversion, const formats::RandomBits& bits,
                   const formats::ArrayKernel& kernel, std::uint64_t& saturated) {
  const formats::Format& format = *conversion.format;
  const auto size = static_cast<std::int64_t>(source.size());
  const std::int64_t step = format.splittable(conversion.rounding) ? piece : std::max<std::int64_t>(size, 1);
  const int wanted = format.block_exponent(absmax);
  int exponent = wanted;
  std::uint64_t count = 0;
#pragma omp parallel for schedule(static) if (kernels::worth_threads(size)) reduction(+ : count) reduction(max : exponent)
  for (std::int64_t at = 0; at < size; at += step) {
    formats::ConversionCounts counts;
    const formats::Block block{source.data() + at, std::min(step, size - at), 1, static_cast<std::uint64_t>(at)};
    const formats::BlockOutput out{values.data() + at, codes == nullptr ? nullptr : codes + at};
    const int used =
        formats::convert_block(format, block, absmax, wanted, conversion.rounding, bits, out, counts, kernel);
    exponent = std::max(exponent, used);
    count += counts.saturated;
  }
  saturated = count;
  return exponent;
}

bool skippable(Role role) {
  return role == Role::errors || role == Role::weight_gradients;
}

}  // namespace

NonFinite::NonFinite(std::string layer, std::string what, std::int64_t step, bool skippable)
    : std::runtime_error(fmt::format("step {}: {} of layer {} became NaN or infinite", step, what, layer)),
      skippable_(skippable) {}

formats::RandomBits StepContext::bits(std::string_view layer, std::string_view role, std::uint32_t use) const {
  return {seed, formats::Stream::rounding, static_cast<std::uint32_t>(step),
          formats::tensor_id(fmt::format("{}/{}", layer, role)), use + (training ? 0u : 128u)};
}

bool stores_once(const formats::Conversion& conversion) {
  const formats::BlockKind kind = conversion.format->blocking().kind;
  return kind == formats::BlockKind::none || kind == formats::BlockKind::tensor;
}

void check_all_finite(std::span<const float> values, std::string_view layer, std::string_view what,
                      const StepContext& context, bool skippable) {
  std::int64_t bad = -1;
  parallel_absmax(values, context, bad);
  if (bad >= 0) {
    throw NonFinite(std::string(layer), fmt::format("{}[{}]", what, bad), context.step, skippable);
  }
}

void Quantizer::check_finite(std::span<const float> values, const StepContext& context) const {
  check_all_finite(values, layer_, name(role_), context, skippable(role_));
}

int Quantizer::convert(std::span<const float> source, std::span<float> values, std::int16_t* codes,
                       const formats::Conversion& conversion, const StepContext& context, Use use,
                       std::string_view use_name) const {
  const formats::Format& format = *conversion.format;
  std::int64_t bad = -1;
  const float absmax = parallel_absmax(source, context, bad);
  if (bad >= 0) {
    throw NonFinite(layer_, fmt::format("{}[{}]", name(role_), bad), context.step, skippable(role_));
  }
  std::uint64_t saturated = 0;
  int exponent = format.block_exponent(absmax);
  if (formats::is_fp32(format)) {
    std::copy(source.begin(), source.end(), values.begin());
  } else {
    const formats::RandomBits bits = context.bits(layer_, name(role_), static_cast<std::uint32_t>(use));
    exponent = convert_pieces(source, absmax, values, codes, conversion, bits, kernels::array_kernel(context.kernel),
                              saturated);
    check_finite(values, context);
  }
  const auto shared = static_cast<std::int16_t>(exponent);
  const bool scaled = format.blocking().kind != formats::BlockKind::none;
  report(source, values, {&shared, scaled ? std::size_t{1} : 0}, conversion, context, use_name, saturated);
  return exponent;
}

void Quantizer::report(std::span<const float> source, std::span<const float> values,
                       std::span<const std::int16_t> exponents, const formats::Conversion& conversion,
                       const StepContext& context, std::string_view use_name, std::uint64_t saturated) const {
  if (context.recording && context.observer != nullptr) {
    context.observer->on_tensor(
        {context.step, layer_, role_, use_name, conversion, source, values, exponents, saturated});
  }
}

Stored Quantizer::store(const Tensor& tensor, const formats::Conversion& conversion, const StepContext& context,
                        Use use, std::string_view use_name) const {
  Stored stored;
  const auto size = static_cast<std::int64_t>(tensor.values.size());
  stored.bytes = (size * conversion.format->width() + 7) / 8;
  stored.tensor = Tensor(tensor.shape);
  if (conversion.format->kind() == formats::OperandKind::integer) {
    stored.codes.resize(tensor.values.size());
  }
  stored.exponent = convert(tensor.values, stored.tensor.values, stored.codes.empty() ? nullptr : stored.codes.data(),
                            conversion, context, use, use_name);
  return stored;
}

void Quantizer::apply(std::span<float> values, const formats::Conversion& conversion, const StepContext& context,
                      Use use) const {
  if (formats::is_fp32(*conversion.format)) {
    check_finite(values, context);
    report(values, values, {}, conversion, context, "all", 0);
    return;
  }
  const std::vector<float> source(values.begin(), values.end());
  convert(source, values, nullptr, conversion, context, use, "all");
}

kernels::Operand Quantizer::operand(const Stored& stored, const formats::Conversion& conversion, bool once,
                                    const kernels::ConvShape& shape, Pass pass, kernels::Side side, bool integer,
                                    Stored& own, const StepContext& context) const {
  if (stores_once(conversion)) {
    if (!once) {
      own = store(stored.tensor, conversion, context, use_of(pass), kernels::name(pass));
    }
    const Stored& from = once ? stored : own;
    return integer ? kernels::Operand{.codes = from.codes, .exponent = from.exponent}
                   : kernels::Operand{.values = from.values()};
  }
  check_finite(stored.values(), context);
  const kernels::OperandConversion how{conversion,
                                       context.bits(layer_, name(role_), static_cast<std::uint32_t>(use_of(pass))),
                                       fmt::format("{} of layer {}", name(role_), layer_), context.kernel};
  kernels::BlockedOperand blocked = kernels::convert_blocked(shape, pass, side, stored.values(), how, integer);
  report(blocked.source, blocked.values, blocked.exponents, conversion, context, kernels::name(pass),
         blocked.counts.saturated);
  return {.matrix = std::move(blocked.matrix)};
}

}  // namespace precsim::nn
