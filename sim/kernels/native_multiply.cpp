// Products by the native kernels.
#include "sim/kernels/native_multiply.hpp"

#include <chrono>

#include "formats/error.hpp"
#include "sim/kernels/blocked_multiply.hpp"
#include "sim/kernels/native/conv.hpp"
#include "sim/kernels/native/gemm.hpp"
#include "sim/kernels/native/prove.hpp"
#include "sim/kernels/product_plan.hpp"

namespace precsim::kernels {
namespace {

constexpr int smallest_exponent = -149;  // of a product of codes; below and above, FP32 cannot hold the scale
constexpr int largest_exponent = 127;

void begin(const ProductCall& call, bool integer, std::int64_t length, Telemetry& telemetry) {
  const ProductShape shape = product_shape(call.shape, call.pass);
  telemetry = Telemetry{};
  telemetry.measured = false;
  telemetry.outputs = static_cast<std::uint64_t>(shape.groups * shape.rows * shape.columns);
  telemetry.products = telemetry.outputs * static_cast<std::uint64_t>(length);
  telemetry.exact = integer ? "int64" : "double_fma";
}

/// Codes of two tensors.
bool convolve_codes(const ProductCall& call, std::span<float> result, Telemetry& telemetry, const TileKernel& kernel) {
  const arith::IntegerAccumulator& accumulator = call.accumulators.integer;
  const int exponent = call.left.exponent + call.right.exponent;
  if (!has_native_steps(accumulator) || exponent < smallest_exponent || exponent > largest_exponent) {
    return false;
  }
  const ProductShape shape = product_shape(call.shape, call.pass);
  const std::int64_t channels = shape.channels + shape.channels % 2;
  begin(call, true, shape.taps * channels, telemetry);
  const std::int16_t* const left = call.left.codes.data();
  const std::int16_t* const right = call.right.codes.data();
  const auto start = std::chrono::steady_clock::now();
  const ProvedChain chain = prove_tensors(call, kernel);
  telemetry.chain_length = chain.length;
  telemetry.proved = chain.proved;
  telemetry.proof_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto chains = arith::cut({shape.taps * channels, channels, 0, 0}, telemetry.chain_length).size();
  telemetry.chains = telemetry.outputs * chains;
  native::convolve(*kernel.native, call.shape, call.pass, left, right,
                   {telemetry.chain_length, accumulator.overflow, exponent}, result.data(),
                   {.bias = call.bias, .statistics = call.statistics, .functions = kernel.elementwise});
  return true;
}

bool convolve_values(const ProductCall& call, std::span<float> result, Telemetry& telemetry, const TileKernel& kernel) {
  if (!call.accumulators.floating.is_fp32_fma()) {
    return false;
  }
  const ProductShape shape = product_shape(call.shape, call.pass);
  begin(call, false, shape.taps * shape.channels, telemetry);
  native::convolve(*kernel.native, call.shape, call.pass, call.left.values.data(), call.right.values.data(), {},
                   result.data(), {.bias = call.bias, .statistics = call.statistics, .functions = kernel.elementwise});
  return true;
}

void multiply_matrices(const ProductCall& call, std::span<float> result, Telemetry& telemetry,
                       const TileKernel& kernel) {
  const bool integer = call.is_integer();
  const Matrix own_left = call.left.matrix ? Matrix{} : as_matrix(call, Side::left);
  const Matrix own_right = call.right.matrix ? Matrix{} : as_matrix(call, Side::right);
  const Product product{call.shape,
                        call.pass,
                        call.left.matrix ? *call.left.matrix : own_left,
                        call.right.matrix ? *call.right.matrix : own_right,
                        call.accumulators,
                        call.bits};
  if (integer ? has_native_steps(call.accumulators.integer)
              : !product.is_scaled() && call.accumulators.floating.is_fp32_fma()) {
    const ProductPlan plan = plan_product(product, telemetry, &kernel);
    telemetry.measured = false;
    if (native::multiply_matrices(*kernel.native, product, plan.chains, plan.accumulator.overflow, result)) {
      return;
    }
  }
  multiply(product, result, TelemetryLevel::events, telemetry, &kernel);
  telemetry = {.outputs = telemetry.outputs,
               .products = telemetry.products,
               .measured = false,
               .chains = telemetry.chains,
               .chain_length = telemetry.chain_length,
               .proved = telemetry.proved,
               .exact = telemetry.exact};
}

}  // namespace

ProvedChain prove_tensors(const ProductCall& call, const TileKernel& kernel) {
  const arith::IntegerAccumulator& accumulator = call.accumulators.integer;
  const native::CodeOperand left{call.left.codes.data(), call.left.squares};
  const native::CodeOperand right{call.right.codes.data(), call.right.squares};
  if (accumulator.chain == arith::chain_auto) {
    return native::prove_chain(call.shape, call.pass, left, right, accumulator.atom, kernel);
  }
  return {accumulator.chain, native::is_proved(call.shape, call.pass, left, right, accumulator.chain, kernel)};
}

Matrix as_matrix(const ProductCall& call, Side side) {
  const Operand& operand = side == Side::left ? call.left : call.right;
  if (operand.blocked) {
    return as_matrix(call.shape, call.pass, side, *operand.blocked);
  }
  return call.is_integer() ? lower(call.shape, call.pass, side, operand.codes, operand.exponent)
                           : lower(call.shape, call.pass, side, operand.values);
}

void multiply_native(const ProductCall& call, std::span<float> result, Telemetry& telemetry, const TileKernel& kernel) {
  if (multiply_blocked(call, result, telemetry, kernel)) {
    return;
  }
  if (!call.left.matrix && !call.right.matrix && !call.left.blocked && !call.right.blocked) {
    const bool done = call.is_integer() ? convolve_codes(call, result, telemetry, kernel)
                                        : convolve_values(call, result, telemetry, kernel);
    if (done) {
      return;
    }
  }
  multiply_matrices(call, result, telemetry, kernel);
  finish(call, result, &kernel);
}

}  // namespace precsim::kernels
