// Layers that join branches of a network: residual add, shortcut without parameters, concatenation.
#pragma once

#include <memory>
#include <string>

#include "sim/nn/layer.hpp"

namespace precsim::nn {

/// y = a + b, one FP32 addition per element, over two tensors of one shape; both inputs get the gradient of y.
std::unique_ptr<Layer> add(std::string name);

/// The shortcut without parameters of He et al. 2016 (option A): every `stride`-th pixel of every `stride`-th row, the
/// first one included, with zero channels *behind* the input's until there are `channels`. (The paper does not say
/// where the zeros go; behind is what its authors' code does, and others put half of them in front.)
std::unique_ptr<Layer> shortcut(std::string name, std::int64_t channels, std::int64_t stride);

/// Joins inputs of one height and width along the channels, in the order in which they are given.
std::unique_ptr<Layer> concat(std::string name);

}  // namespace precsim::nn
