// Products of tensors of codes by the audit.
#include "sim/kernels/tensor_multiply.hpp"

#include "formats/error.hpp"
#include "sim/kernels/audit.hpp"
#include "sim/kernels/native_multiply.hpp"
#include "sim/kernels/product_plan.hpp"

namespace precsim::kernels {

bool multiply_proved_tensors(const ProductCall& call, std::span<float> result, TelemetryLevel level,
                             Telemetry& telemetry, const TileKernel& kernel) {
  if (call.left.codes.empty() || call.right.codes.empty()) {
    return false;
  }
  const ProvedChain chain = prove_tensors(call, kernel);
  if (!chain.proved) {
    return false;
  }
  const Matrix left = without_codes(call.shape, call.pass, Side::left, call.left.exponent);
  const Matrix right = without_codes(call.shape, call.pass, Side::right, call.right.exponent);
  const Product product{call.shape, call.pass, left, right, call.accumulators, call.bits};
  const ProductPlan plan = plan_proved(product, chain, telemetry);
  PRECSIM_CHECK(result.size() == telemetry.outputs, "a result of another size");
  const AuditTensors tensors{call.left.codes.data(), call.right.codes.data()};
  finish_telemetry(audit_product(product, plan, kernel, result, level == TelemetryLevel::full, telemetry, &tensors),
                   level, telemetry);
  return true;
}

}  // namespace precsim::kernels
