// What every implementation of a product decides first, and reports last.
#pragma once

#include <span>
#include <vector>

#include "sim/kernels/multiply.hpp"

namespace precsim::kernels {

/// The chains of an integer product (N resolved), and its sizes.
struct ProductPlan {
  ProductShape shape;
  arith::IntegerAccumulator accumulator;  ///< chain is never chain_auto
  std::vector<arith::Chain> chains;       ///< of scaled operands: blocks; of FP32 numbers: none
};

/// Checks that operands, accumulators and shape fit together, resolves `auto`, and begins the telemetry. Raises
/// UserError for non-finite operands of an accumulator without NaN.
ProductPlan plan_product(const Product& product, Telemetry& telemetry, const TileKernel* kernel);

/// The same of two integer operands whose chain and proof are known; the codes of their matrices are not read.
ProductPlan plan_proved(const Product& product, const ProvedChain& chain, Telemetry& telemetry);

/// Without full telemetry, removes what only that level promises; with it, reports errors: summed up already, or of
/// result and exact sums.
void finish_telemetry(const ErrorSums& errors, TelemetryLevel level, Telemetry& telemetry);
void finish_telemetry(std::span<const float> result, std::span<const double> exact, TelemetryLevel level,
                      Telemetry& telemetry);

}  // namespace precsim::kernels
