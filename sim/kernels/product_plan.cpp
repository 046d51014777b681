// Chains and telemetry common to all implementations of a product.
#include "sim/kernels/product_plan.hpp"

#include <fmt/format.h>

#include "formats/error.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {
namespace {

/// A sum without NaN cannot say what infinity times zero is.
void check_finite(const Matrix& operand, std::string_view side, const Product& product,
                  const formats::ArrayKernel& kernel) {
  const auto size = static_cast<std::int64_t>(operand.values.size());
  const std::int64_t bad = kernel.extent(operand.values.data(), size).first_nonfinite;
  if (bad >= 0) {
    throw UserError(fmt::format(
        "element {} of the {} operand of the {} product is {}, and the accumulator {} has no code for NaN; only finite "
        "numbers can meet in it",
        bad, side, name(product.pass), operand.values[static_cast<std::size_t>(bad)],
        product.accumulators.floating.name()));
  }
}

/// What every plan and its telemetry begin with.
ProductPlan begin_plan(const Product& product, Telemetry& telemetry) {
  ProductPlan plan{product_shape(product.shape, product.pass), product.accumulators.integer, {}};
  PRECSIM_CHECK(product.left.rows == plan.shape.rows && product.right.rows == plan.shape.columns &&
                    product.left.groups == plan.shape.groups,
                "operands of another shape");
  telemetry = Telemetry{};
  telemetry.outputs = static_cast<std::uint64_t>(plan.shape.groups * plan.shape.rows * plan.shape.columns);
  telemetry.products =
      telemetry.outputs * static_cast<std::uint64_t>(reduction_layout(product.left, product.right).length);
  telemetry.exact = "double_fma";
  return plan;
}

}  // namespace

ProductPlan plan_proved(const Product& product, const ProvedChain& chain, Telemetry& telemetry) {
  ProductPlan plan = begin_plan(product, telemetry);
  plan.accumulator.chain = chain.length;
  plan.chains = arith::cut(reduction_layout(product.left, product.right), chain.length);
  telemetry.proved = chain.proved;
  telemetry.chain_length = chain.length;
  telemetry.chains = telemetry.outputs * plan.chains.size();
  if (product.left.block_stride == 0 && product.right.block_stride == 0) {
    telemetry.exact = "int64";
  }
  return plan;
}

ProductPlan plan_product(const Product& product, Telemetry& telemetry, const TileKernel* kernel) {
  if (product.is_integer()) {
    const arith::IntegerAccumulator& accumulator = product.accumulators.integer;
    const ProvedChain chain =
        accumulator.chain == arith::chain_auto
            ? prove_chain(product.left, product.right, accumulator.atom, kernel)
            : ProvedChain{accumulator.chain, is_proved(product.left, product.right, accumulator.chain, kernel)};
    return plan_proved(product, chain, telemetry);
  }
  PRECSIM_CHECK(!product.left.values.empty() && !product.right.values.empty(), "an operand without FP32 values");
  PRECSIM_CHECK(product.left.is_scaled() == product.right.is_scaled(), "elements of one operand alone");
  if (product.accumulators.floating.sum.nan_codes == 0) {
    check_finite(product.left, "left", product, array_kernel(kernel));
    check_finite(product.right, "right", product, array_kernel(kernel));
  }
  ProductPlan plan = begin_plan(product, telemetry);
  if (product.is_scaled()) {
    plan.chains = arith::cut(reduction_layout(product.left, product.right), arith::chain_to_end);
    telemetry.chains = telemetry.outputs * plan.chains.size();
  }
  return plan;
}

void finish_telemetry(const ErrorSums& errors, TelemetryLevel level, Telemetry& telemetry) {
  telemetry.full = level == TelemetryLevel::full;
  if (telemetry.full) {
    errors.report(telemetry);
    return;
  }
  telemetry.max_chain_sum = 0;
  telemetry.chain_bits = {};
}

void finish_telemetry(std::span<const float> result, std::span<const double> exact, TelemetryLevel level,
                      Telemetry& telemetry) {
  ErrorSums errors;
  if (level == TelemetryLevel::full) {
    errors.add(result, exact);
  }
  finish_telemetry(errors, level, telemetry);
}

}  // namespace precsim::kernels
