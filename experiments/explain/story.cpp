// Telling stories: the plain definition, with everything kept.
#include "experiments/explain/story.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>

#include "formats/error.hpp"
#include "sim/arith/float_accumulate.hpp"
#include "sim/arith/reduce.hpp"

namespace precsim::explain {
namespace {

using kernels::Side;

std::int64_t product(const Story& story, std::int64_t k) {
  const auto i = static_cast<std::size_t>(k);
  return std::int64_t{story.a.codes[i]} * story.b.codes[i];
}

/// Adds the steps of one chain from lane 0; `chain` gets what they come to.
void tell_chain(ChainStory& chain, Story& story) {
  const arith::IntegerAccumulator& accumulator = story.accumulators.integer;
  const int step = arith::products_per_step(accumulator.atom);
  chain.first_step = story.integer_steps.size();
  for (std::int64_t k = chain.chain.begin; k < chain.chain.end; k += step) {
    IntegerStep now{k, static_cast<int>(std::min<std::int64_t>(step, chain.chain.end - k)), chain.lane, chain.lane, 0};
    for (int i = 0; i < now.products; ++i) {
      now.sum += product(story, k + i);
    }
    now.after = arith::apply(accumulator.overflow, now.sum);
    chain.true_sum += now.sum - now.before;
    chain.overflow_events += now.overflows() ? 1 : 0;
    chain.lane = now.after;
    story.integer_steps.push_back(now);
  }
  chain.end_step = story.integer_steps.size();
}

void tell_integers(Story& story, std::int64_t taps) {
  const arith::IntegerOperand a = story.a.integers();
  const arith::IntegerOperand b = story.b.integers();
  const arith::ReductionLayout layout{story.length, story.length / taps, story.a.block, story.b.block};
  Dyadic exact;
  for (const arith::Chain& cut : arith::cut(layout, story.chain_length)) {
    ChainStory chain;
    chain.chain = cut;
    chain.exponent_a = a.exponent(cut.block_a);
    chain.exponent_b = b.exponent(cut.block_b);
    tell_chain(chain, story);
    chain.before = story.sum;
    chain.after = arith::spill(chain.lane, chain.exponent_a + chain.exponent_b, chain.before);
    story.sum = chain.after;
    exact += Dyadic(chain.true_sum, chain.exponent_a + chain.exponent_b);
    story.chains.push_back(chain);
  }
  story.exact_sum = exact;
}

/// What a product becomes in its own format: an accumulation on a sum of zero, in that format.
float stored_product(const arith::FloatAccumulator& accumulator, float a, float b, std::uint32_t word) {
  return arith::accumulate({*accumulator.product, {}, accumulator.rounding}, 0, a, b, {word, 0});
}

/// Whether a finite sum leaves the range of the accumulator in this step.
bool sum_overflows(const Story& story, const FloatStep& step, arith::StepWords words) {
  const auto i = static_cast<std::size_t>(step.k);
  const float stored = step.stored_product.value_or(0);
  if (formats::is_nonfinite(step.before) || formats::is_nonfinite(stored) || formats::is_nonfinite(story.a.values[i]) ||
      formats::is_nonfinite(story.b.values[i])) {
    return false;
  }
  const formats::Exact product =
      step.stored_product ? formats::exact(stored) : arith::multiply(story.a.values[i], story.b.values[i]);
  const arith::FloatAccumulator& accumulator = story.accumulators.floating;
  return formats::overflows(accumulator.sum, arith::add(product, formats::exact(step.before)), accumulator.rounding,
                            words.sum);
}

void tell_floats(Story& story, const formats::RandomBits& bits) {
  const arith::FloatAccumulator& accumulator = story.accumulators.floating;
  formats::RandomBits product_bits = bits;
  product_bits.use += 1;
  formats::WordReader sum_word(bits, accumulator.rounding);
  formats::WordReader product_word(product_bits, accumulator.rounding);
  const std::uint64_t first_word = static_cast<std::uint64_t>(story.index * story.length);
  bool finite = true;
  Dyadic exact;
  for (std::int64_t k = 0; k < story.length; ++k) {
    const auto i = static_cast<std::size_t>(k);
    const arith::StepWords words{sum_word(first_word + i), product_word(first_word + i)};
    FloatStep step{k, story.sum, {}, 0};
    if (accumulator.product) {
      step.stored_product = stored_product(accumulator, story.a.values[i], story.b.values[i], words.product);
    }
    step.after = arith::accumulate(accumulator, step.before, story.a.values[i], story.b.values[i], words);
    story.sum = step.after;
    step.overflows = sum_overflows(story, step, words);
    story.float_steps.push_back(step);
    finite &= !formats::is_nonfinite(story.a.values[i]) && !formats::is_nonfinite(story.b.values[i]);
    if (finite) {
      exact += story.exact_product(k);
    }
  }
  story.exact_sum = finite ? std::optional(exact.reduced()) : std::nullopt;
}

std::optional<Dyadic> error_of(const Story& story) {
  if (!story.exact_result || formats::is_nonfinite(story.result)) {
    return std::nullopt;
  }
  Dyadic error(story.result);
  error += -*story.exact_result;
  return error;
}

}  // namespace

std::uint64_t Story::overflow_events() const {
  std::uint64_t events = 0;
  for (const ChainStory& chain : chains) {
    events += chain.overflow_events;
  }
  for (const FloatStep& step : float_steps) {
    events += step.overflows ? 1 : 0;
  }
  return events;
}

std::size_t Story::peak() const {
  std::size_t peak = 0;
  for (std::size_t i = 1; i < integer_steps.size(); ++i) {
    peak = std::abs(integer_steps[i].sum) > std::abs(integer_steps[peak].sum) ? i : peak;
  }
  for (std::size_t i = 1; i < float_steps.size(); ++i) {
    peak = std::fabs(float_steps[i].after) > std::fabs(float_steps[peak].after) ? i : peak;
  }
  return peak;
}

std::uint64_t Story::swallowed() const {
  std::uint64_t steps = 0;
  for (const FloatStep& step : float_steps) {
    const auto i = static_cast<std::size_t>(step.k);
    steps += a.values[i] != 0 && b.values[i] != 0 && step.after == step.before ? 1 : 0;
  }
  return steps;
}

Source Story::source(std::int64_t k) const {
  const kernels::ProductShape product = product_shape(shape, pass);
  const std::int64_t period = length / product.taps;
  Source source{k / period, k % period};
  if (source.channel >= product.channels) {
    source.a = source.b = Origin::filler;
    return source;
  }
  const auto find = [&](Side side, std::int64_t row, Origin& origin) {
    const std::int64_t at = source_index(shape, pass, side, place.group, row, source.tap, source.channel);
    origin = at < 0 ? Origin::padding : Origin::element;
    return at;
  };
  source.index_a = find(Side::left, place.row, source.a);
  source.index_b = find(Side::right, place.column, source.b);
  return source;
}

Dyadic Story::exact_product(std::int64_t k) const {
  const auto i = static_cast<std::size_t>(k);
  return Dyadic(arith::multiply(a.values[i], b.values[i])).reduced();
}

int Story::ulp_exponent() const {
  const formats::FloatFormat fp32 = formats::ieee_format(8, 23);
  const formats::FloatFormat& format = integer || bias ? fp32 : accumulators.floating.sum;
  const bool zero = !exact_result || exact_result->is_zero();
  const int leading = zero ? format.smallest_exponent() : exact_result->leading();
  return std::max(leading, format.smallest_exponent()) - format.fraction_bits;
}

std::optional<double> Story::error_in_ulps() const {
  const std::optional<Dyadic> error = error_of(*this);
  return error ? std::optional(in_units(*error, ulp_exponent())) : std::nullopt;
}

std::optional<double> Story::relative_error() const {
  const std::optional<Dyadic> error = error_of(*this);
  if (!error || exact_result->is_zero()) {
    return std::nullopt;
  }
  const int scale = exact_result->leading();
  return in_units(*error, scale) / std::fabs(in_units(*exact_result, scale));
}

Story tell(const kernels::ProductCall& call, const kernels::Telemetry& telemetry, std::int64_t index) {
  const kernels::ProductShape product = product_shape(call.shape, call.pass);
  const kernels::ResultPlace place = result_place(call.shape, call.pass, index);
  const bool integer = call.is_integer();
  if (call.meet() == formats::OperandKind::scaled) {
    throw UserError("this product multiplies MX elements block by block, whose steps are not told; give one of its roles "
                    "another format, or compute it by precsim gemm or conv under --engine check");
  }
  Story story{.shape = call.shape,
              .pass = call.pass,
              .accumulators = call.accumulators,
              .index = index,
              .place = place,
              .integer = integer,
              .a = kernels::OperandLine(call, Side::left, place.group, place.row, integer),
              .b = kernels::OperandLine(call, Side::right, place.group, place.column, integer),
              .chain_length = telemetry.chain_length,
              .proved = telemetry.proved};
  story.length = static_cast<std::int64_t>(integer ? story.a.codes.size() : story.a.values.size());
  PRECSIM_CHECK(index >= 0 && index < product.groups * product.rows * product.columns, "an output out of range");
  if (integer) {
    tell_integers(story, product.taps);
  } else {
    tell_floats(story, call.bits);
  }
  story.sum = story.sum == 0 ? 0.0f : story.sum;
  story.result = story.sum;
  story.exact_result = story.exact_sum;
  if (!call.bias.empty()) {
    const std::int64_t channel = place.group * call.shape.group_oc() + place.column;
    story.bias = call.bias[static_cast<std::size_t>(channel)];
    story.result = story.sum + *story.bias;
    if (story.exact_result && !formats::is_nonfinite(*story.bias)) {
      *story.exact_result += Dyadic(*story.bias);
    }
  }
  return story;
}

}  // namespace precsim::explain
