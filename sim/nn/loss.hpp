// Softmax cross-entropy.
#pragma once

#include <cstdint>
#include <span>

#include "sim/nn/tensor.hpp"

namespace precsim::nn {

struct LossResult {
  double loss = 0;            ///< mean over the batch
  std::int64_t correct = 0;   ///< samples whose label has the largest logit, the first one on ties
  std::int64_t correct5 = 0;  ///< samples whose label is among the five largest, the first ones on ties
  Tensor gradient;            ///< of loss * scale with respect to the logits
};

/// logits (n, 1, 1, classes), labels in [0, classes). In double, in this order per sample: e_j = exp(x_j - max x),
/// s = sum of e_j in order, loss = log(s) - (x_label - max x); the losses are added in sample order and divided by n.
/// Gradient: float((e_j / s - [j = label]) * (scale / n)).
LossResult softmax_cross_entropy(const Tensor& logits, std::span<const std::int32_t> labels, double scale);

}  // namespace precsim::nn
