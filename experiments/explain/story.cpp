// What follows from the steps of a story.
#include "experiments/explain/story.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "sim/arith/float_accumulate.hpp"

namespace precsim::explain {
namespace {

using kernels::Side;

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
  for (const IntegerStep& step : integer_steps) {
    events += step.overflows() ? 1 : 0;
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
  const formats::FloatFormat& format =
      meet != formats::OperandKind::floating || bias ? fp32 : accumulators.floating.sum;
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

}  // namespace precsim::explain
