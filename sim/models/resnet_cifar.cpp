// Residual networks for images of 32x32 pixels (He et al. 2016, section 4.2): 6n + 2 layers, shortcuts of option A.
#include <fmt/format.h>

#include "sim/models/models.hpp"

namespace precsim::models {
namespace {

/// Two 3x3 convolutions beside a shortcut; returns the block's output.
int block(nn::NetworkBuilder& net, const std::string& name, std::int64_t channels, std::int64_t stride, int input) {
  net.conv2d(name + "_conv1", {.channels = channels, .kernel = 3, .stride = stride, .pad = 1, .bias = false}, input);
  net.batch_norm(name + "_bn1");
  net.relu(name + "_relu1");
  net.conv2d(name + "_conv2", {.channels = channels, .kernel = 3, .pad = 1, .bias = false});
  const int branch = net.batch_norm(name + "_bn2");
  const int shortcut = stride == 1 ? input : net.shortcut(name + "_shortcut", channels, stride, input);
  net.add(name + "_add", branch, shortcut);
  return net.relu(name + "_relu2");
}

void resnet_cifar(nn::NetworkBuilder& net, int blocks) {
  net.conv2d("conv1", {.channels = 16, .kernel = 3, .pad = 1, .bias = false});
  net.batch_norm("bn1");
  int x = net.relu("relu1");
  for (int stage = 1; stage <= 3; ++stage) {
    for (int i = 1; i <= blocks; ++i) {
      x = block(net, fmt::format("stage{}_{}", stage, i), 8 << stage, stage > 1 && i == 1 ? 2 : 1, x);
    }
  }
  net.global_average_pool("pool");
  net.linear("fc", net.classes());
}

}  // namespace

void resnet20(nn::NetworkBuilder& net) {
  resnet_cifar(net, 3);
}
void resnet32(nn::NetworkBuilder& net) {
  resnet_cifar(net, 5);
}
void resnet44(nn::NetworkBuilder& net) {
  resnet_cifar(net, 7);
}
void resnet56(nn::NetworkBuilder& net) {
  resnet_cifar(net, 9);
}
void resnet110(nn::NetworkBuilder& net) {
  resnet_cifar(net, 18);
}

}  // namespace precsim::models
