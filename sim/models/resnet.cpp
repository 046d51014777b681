// Residual networks for ImageNet (He et al. 2016), version 1.5: a bottleneck strides in its 3x3 convolution.
#include <fmt/format.h>

#include "sim/models/models.hpp"

namespace precsim::models {
namespace {

struct Plan {
  bool bottleneck;
  int blocks[4];
};

int normalized(nn::NetworkBuilder& net, const std::string& name, const std::string& number,
               const nn::Conv2dOptions& options, int input) {
  nn::Conv2dOptions unbiased = options;
  unbiased.bias = false;
  net.conv2d(name + "_conv" + number, unbiased, input);
  return net.batch_norm(name + "_bn" + number);
}

/// Returns the block's output; `project`: the shortcut is a 1x1 convolution.
int block(nn::NetworkBuilder& net, const std::string& name, bool bottleneck, bool project, std::int64_t width,
          std::int64_t stride, int input) {
  const std::int64_t channels = bottleneck ? 4 * width : width;
  const int shortcut = project ? normalized(net, name, "0", {.channels = channels, .stride = stride}, input) : input;
  int x = input;
  if (bottleneck) {
    normalized(net, name, "1", {.channels = width}, x);
    x = net.relu(name + "_relu1");
    normalized(net, name, "2", {.channels = width, .kernel = 3, .stride = stride, .pad = 1}, x);
    x = net.relu(name + "_relu2");
    x = normalized(net, name, "3", {.channels = channels}, x);
  } else {
    normalized(net, name, "1", {.channels = width, .kernel = 3, .stride = stride, .pad = 1}, x);
    x = net.relu(name + "_relu1");
    x = normalized(net, name, "2", {.channels = width, .kernel = 3, .pad = 1}, x);
  }
  net.add(name + "_add", x, shortcut);
  return net.relu(name + "_relu");
}

void resnet(nn::NetworkBuilder& net, const Plan& plan) {
  net.conv2d("conv1", {.channels = 64, .kernel = 7, .stride = 2, .pad = 3, .bias = false});
  net.batch_norm("bn1");
  net.relu("relu1");
  int x = net.max_pool("pool1", {.size = 3, .stride = 2, .pad = 1});
  for (int stage = 0; stage < 4; ++stage) {
    for (int i = 0; i < plan.blocks[stage]; ++i) {
      const bool project = i == 0 && (stage > 0 || plan.bottleneck);
      x = block(net, fmt::format("stage{}_{}", stage + 1, i + 1), plan.bottleneck, project, 64 << stage,
                i == 0 && stage > 0 ? 2 : 1, x);
    }
  }
  net.global_average_pool("pool");
  net.linear("fc", net.classes());
}

}  // namespace

void resnet18(nn::NetworkBuilder& net) {
  resnet(net, {false, {2, 2, 2, 2}});
}
void resnet34(nn::NetworkBuilder& net) {
  resnet(net, {false, {3, 4, 6, 3}});
}
void resnet50(nn::NetworkBuilder& net) {
  resnet(net, {true, {3, 4, 6, 3}});
}
void resnet101(nn::NetworkBuilder& net) {
  resnet(net, {true, {3, 4, 23, 3}});
}

}  // namespace precsim::models
