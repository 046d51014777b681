// Whole errors.
#include "experiments/product/whole_error.hpp"

#include <cmath>
#include <utility>

#include "formats/convert.hpp"
#include "sim/kernels/multiply_floats.hpp"

namespace precsim::product {
namespace {

using kernels::Matrix;
using kernels::Side;

/// FP32 numbers, as the source gives them or as its codes stand for them.
std::vector<float> values_of(SourceTensor tensor) {
  if (tensor.codes.empty()) return std::move(tensor.values);
  std::vector<float> values;
  values.reserve(tensor.codes.size());
  for (const std::int16_t code : tensor.codes) {
    values.push_back(std::ldexp(static_cast<float>(code), tensor.exponent));
  }
  return values;
}

std::vector<double> exact_sums(const ProductRequest& request, const std::array<Matrix, 2>& operands) {
  const std::size_t outputs = static_cast<std::size_t>(operands[0].groups * operands[0].rows * operands[1].rows);
  std::vector<float> rounded(outputs);
  std::vector<double> exact(outputs);
  const kernels::Accumulators accumulators;
  const kernels::TileKernel& kernel = request.kernel == nullptr ? kernels::best_tile_kernel() : *request.kernel;
  kernels::multiply_floats({request.shape, request.pass, operands[0], operands[1], accumulators, {}}, {}, kernel,
                           rounded, exact);
  return exact;
}

}  // namespace

std::optional<ResultError> whole_error(const ProductRequest& request, const ProductReport& report) {
  std::array<Matrix, 2> operands;
  bool converted = false;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    SourceTensor tensor = request.sides[i].source->tensor(operand_request(request, i));
    converted |= tensor.codes.empty() && request.sides[i].conversion.format->name() != "fp32";
    const std::vector<float> values = values_of(std::move(tensor));
    if (formats::extent(values.data(), static_cast<std::int64_t>(values.size())).first_nonfinite >= 0) return {};
    operands[i] =
        kernels::lower(request.shape, request.pass, i == 0 ? Side::left : Side::right, std::span<const float>(values));
  }
  if (!converted) return {};
  kernels::Telemetry figures;
  kernels::compare_with_exact(report.result, exact_sums(request, operands), figures);
  return ResultError{figures.sqnr_db, figures.max_abs_error, figures.mean_error};
}

}  // namespace precsim::product
