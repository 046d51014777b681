// The reference reductions.
#include "sim/arith/reduce.hpp"

#include <algorithm>
#include <cmath>

#include "sim/arith/float_accumulate.hpp"

namespace precsim::arith {
namespace {

std::int64_t product(const IntegerOperand& a, const IntegerOperand& b, std::int64_t k) {
  const auto i = static_cast<std::size_t>(k);
  return std::int64_t{a.codes[i]} * b.codes[i];
}

void record_chain_end(OutputTrace& trace, std::int64_t sum) {
  trace.max_chain_sum = std::max(trace.max_chain_sum, static_cast<std::uint64_t>(sum < 0 ? -sum : sum));
  ++trace.chain_bits[static_cast<std::size_t>(bits_needed(sum) - 1)];
}

/// One chain from lane 0; returns the lane at its end.
std::int32_t run_chain(const IntegerOperand& a, const IntegerOperand& b, const Chain& chain,
                       const IntegerAccumulator& accumulator, OutputTrace* trace) {
  const std::int64_t step = products_per_step(accumulator.atom);
  std::int32_t lane = 0;
  std::int64_t true_sum = 0;
  for (std::int64_t k = chain.begin; k < chain.end; k += step) {
    std::int64_t products = product(a, b, k);
    if (step == 2 && k + 1 < chain.end) {
      products += product(a, b, k + 1);
    }
    const std::int64_t sum = lane + products;
    lane = apply(accumulator.overflow, sum);
    true_sum += products;
    if (trace != nullptr && is_overflow(sum)) {
      trace->first_overflow = trace->overflow_events == 0 ? k : trace->first_overflow;
      ++trace->overflow_events;
    }
  }
  if (trace != nullptr) {
    record_chain_end(*trace, true_sum);
  }
  return lane;
}

}  // namespace

float reduce(const IntegerOperand& a, const IntegerOperand& b, std::span<const Chain> chains,
             const IntegerAccumulator& accumulator, OutputTrace* trace) {
  float c = 0;
  for (const Chain& chain : chains) {
    const std::int32_t lane = run_chain(a, b, chain, accumulator, trace);
    c = spill(lane, a.exponent(chain.block_a) + b.exponent(chain.block_b), c);
  }
  if (trace != nullptr) {
    trace->exact = exact_reduction(a, b, chains);
  }
  return c == 0 ? 0.0f : c;
}

float reduce(std::span<const float> a, std::span<const float> b, const FloatAccumulator& accumulator,
             const formats::RandomBits& bits, std::uint64_t first_word) {
  formats::RandomBits product_bits = bits;
  product_bits.use += 1;
  formats::WordReader sum_word(bits, accumulator.rounding);
  formats::WordReader product_word(product_bits, accumulator.rounding);
  float c = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    c = accumulate(accumulator, c, a[k], b[k], {sum_word(first_word + k), product_word(first_word + k)});
  }
  return c == 0 ? 0.0f : c;
}

float reduce(const ScaledOperand& a, const ScaledOperand& b, std::span<const Chain> chains,
             const FloatAccumulator& accumulator, const formats::RandomBits& bits, std::uint64_t first_word) {
  formats::RandomBits product_bits = bits;
  product_bits.use += 1;
  formats::WordReader sum_word(bits, accumulator.rounding);
  formats::WordReader product_word(product_bits, accumulator.rounding);
  float c = 0;
  for (const Chain& chain : chains) {
    float sum = 0;
    for (auto k = static_cast<std::size_t>(chain.begin); k < static_cast<std::size_t>(chain.end); ++k) {
      sum = accumulate(accumulator, sum, a.elements[k], b.elements[k],
                       {sum_word(first_word + k), product_word(first_word + k)});
    }
    c = spill(sum, a.exponent(chain.block_a) + b.exponent(chain.block_b), c);
  }
  return c == 0 ? 0.0f : c;
}

double exact_reduction(const ScaledOperand& a, const ScaledOperand& b, std::span<const Chain> chains) {
  double sum = 0;
  for (const Chain& chain : chains) {
    const double scale_a = formats::power_of_two(a.exponent(chain.block_a));
    const double scale_b = formats::power_of_two(b.exponent(chain.block_b));
    for (auto k = static_cast<std::size_t>(chain.begin); k < static_cast<std::size_t>(chain.end); ++k) {
      sum = std::fma(static_cast<double>(a.elements[k]) * scale_a, static_cast<double>(b.elements[k]) * scale_b, sum);
    }
  }
  return sum;
}

double exact_reduction(const IntegerOperand& a, const IntegerOperand& b, std::span<const Chain> chains) {
  const bool one_pair = a.stride == 0 && b.stride == 0;
  std::int64_t sum = 0;
  double fused = 0;
  for (const Chain& chain : chains) {
    const double scale = formats::power_of_two(a.exponent(chain.block_a) + b.exponent(chain.block_b));
    for (std::int64_t k = chain.begin; k < chain.end; ++k) {
      if (one_pair) {
        sum += product(a, b, k);
      } else {
        fused = std::fma(static_cast<double>(product(a, b, k)), scale, fused);
      }
    }
  }
  return one_pair && !chains.empty() ? static_cast<double>(sum) * formats::power_of_two(a.exponent(0) + b.exponent(0))
                                     : fused;
}

double exact_reduction(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    sum = std::fma(static_cast<double>(a[k]), static_cast<double>(b[k]), sum);
  }
  return sum;
}

}  // namespace precsim::arith
