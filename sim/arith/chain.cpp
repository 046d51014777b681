// Cutting reductions into chains; the spill.
#include "sim/arith/chain.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/arith/accumulator.hpp"
#include "sim/arith/float_accumulate.hpp"

namespace precsim::arith {
namespace {

/// End of the block that holds product k.
std::int64_t block_end(const ReductionLayout& layout, std::int64_t block, std::int64_t k) {
  if (block == 0) {
    return layout.length;
  }
  const std::int64_t start = k / layout.period * layout.period;
  const std::int64_t within = (k - start) / block;
  return std::min(start + (within + 1) * block, start + layout.period);
}

std::int64_t block_index(const ReductionLayout& layout, std::int64_t block, std::int64_t k) {
  if (block == 0) {
    return 0;
  }
  const std::int64_t per_period = (layout.period + block - 1) / block;
  return k / layout.period * per_period + k % layout.period / block;
}

}  // namespace

std::vector<Chain> cut(const ReductionLayout& layout, std::int64_t length) {
  std::vector<Chain> chains;
  for (std::int64_t begin = 0; begin < layout.length;) {
    const std::int64_t end =
        std::min(block_end(layout, layout.block_a, begin), block_end(layout, layout.block_b, begin));
    for (std::int64_t at = begin; at < end;) {
      const std::int64_t stop = length == chain_to_end ? end : std::min(at + length, end);
      chains.push_back({at, stop, block_index(layout, layout.block_a, at), block_index(layout, layout.block_b, at)});
      at = stop;
    }
    begin = end;
  }
  return chains;
}

float spill(std::int32_t lane, int exponent, float c) {
  const SpillFactors factors = spill_factors(exponent);
  return std::fmaf(static_cast<float>(lane) * factors.first, factors.second, c);
}

float spill(float sum, int exponent, float c) {
  if (formats::is_nonfinite(sum) || formats::is_nonfinite(c)) {
    const float result = sum + c;
    return formats::is_nan(result) ? std::numeric_limits<float>::quiet_NaN() : result;
  }
  formats::Exact term = formats::exact(sum);
  term.exponent += exponent;
  const formats::FloatFormat fp32;
  return formats::decode(fp32, formats::encode(fp32, add(term, formats::exact(c)), {}, 0));
}

}  // namespace precsim::arith
