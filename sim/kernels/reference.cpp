// The reference product. It is the definition: plain, sequential, and never made faster.
#include <algorithm>
#include <vector>

#include "formats/error.hpp"
#include "sim/arith/reduce.hpp"
#include "sim/kernels/multiply.hpp"
#include "sim/kernels/product_plan.hpp"

namespace precsim::kernels {
namespace {

arith::IntegerOperand integer_row(const Matrix& matrix, std::int64_t group, std::int64_t row) {
  return {{matrix.row_codes(group, row), static_cast<std::size_t>(matrix.length())},
          matrix.row_exponents(group, row),
          matrix.block_stride};
}

arith::ScaledOperand scaled_row(const Matrix& matrix, std::int64_t group, std::int64_t row) {
  return {{matrix.row_values(group, row), static_cast<std::size_t>(matrix.length())},
          matrix.row_exponents(group, row),
          matrix.block_stride};
}

std::span<const float> float_row(const Matrix& matrix, std::int64_t group, std::int64_t row) {
  return {matrix.row_values(group, row), static_cast<std::size_t>(matrix.length())};
}

void add_trace(const arith::OutputTrace& trace, std::int64_t output, Telemetry& telemetry) {
  telemetry.overflow_events += trace.overflow_events;
  telemetry.overflow_outputs += trace.overflow_events != 0 ? 1 : 0;
  if (trace.overflow_events != 0 && (telemetry.first_output < 0 || output < telemetry.first_output)) {
    telemetry.first_output = output;
    telemetry.first_k = trace.first_overflow;
  }
  telemetry.max_chain_sum = std::max(telemetry.max_chain_sum, trace.max_chain_sum);
  for (std::size_t b = 0; b < trace.chain_bits.size(); ++b) {
    telemetry.chain_bits[b] += trace.chain_bits[b];
  }
}

}  // namespace

void multiply_reference(const Product& product, std::span<float> result, TelemetryLevel level, Telemetry& telemetry) {
  const ProductPlan plan = plan_product(product, telemetry, nullptr);
  PRECSIM_CHECK(result.size() == telemetry.outputs, "a result of another size");
  const bool full = level == TelemetryLevel::full;
  std::vector<double> exact(full ? result.size() : 0);
  for (std::int64_t group = 0; group < plan.shape.groups; ++group) {
    for (std::int64_t row = 0; row < plan.shape.rows; ++row) {
      for (std::int64_t column = 0; column < plan.shape.columns; ++column) {
        const auto index = static_cast<std::size_t>(result_index(product.shape, product.pass, group, row, column));
        if (product.is_integer()) {
          arith::OutputTrace trace;
          result[index] =
              arith::reduce(integer_row(product.left, group, row), integer_row(product.right, group, column),
                            plan.chains, plan.accumulator, &trace);
          add_trace(trace, static_cast<std::int64_t>(index), telemetry);
          if (full) {
            exact[index] = trace.exact;
          }
        } else if (product.is_scaled()) {
          const auto a = scaled_row(product.left, group, row);
          const auto b = scaled_row(product.right, group, column);
          result[index] =
              arith::reduce(a, b, plan.chains, product.accumulators.floating, product.bits, index * a.elements.size());
          if (full) {
            exact[index] = arith::exact_reduction(a, b, plan.chains);
          }
        } else {
          const auto a = float_row(product.left, group, row);
          const auto b = float_row(product.right, group, column);
          result[index] = arith::reduce(a, b, product.accumulators.floating, product.bits, index * a.size());
          if (full) {
            exact[index] = arith::exact_reduction(a, b);
          }
        }
      }
    }
  }
  finish_telemetry(result, exact, level, telemetry);
}

}  // namespace precsim::kernels
