// The contenders behind the table of peers, one file per library. Their names, work and ceilings come from the table.
#pragma once

#include <optional>
#include <string>

#include "experiments/bench/products.hpp"

namespace precsim::bench {

std::string libxsmm_version();
/// Batch-reduce kernels over operands in blocks of 64 beforehand; only shapes that such blocks divide. Codes meet in
/// INT32, without chains or spills.
std::optional<Contender> libxsmm_int16(const OperandsPtr& operands);
std::optional<Contender> libxsmm_fp32(const OperandsPtr& operands);

std::string onednn_version();
std::optional<Contender> onednn_sgemm(const OperandsPtr& operands);
/// Direct convolutions, tensors in the layouts that the library prefers.
std::optional<Contender> onednn_convolution_fp32(const OperandsPtr& operands);
/// The same from bfloat16; weight gradients in FP32.
std::optional<Contender> onednn_convolution_bf16(const OperandsPtr& operands);

std::string openblas_version();
/// With several threads only where the library was built for OpenMP (package libopenblas0-openmp).
std::optional<Contender> openblas_sgemm(const OperandsPtr& operands);

/// The right side of a matrix product as other libraries take it: K x N, columns fastest.
std::vector<float> columns_fastest(const Operands& operands);

}  // namespace precsim::bench
