// Layers without products: ReLU, flatten, batch normalization.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sim/nn/layer.hpp"

namespace precsim::nn {

/// y = x > 0 ? x : +0; the gradient passes where y as it is stored (numerics 6) is > 0: not where a format flushed it.
std::unique_ptr<Layer> relu(std::string name);

/// (n, h, w, c) -> (n, 1, 1, h * w * c) in storage order.
std::unique_ptr<Layer> flatten(std::string name);

/// Batch normalization per channel over n, h, w (Ioffe and Szegedy 2015), all FP32 unless said, in this order:
///   sum, squares     channel_sums of x and of x * x
///   mean, variance   double: sum / count; max(0, squares / count - mean^2)
///   inv_std          float(1 / sqrt(variance + eps)), eps = 1e-5; mean rounded to float
///   scale, shift     gamma * inv_std; beta - mean * scale
///   y                x * scale + shift
/// Running statistics: r = r + (value - r) * 0.1, the variance unbiased (count / (count - 1)); used in evaluation.
/// Backward, with xhat = (x - mean) * inv_std: dbeta, dgamma = channel_sums of dy, dy * xhat;
///   dx = scale * ((dy - dbeta / count) - xhat * (dgamma / count)), the divisions in double, rounded to float.
/// The role `saved` is the form in which x is kept for the backward pass.
std::unique_ptr<Layer> batch_norm(std::string name, std::int64_t channels);

}  // namespace precsim::nn
