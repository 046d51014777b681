// Local response normalization across channels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sim/nn/layer.hpp"

namespace precsim::nn {

/// `size` is odd; beta is 3/4, the exponent of every network that has this layer: there the power needs only square
/// roots, whose bits IEEE 754 defines.
struct LrnOptions {
  std::int64_t size = 5;
  float alpha = 1e-4f;
  float k = 1;
};

/// y_i = x_i * (k + alpha / size * sum of x_j^2)^-beta, j over the `size` channels around i that exist (Krizhevsky et
/// al. 2012, who have k = 2 and do not divide by size; Caffe's form and defaults). FP32, in this order:
///   sum     of x_j * x_j, j upward
///   base    k + (alpha / size) * sum
///   factor  1 / (r * sqrt(r)), r = sqrt(base)
///   y       x * factor
/// Backward: t_j = (dy_j * (x_j * factor_j)) / base_j; dx_i = dy_i * factor_i - (3/2 * (alpha / size) * x_i) * (sum of
/// t_j, j upward). The role `saved` is the form in which x is kept; base and factor are formed from it again.
std::unique_ptr<Layer> lrn(std::string name, const LrnOptions& options);

}  // namespace precsim::nn
