// Conversions of tensors in a training step.
#include "sim/nn/quantizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/convert.hpp"
#include "formats/convert_block.hpp"
#include "formats/error.hpp"
#include "formats/exact.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"
#include "sim/nn/step_profile.hpp"

namespace precsim::nn {
namespace {

constexpr std::int64_t squares_block = kernels::native::CodeSquares::block_pixels;

/// What a pass over a tensor notes of its numbers.
struct Noted {
  float absmax = 0;
  std::int64_t first_bad = -1;  ///< the first element that is not finite
};

/// Calls read(first, count, out) for all runs of a tensor, where out has room for one, and notes what it returns.
template <class Read>
Noted note_runs(const Shape& shape, std::int64_t run, const formats::ArrayKernel& kernel, Read read) {
  // What a thread takes at once is whole blocks of pixels (native::CodeSquares).
  const std::int64_t block = (run + squares_block - 1) / squares_block * squares_block;
  float absmax = 0;
  std::int64_t bad = shape.size();
#pragma omp parallel if (kernels::worth_threads(shape.size()) && block < shape.pixels())
  {
    RunScratch scratch(run * shape.c);
#pragma omp for schedule(static) reduction(max : absmax) reduction(min : bad)
    for (std::int64_t begin = 0; begin < shape.pixels(); begin += block) {
      const std::int64_t end = std::min(begin + block, shape.pixels());
      for (std::int64_t first = begin; first < end; first += run) {
        const std::int64_t count = std::min(run, end - first);
        const float* const numbers = read(first, count, scratch.data());
        if (numbers != nullptr) {
          const formats::Extent part = kernel.extent(numbers, count * shape.c);
          absmax = std::max(absmax, part.absmax);
          bad = part.first_nonfinite < 0 ? bad : std::min(bad, first * shape.c + part.first_nonfinite);
        }
      }
    }
  }
  return {absmax, bad == shape.size() ? -1 : bad};
}

Noted note(const Source& source, const formats::ArrayKernel& kernel) {
  return note_runs(source.shape(), run_pixels(source.shape()), kernel,
                   [&](std::int64_t first, std::int64_t count, float* out) { return source.read(first, count, out); });
}

/// The numbers of a source, and what they are.
Noted copy(const Source& source, std::span<float> to, const formats::ArrayKernel& kernel) {
  const Shape& shape = source.shape();
  return note_runs(shape, run_pixels(shape), kernel, [&](std::int64_t first, std::int64_t count, float*) {
    float* const out = to.data() + first * shape.c;
    const float* const numbers = source.read(first, count, out);
    if (numbers != out) {
      std::copy_n(numbers, count * shape.c, out);
    }
    return static_cast<const float*>(out);
  });
}

/// Whether bounds of the largest magnitude do as well as itself: codes whose rule asks for its exponent alone, which
/// rises with it.
bool decide(const AbsmaxBounds& bounds, const formats::Format& format) {
  const formats::CodeRule rule = format.code_rule();
  const auto* integers = std::get_if<formats::IntegerCodes>(&rule);
  const bool rises = integers != nullptr && !integers->bumps && format.make_controller() == nullptr;
  return bounds.least == bounds.most ||
         (rises && bounds.least > 0 && format.block_exponent(bounds.least) == format.block_exponent(bounds.most));
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
  const formats::ArrayKernel& kernel = kernels::array_kernel(context.kernel);
  const auto size = static_cast<std::int64_t>(values.size());
  const Noted noted = note_runs({1, 1, size, 1}, run_pixels({1, 1, 1, 1}), kernel,
                                [&](std::int64_t first, std::int64_t, float*) { return values.data() + first; });
  if (noted.first_bad >= 0) {
    throw NonFinite(std::string(layer), fmt::format("{}[{}]", what, noted.first_bad), context.step, skippable);
  }
}

void Quantizer::raise_nonfinite(std::int64_t index, const StepContext& context) const {
  throw NonFinite(layer_, fmt::format("{}[{}]", name(role_), index), context.step, skippable(role_));
}

Stored Quantizer::convert(const Source& source, const formats::Conversion& conversion, const StepContext& context,
                          Use use, Outcome& outcome) const {
  const formats::Format& format = *conversion.format;
  const formats::ArrayKernel& kernel = kernels::array_kernel(context.kernel);
  const Shape& shape = source.shape();
  ExponentControllers::Entry* const control =
      context.controllers == nullptr ? nullptr
                                     : context.controllers->find(layer_, role_, use, conversion.format, context);
  const std::optional<int> chosen =
      control == nullptr ? std::nullopt : control->controller->exponent(context.step + (context.training ? 0 : 1));
  const std::optional<AbsmaxBounds> bounds = chosen ? std::nullopt : source.absmax_bounds();
  const Noted noted = chosen ? Noted{} : bounds && decide(*bounds, format) ? Noted{bounds->most} : note(source, kernel);
  if (noted.first_bad >= 0) {
    raise_nonfinite(noted.first_bad, context);
  }
  const bool integer = format.kind() == formats::OperandKind::integer;
  Stored stored;
  stored.tensor.shape = shape;
  stored.kernel = context.kernel;
  if (integer) {
    stored.codes = Array<std::int16_t>(shape.size(), context.memory);
    stored.format = conversion.format;
  } else {
    stored.tensor.values = Array<float>(shape.size(), context.memory);
  }
  const formats::RandomBits bits = context.bits(layer_, name(role_), static_cast<std::uint32_t>(use));
  std::shared_ptr<kernels::native::CodeSquares> squares;
  if (integer && groups_ > 0) {
    squares = std::make_shared<kernels::native::CodeSquares>();
    squares->begin(shape.pixels(), shape.c, groups_);
  }
  const int wanted = chosen.value_or(format.block_exponent(noted.absmax));
  int exponent = wanted;
  std::uint64_t saturated = 0;
  formats::CodeCounts counted;
  const bool observed = control != nullptr && context.training;
  const bool whole = !format.splittable(conversion.rounding);
  const std::int64_t run = whole ? shape.pixels() : run_pixels(shape);
  const kernels::native::NativeKernel& native = *kernels::tile_kernel(context.kernel).native;
  std::int64_t refused = shape.size();
  const Noted after = note_runs(shape, run, kernel, [&](std::int64_t first, std::int64_t count, float* out) {
    const std::int64_t at = first * shape.c;
    const formats::Block block{source.read(first, count, out), count * shape.c, 1, static_cast<std::uint64_t>(at)};
    float* const values = integer ? nullptr : stored.tensor.values.data() + at;
    std::int16_t* const codes = integer ? stored.codes.data() + at : nullptr;
    formats::ConversionCounts counts;
    const int used = formats::convert_block(format, block, noted.absmax, wanted, conversion.rounding, bits,
                                            {values, codes}, counts, kernel);
    if (squares != nullptr) {
      squares->add(native, codes, first, first + count);
    }
    const formats::CodeCounts here =
        observed ? formats::count_codes({codes, static_cast<std::size_t>(block.count)}, format.width())
                 : formats::CodeCounts{};
#pragma omp critical(precsim_conversion)
    {
      exponent = std::max(exponent, used);
      saturated += counts.saturated;
      counted.join(here);
      refused = counts.refused < 0 ? refused : std::min(refused, at + counts.refused);
    }
    return static_cast<const float*>(values);
  });
  if (refused < shape.size() || after.first_bad >= 0) {
    raise_nonfinite(refused < shape.size() ? refused : after.first_bad, context);
  }
  stored.exponent = exponent;
  stored.squares = squares;
  outcome.saturated = saturated;
  if (observed) {
    outcome.control = control->observe(counted, exponent, context.step);
  }
  return stored;
}

void Quantizer::report(std::span<const float> source, std::span<const float> values,
                       std::span<const std::int16_t> exponents, const formats::Conversion& conversion,
                       const StepContext& context, std::string_view use_name, const Outcome& outcome) const {
  if (context.recording && context.observer != nullptr) {
    context.observer->on_tensor({context.step, layer_, role_, use_name, conversion, source, values, exponents,
                                 outcome.saturated, outcome.control ? &*outcome.control : nullptr});
  }
}

Stored Quantizer::store(const Source& source, const formats::Conversion& conversion, const StepContext& context,
                        Use use, std::string_view use_name) const {
  const Timed timed(context.profile, Work::quantize);
  const bool reports = context.recording && context.observer != nullptr;
  const bool fp32 = formats::is_fp32(*conversion.format);
  if (reports || fp32) {
    // Whoever is told of the conversion sees all numbers at once.
    Stored whole(Tensor(source.shape(), context.memory));
    const Noted noted = copy(source, whole.tensor.values, kernels::array_kernel(context.kernel));
    if (noted.first_bad >= 0) {
      raise_nonfinite(noted.first_bad, context);
    }
    if (fp32) {
      report(whole.values(), whole.values(), {}, conversion, context, use_name, {});
      return whole;
    }
    Outcome outcome;
    Stored stored = convert(whole, conversion, context, use, outcome);
    stored.bytes = (source.shape().size() * conversion.format->width() + 7) / 8;
    const Tensor decoded = stored.codes.empty() ? Tensor() : evaluate(stored, context.memory);
    const auto shared = static_cast<std::int16_t>(stored.exponent);
    const bool scaled = conversion.format->blocking().kind != formats::BlockKind::none;
    report(whole.values(), stored.codes.empty() ? stored.values() : decoded.values,
           {&shared, scaled ? std::size_t{1} : 0}, conversion, context, use_name, outcome);
    return stored;
  }
  Outcome outcome;
  Stored stored = convert(source, conversion, context, use, outcome);
  stored.bytes = (source.shape().size() * conversion.format->width() + 7) / 8;
  return stored;
}

StoredPtr Quantizer::store(const SourcePtr& source, const formats::Conversion& conversion,
                           const StepContext& context) const {
  auto stored = std::dynamic_pointer_cast<const Stored>(source);
  if (stored == nullptr || !stored->codes.empty() || !formats::is_fp32(*conversion.format)) {
    return std::make_shared<Stored>(store(*source, conversion, context));
  }
  check_all_finite(stored->values(), layer_, name(role_), context, skippable(role_));
  report(stored->values(), stored->values(), {}, conversion, context, "all", {});
  return stored;
}

void Quantizer::apply(std::span<float> values, const formats::Conversion& conversion, const StepContext& context,
                      Use use, bool is_finite) const {
  if (formats::is_fp32(*conversion.format)) {
    if (!is_finite) {
      check_all_finite(values, layer_, name(role_), context, skippable(role_));
    }
    report(values, values, {}, conversion, context, "all", {});
    return;
  }
  const Timed timed(context.profile, Work::quantize);
  Stored source{Tensor({1, 1, static_cast<std::int64_t>(values.size()), 1}, context.memory)};
  std::copy(values.begin(), values.end(), source.tensor.values.begin());
  const Stored converted = store(source, conversion, context, use);
  evaluate(converted, values);
}

kernels::Operand Quantizer::operand(const Stored& stored, const formats::Conversion& conversion, bool once,
                                    const kernels::ConvShape& shape, Pass pass, kernels::Side side,
                                    formats::OperandKind meet, Stored& own, const StepContext& context) const {
  if (stores_once(conversion)) {
    if (!once) {
      own = store(stored, conversion, context, use_of(pass), kernels::name(pass));
    }
    const Stored& from = once ? stored : own;
    if (meet == formats::OperandKind::integer) {
      return {.codes = from.codes, .exponent = from.exponent, .squares = from.squares.get()};
    }
    if (!from.codes.empty()) {
      own = Stored(evaluate(from, context.memory));
      return {.values = own.values()};
    }
    return {.values = from.values()};
  }
  const Timed timed(context.profile, Work::quantize);
  check_all_finite(stored.values(), layer_, name(role_), context, skippable(role_));
  const kernels::OperandConversion how{conversion,
                                       context.bits(layer_, name(role_), static_cast<std::uint32_t>(use_of(pass))),
                                       fmt::format("{} of layer {}", name(role_), layer_), context.kernel,
                                       context.recording && context.observer != nullptr};
  kernels::BlockedOperand blocked = meet == formats::OperandKind::floating
                                        ? kernels::convert_blocked(shape, pass, side, stored.values(), how, meet)
                                        : kernels::convert_tensor(shape, pass, side, stored.values(), how);
  report(blocked.source, blocked.values, blocked.exponents, conversion, context, kernels::name(pass),
         {blocked.counts.saturated, {}});
  if (blocked.tensor) {
    return {.blocked = std::move(blocked.tensor)};
  }
  return {.matrix = std::move(blocked.matrix)};
}

}  // namespace precsim::nn
