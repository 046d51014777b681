// Products as benchmarks run them: operands, results, and the check of a result.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "experiments/bench/contender.hpp"
#include "sim/kernels/engine.hpp"

namespace precsim::bench {

/// The operands of one product, as codes and as the FP32 numbers code * 2^exponent that they stand for.
struct Operands {
  static constexpr int exponent = -12;

  kernels::ConvShape shape;
  kernels::Pass pass = kernels::Pass::forward;
  std::vector<std::int16_t> left_codes, right_codes;
  std::vector<float> left_values, right_values;
};
using OperandsPtr = std::shared_ptr<const Operands>;

/// Normal codes of headroom 1, largest magnitude 16383, with this ratio of that to the deviation.
OperandsPtr normal_operands(const kernels::ConvShape& shape, kernels::Pass pass, double ratio = 5);
/// Every code -32768.
OperandsPtr lowest_operands(const kernels::ConvShape& shape, kernels::Pass pass);

/// One product and its result, which is NaN everywhere before the first run.
struct ProductRun {
  OperandsPtr operands;
  bool integer = true;
  kernels::Accumulators accumulators;
  std::vector<float> result;
  kernels::Telemetry telemetry;  ///< chain_length says which chains the result was formed with

  ProductRun(OperandsPtr from, bool is_integer, const kernels::Accumulators& with);
  /// Runs the library's multiply().
  void multiply(kernels::Engine engine, kernels::TelemetryLevel level, const kernels::TileKernel& kernel);
  /// Recomputes 64 outputs by the plain reference; empty where every bit is right.
  std::string check() const;
  double macs() const { return static_cast<double>(operands->shape.macs()); }
};
using ProductRunPtr = std::shared_ptr<ProductRun>;

/// The library's multiply() with the longest chain that it proves; the proof is timed too.
Contender proved_product(const OperandsPtr& operands, const Setup& setup);

/// Accumulators of integer products: this chain, pairs, wrapping.
kernels::Accumulators integer_accumulators(std::int64_t chain);

/// Some outputs of a product, drawn once for its shape.
struct Place {
  std::int64_t group, row, column;
  std::int64_t index;  ///< in the result tensor
};
std::vector<Place> sample_places(const kernels::ConvShape& shape, kernels::Pass pass);

/// One output in double, and the sum of its products' magnitudes.
struct ExactOutput {
  double sum = 0, magnitude = 0;
};
ExactOutput exact_output(const Operands& operands, const Place& place);

}  // namespace precsim::bench
