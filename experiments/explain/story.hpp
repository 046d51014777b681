// The story of one output of one product: every step, every spill, the result, and the exact value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/explain/dyadic.hpp"
#include "sim/arith/accumulator.hpp"
#include "sim/arith/chain.hpp"
#include "sim/kernels/engine.hpp"

namespace precsim::explain {

/// One step of a lane: products k .. k + products - 1, summed exactly with the lane before.
struct IntegerStep {
  std::int64_t k = 0;
  int products = 1;
  std::int32_t before = 0;
  std::int64_t sum = 0;
  std::int32_t after = 0;

  bool overflows() const { return arith::is_overflow(sum); }
};

/// One chain, and its spill c_after = RNE(spilled * 2^(exponent_a + exponent_b) + c_before).
struct ChainStory {
  arith::Chain chain;
  std::size_t first_step = 0, end_step = 0;  ///< in Story::integer_steps or, of scaled elements, float_steps
  std::uint64_t overflow_events = 0;
  std::int32_t lane = 0;      ///< of integers, at the end
  std::int64_t true_sum = 0;  ///< of the products of integers
  int exponent_a = 0, exponent_b = 0;
  float spilled = 0;  ///< float(lane), or the sum of unscaled elements
  float before = 0, after = 0;
};

/// One floating-point step: sum and product, the latter exact, or as its own format stores it; unscaled where elements
/// are.
struct FloatStep {
  std::int64_t k = 0;
  float before = 0;
  std::optional<float> stored_product;  ///< only of accumulators with a product format
  float after = 0;
  bool overflows = false;  ///< the sum, finite before, left the format's range
};

/// What an element of an operand line is.
enum class Origin : std::uint8_t {
  element,  ///< of the tensor
  padding,  ///< an explicit zero: padding, or a hole of the stride
  filler,   ///< the zero after an odd channel count
};

/// Where product k of the output comes from: tap and channel of the reduction, and the elements of both tensors.
struct Source {
  std::int64_t tap = 0, channel = 0;
  Origin a = Origin::element, b = Origin::element;
  std::int64_t index_a = -1, index_b = -1;  ///< in the operand tensors
};

struct Story {
  kernels::ConvShape shape = {};
  kernels::Pass pass = kernels::Pass::forward;
  kernels::Accumulators accumulators = {};
  std::int64_t index = 0;  ///< of the output in the result tensor
  kernels::ResultPlace place = {};
  formats::OperandKind meet = formats::OperandKind::floating;
  std::int64_t length = 0;  ///< products of the output
  kernels::OperandLine a, b;

  std::int64_t chain_length = 0;  ///< N of integer products; arith::chain_to_end: the whole reduction or block
  bool proved = false;            ///< that no chain of the whole product can overflow
  std::vector<IntegerStep> integer_steps = {};
  std::vector<ChainStory> chains = {};  ///< of integers and of scaled elements (MX)
  std::vector<FloatStep> float_steps = {};

  float sum = 0;  ///< after the last spill or step; a zero is +0
  std::optional<float> bias = {};
  float result = 0;  ///< sum, or sum + bias

  /// The exact sum of the products, and with the bias; none where an operand is not finite.
  std::optional<Dyadic> exact_sum = {}, exact_result = {};

  bool is_integer() const { return meet == formats::OperandKind::integer; }
  bool is_scaled() const { return meet == formats::OperandKind::scaled; }
  /// Of lanes, or of sums in floating point.
  std::uint64_t overflow_events() const;
  /// The step of the largest magnitude of an exact sum (in floating point, of a sum; infinities count): of equal ones
  /// the first.
  std::size_t peak() const;
  /// Floating-point steps whose product is not zero and yet leaves the sum as it was.
  std::uint64_t swallowed() const;
  Source source(std::int64_t k) const;
  /// a[k] * b[k] of a product in floating point; of scaled elements, unscaled.
  Dyadic exact_product(std::int64_t k) const;
  /// A unit of the last place of the result's format (the accumulator's; FP32 after spills and bias) at the exact
  /// result, as an exponent of two.
  int ulp_exponent() const;
  /// (result - exact_result) in those units; none where either is not finite.
  std::optional<double> error_in_ulps() const;
  /// (result - exact_result) / |exact_result|; none where that is zero or either is not finite.
  std::optional<double> relative_error() const;
};

/// Tells the story of element `index` of the result of a call whose telemetry says which chain was used, by the plain
/// definition: arith's cut, apply, spill and accumulate, step by step.
Story tell(const kernels::ProductCall& call, const kernels::Telemetry& telemetry, std::int64_t index);

}  // namespace precsim::explain
