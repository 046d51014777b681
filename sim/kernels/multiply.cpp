// The simulation: integer products by the audit, products of FP32 numbers in lanes.
#include "sim/kernels/multiply.hpp"

#include <vector>

#include "formats/error.hpp"
#include "sim/kernels/audit.hpp"
#include "sim/kernels/multiply_floats.hpp"
#include "sim/kernels/product_plan.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {

void multiply(const Product& product, std::span<float> result, TelemetryLevel level, Telemetry& telemetry,
              const TileKernel* chosen) {
  const TileKernel& kernel = chosen == nullptr ? best_tile_kernel() : *chosen;
  const ProductPlan plan = plan_product(product, telemetry, &kernel);
  PRECSIM_CHECK(result.size() == telemetry.outputs, "a result of another size");
  const bool full = level == TelemetryLevel::full;
  if (product.is_integer()) {
    finish_telemetry(audit_product(product, plan, kernel, result, full, telemetry), level, telemetry);
    return;
  }
  std::vector<double> exact(full ? result.size() : 0);
  multiply_floats(product, plan.chains, kernel, result, exact);
  finish_telemetry(result, exact, level, telemetry);
}

}  // namespace precsim::kernels
