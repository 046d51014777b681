// Telling stories: the plain definition, with everything kept.
#include <algorithm>
#include <optional>
#include <vector>

#include "experiments/explain/story.hpp"
#include "formats/error.hpp"
#include "sim/arith/float_accumulate.hpp"
#include "sim/arith/reduce.hpp"

namespace precsim::explain {
namespace {

using formats::OperandKind;
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

/// The chains as they are cut, with the exponents of their blocks.
std::vector<ChainStory> begin_chains(const Story& story, std::int64_t taps) {
  const auto exponent = [](const kernels::OperandLine& line, std::int64_t block) {
    return int{line.exponents[static_cast<std::size_t>(block * line.block_stride)]};
  };
  const arith::ReductionLayout layout{story.length, story.length / taps, story.a.block, story.b.block};
  std::vector<ChainStory> chains;
  for (const arith::Chain& cut : arith::cut(layout, story.chain_length)) {
    chains.push_back(
        {.chain = cut, .exponent_a = exponent(story.a, cut.block_a), .exponent_b = exponent(story.b, cut.block_b)});
  }
  return chains;
}

void tell_integers(Story& story, std::int64_t taps) {
  Dyadic exact;
  for (ChainStory chain : begin_chains(story, taps)) {
    tell_chain(chain, story);
    chain.spilled = static_cast<float>(chain.lane);
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

/// Tells floating-point steps, each with its own draws.
class FloatTeller {
 public:
  FloatTeller(Story& story, const formats::RandomBits& bits)
      : story_(story),
        product_bits_(with_next_use(bits)),
        sum_word_(bits, rounding()),
        product_word_(product_bits_, rounding()),
        first_word_(static_cast<std::uint64_t>(story.index * story.length)) {}

  /// The sum after product k.
  float step(std::int64_t k, float before) {
    const arith::FloatAccumulator& accumulator = story_.accumulators.floating;
    const auto i = static_cast<std::size_t>(k);
    const arith::StepWords words{sum_word_(first_word_ + i), product_word_(first_word_ + i)};
    FloatStep step{k, before, {}, 0};
    if (accumulator.product) {
      step.stored_product = stored_product(accumulator, story_.a.values[i], story_.b.values[i], words.product);
    }
    step.after = arith::accumulate(accumulator, before, story_.a.values[i], story_.b.values[i], words);
    step.overflows = sum_overflows(story_, step, words);
    story_.float_steps.push_back(step);
    return step.after;
  }

 private:
  formats::Rounding rounding() const { return story_.accumulators.floating.rounding; }
  static formats::RandomBits with_next_use(formats::RandomBits bits) {
    bits.use += 1;
    return bits;
  }

  Story& story_;
  formats::RandomBits product_bits_;
  formats::WordReader sum_word_, product_word_;
  std::uint64_t first_word_;
};

void tell_floats(Story& story, const formats::RandomBits& bits) {
  FloatTeller teller(story, bits);
  bool finite = true;
  Dyadic exact;
  for (std::int64_t k = 0; k < story.length; ++k) {
    const auto i = static_cast<std::size_t>(k);
    story.sum = teller.step(k, story.sum);
    finite &= !formats::is_nonfinite(story.a.values[i]) && !formats::is_nonfinite(story.b.values[i]);
    if (finite) {
      exact += story.exact_product(k);
    }
  }
  story.exact_sum = finite ? std::optional(exact.reduced()) : std::nullopt;
}

/// Block by block: a sum from +0 on of unscaled elements, and its spill. Elements are finite.
void tell_blocks(Story& story, std::int64_t taps, const formats::RandomBits& bits) {
  FloatTeller teller(story, bits);
  Dyadic exact;
  for (ChainStory chain : begin_chains(story, taps)) {
    const int scale = chain.exponent_a + chain.exponent_b;
    chain.first_step = story.float_steps.size();
    for (std::int64_t k = chain.chain.begin; k < chain.chain.end; ++k) {
      chain.spilled = teller.step(k, chain.spilled);
      chain.overflow_events += story.float_steps.back().overflows ? 1 : 0;
      Dyadic product = story.exact_product(k);
      product.exponent += scale;
      exact += product;
    }
    chain.end_step = story.float_steps.size();
    chain.before = story.sum;
    chain.after = arith::spill(chain.spilled, scale, chain.before);
    story.sum = chain.after;
    story.chains.push_back(chain);
  }
  story.exact_sum = exact.reduced();
}

}  // namespace

Story tell(const kernels::ProductCall& call, const kernels::Telemetry& telemetry, std::int64_t index) {
  const kernels::ProductShape product = product_shape(call.shape, call.pass);
  const kernels::ResultPlace place = result_place(call.shape, call.pass, index);
  const bool integer = call.is_integer();
  Story story{.shape = call.shape,
              .pass = call.pass,
              .accumulators = call.accumulators,
              .index = index,
              .place = place,
              .meet = call.meet(),
              .a = kernels::OperandLine(call, Side::left, place.group, place.row, integer),
              .b = kernels::OperandLine(call, Side::right, place.group, place.column, integer),
              .chain_length = integer ? telemetry.chain_length : arith::chain_to_end,
              .proved = telemetry.proved};
  story.length = static_cast<std::int64_t>(integer ? story.a.codes.size() : story.a.values.size());
  PRECSIM_CHECK(index >= 0 && index < product.groups * product.rows * product.columns, "an output out of range");
  switch (story.meet) {
    case OperandKind::integer:
      tell_integers(story, product.taps);
      break;
    case OperandKind::scaled:
      tell_blocks(story, product.taps, call.bits);
      break;
    case OperandKind::floating:
    case OperandKind::storage_only:
      tell_floats(story, call.bits);
      break;
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
