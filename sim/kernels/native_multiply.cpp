// Products by the native kernels.
#include "sim/kernels/native_multiply.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "formats/error.hpp"
#include "sim/kernels/native/conv.hpp"
#include "sim/kernels/native/gemm.hpp"
#include "sim/kernels/native/prove.hpp"
#include "sim/kernels/product_plan.hpp"

namespace precsim::kernels {
namespace {

constexpr int smallest_exponent = -149;  // of a product of codes; below and above, FP32 cannot hold the scale
constexpr int largest_exponent = 127;

bool has_native_steps(const arith::IntegerAccumulator& accumulator) {
  return accumulator.overflow == arith::OverflowRule::wrap || accumulator.atom != arith::Atom::single;
}

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
                   {.bias = call.bias, .statistics = call.statistics});
  return true;
}

bool convolve_values(const ProductCall& call, std::span<float> result, Telemetry& telemetry, const TileKernel& kernel) {
  if (!call.accumulators.floating.is_fp32_fma()) {
    return false;
  }
  const ProductShape shape = product_shape(call.shape, call.pass);
  begin(call, false, shape.taps * shape.channels, telemetry);
  native::convolve(*kernel.native, call.shape, call.pass, call.left.values.data(), call.right.values.data(), {},
                   result.data(), {.bias = call.bias, .statistics = call.statistics});
  return true;
}

/// Elements in steps of 2^-4 as codes, and the largest of them; nothing where an element is no such number. Those of
/// E3M2, E2M3 and E2M1 all are.
struct ElementCodes {
  Matrix matrix;
  std::int32_t largest = 0;
};
std::optional<ElementCodes> codes_of_elements(const Matrix& elements) {
  constexpr int step = -4;
  ElementCodes out;
  out.matrix = {.kind = formats::OperandKind::integer,
                .groups = elements.groups,
                .rows = elements.rows,
                .taps = elements.taps,
                .period = elements.period,
                .codes = {},
                .values = {},
                .exponents = elements.exponents,
                .row_stride = elements.row_stride,
                .block_stride = elements.block_stride,
                .block = elements.block};
  out.matrix.codes.resize(elements.values.size());
  bool exact = true;
  const auto size = static_cast<std::int64_t>(elements.values.size());
  const float* const from = elements.values.data();
  std::int16_t* const to = out.matrix.codes.data();
  std::int32_t largest = 0;
#pragma omp simd reduction(max : largest) reduction(& : exact)
  for (std::int64_t i = 0; i < size; ++i) {
    const float scaled = from[i] * 16.0f;
    const float bounded = std::min(std::max(scaled, -32767.0f), 32767.0f);
    const auto code = static_cast<std::int32_t>(bounded);
    exact &= static_cast<float>(code) == scaled;
    largest = std::max(largest, code < 0 ? -code : code);
    to[i] = static_cast<std::int16_t>(code);
  }
  if (!exact) {
    return std::nullopt;
  }
  for (std::int16_t& exponent : out.matrix.exponents) {
    exponent = static_cast<std::int16_t>(exponent + step);
  }
  out.largest = largest;
  return out;
}

/// MX elements in integer lanes, where FP32 holds every sum of a block, in whatever order: then no step of an FP32
/// accumulator rounds, and the spills are the same.
bool multiply_elements(const Product& product, std::span<const arith::Chain> chains, const TileKernel& kernel,
                       std::span<float> result) {
  constexpr std::int64_t exact_in_fp32 = std::int64_t{1} << 24;
  if (product.left.period % 2 != 0) {
    return false;
  }
  const auto left = codes_of_elements(product.left);
  const auto right = left ? codes_of_elements(product.right) : std::nullopt;
  const std::int64_t block = std::min(product.left.block, product.right.block);
  if (!right || std::int64_t{left->largest} * right->largest * block > exact_in_fp32) {
    return false;
  }
  return native::multiply_matrices(
      *kernel.native, {product.shape, product.pass, left->matrix, right->matrix, product.accumulators, product.bits},
      chains, arith::OverflowRule::wrap, result);
}

void multiply_matrices(const ProductCall& call, std::span<float> result, Telemetry& telemetry,
                       const TileKernel& kernel) {
  const bool integer = call.is_integer();
  const Matrix own_left = call.left.matrix ? Matrix{} : as_matrix(call, Side::left, integer);
  const Matrix own_right = call.right.matrix ? Matrix{} : as_matrix(call, Side::right, integer);
  const Product product{call.shape,
                        call.pass,
                        call.left.matrix ? *call.left.matrix : own_left,
                        call.right.matrix ? *call.right.matrix : own_right,
                        call.accumulators,
                        call.bits};
  if (integer ? has_native_steps(call.accumulators.integer) : call.accumulators.floating.is_fp32_fma()) {
    const ProductPlan plan = plan_product(product, telemetry, &kernel);
    telemetry.measured = false;
    if (product.is_scaled()
            ? multiply_elements(product, plan.chains, kernel, result)
            : native::multiply_matrices(*kernel.native, product, plan.chains, plan.accumulator.overflow, result)) {
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

Matrix as_matrix(const ProductCall& call, Side side, bool integer) {
  const Operand& operand = side == Side::left ? call.left : call.right;
  return integer ? lower(call.shape, call.pass, side, operand.codes, operand.exponent)
                 : lower(call.shape, call.pass, side, operand.values);
}

void multiply_native(const ProductCall& call, std::span<float> result, Telemetry& telemetry, const TileKernel& kernel) {
  if (!call.left.matrix && !call.right.matrix) {
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
