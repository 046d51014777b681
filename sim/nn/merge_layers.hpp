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

/// y[i] = a[i] + b[i].
void add_run(const float* a, const float* b, float* y, std::int64_t count);

/// Writes `channels` of `source_channels` values per pixel, starting with `first`, into a tensor of `target_channels`
/// per pixel at channel `at`: source and target point to the first pixel of the run.
struct ChannelWindow {
  std::int64_t source_channels, first, target_channels, at, channels;
};
void copy_channels_run(const float* source, float* target, std::int64_t pixels, const ChannelWindow& window);

}  // namespace precsim::nn
