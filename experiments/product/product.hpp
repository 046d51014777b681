// One product as a user asks for it: built, computed by an engine, timed, and reported.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/product/operand.hpp"

namespace precsim::product {

/// One side of a product.
struct SideRequest {
  formats::Conversion conversion;
  std::shared_ptr<const OperandSource> source;
};

struct ProductRequest {
  kernels::ConvShape shape;
  kernels::Pass pass = kernels::Pass::forward;
  std::array<SideRequest, 2> sides;  ///< left (a) and right (b), as kernels::product_shape names them
  kernels::Accumulators accumulators;
  std::uint32_t seed = 1;
  kernels::Engine engine = kernels::Engine::simulate;
  const kernels::TileKernel* kernel = nullptr;
  int repeat = 1;

  formats::OperandKind meet() const;
  bool is_integer() const { return meet() == formats::OperandKind::integer; }
};

/// What the engine's two results disagree about.
struct Difference {
  std::string with;  ///< "the native kernel" or "the reference"
  std::int64_t index = 0;
  float simulated = 0, other = 0;
};

/// Of a result against other numbers, over all outputs.
struct ResultError {
  double sqnr_db = 0, max_abs_error = 0, mean_error = 0;  ///< the mean is of result - number
};

struct ProductReport {
  std::array<BuiltOperand, 2> operands;
  std::int64_t macs = 0;  ///< multiply-accumulates of the forward pass, padding counted: those of every pass
  kernels::Telemetry telemetry;
  std::int64_t longest_chain = 0;          ///< of integers, as the reduction was cut; else 0
  std::optional<ResultError> whole_error;  ///< see product::whole_error; none in the native engine
  std::vector<double> seconds;             ///< of each repetition, sorted; operands are laid out in it, not converted
  std::vector<float> result;
  std::string result_hash;               ///< of the FP32 numbers of the result in its logical order
  std::optional<Difference> difference;  ///< then nothing above but the operands is known

  double best() const { return seconds.front(); }
  double median() const;
  /// 1e9 multiply-accumulates per second of the median.
  double gmacs() const;
};

/// The draws of stochastic accumulators.
formats::RandomBits result_bits(std::uint32_t seed);

/// What side 0 or 1 asks its source for.
OperandRequest operand_request(const ProductRequest& request, std::size_t side);

/// Raises UserError where the shape is none, or the product needs more memory than this machine has, or has more steps
/// than 2^62; nothing is allocated before.
void check_size(const ProductRequest& request);

/// Builds the operands, and computes the product `repeat` times; every repetition must give the same bits.
ProductReport run_product(const ProductRequest& request);

}  // namespace precsim::product
