// The simulation of integer products: raw lanes from the native tiles, audited.
#pragma once

#include <cstdint>
#include <span>

#include "sim/kernels/product_plan.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {

/// The codes of a product whose operands are tensors under one exponent each.
struct AuditTensors {
  const std::int16_t* left;
  const std::int16_t* right;
};

/// The result; overflow events, and under `full` telemetry chain ends and the largest chain sum, join the telemetry of
/// the plan. Returns the errors of the result, under `full` telemetry.
///
/// Lanes run wrapped and are looked at after every piece of a chain. Where |lane| + |a| * |b| of the next piece (norms
/// of this row and lane, rounded up) is at most 2^31 - 1, Cauchy and Schwarz bound every lane on the
/// way, so by induction from the chain's start no step of any atom overflows under any rule, and lanes are true sums.
/// The other pieces, and under `saturate` what follows an overflow in its chain, are stepped through.
///
/// `tensors`: for products that are proved; the matrices of the product then have no codes, and blocks of rows are
/// lowered when they are needed.
///
/// Working memory: the right operand once more, in weight gradients of tensors the left one, too, kept from call to
/// call; 4 bytes per row and piece (of 16 to 128 products, none where the call is proved); per thread 8 bytes per
/// output of a band of rows, some 2^16 outputs, but at least one tile of rows, and a block of packed rows.
/// Threads share bands; errors are summed band after band, so that neither bits nor telemetry depend on them.
ErrorSums audit_product(const Product& product, const ProductPlan& plan, const TileKernel& kernel,
                        std::span<float> result, bool full, Telemetry& telemetry,
                        const AuditTensors* tensors = nullptr);

}  // namespace precsim::kernels
