// GoogLeNet (Szegedy et al. 2015) as Caffe defines it: 5x5 branches, biases, no batch normalization.
#include <string>

#include "sim/models/models.hpp"

namespace precsim::models {
namespace {

constexpr nn::PoolOptions halve{.size = 3, .stride = 2, .ceil = true};

/// A convolution without change of size.
int convolution(nn::NetworkBuilder& net, const std::string& name, std::int64_t channels, std::int64_t kernel,
                int input = nn::NetworkBuilder::previous) {
  return net.conv2d(name, {.channels = channels, .kernel = kernel, .pad = kernel / 2}, input);
}
int rectified(nn::NetworkBuilder& net, const std::string& name, std::int64_t channels, std::int64_t kernel,
              int input = nn::NetworkBuilder::previous) {
  convolution(net, name, channels, kernel, input);
  return net.relu(name + "_relu");
}

struct Inception {
  std::string name;
  std::int64_t one, three_reduce, three, five_reduce, five, pool;
};

/// One ReLU over the four branches side by side is the same function as one over each, and its result is then what is
/// stored.
int inception(nn::NetworkBuilder& net, const Inception& i, int input) {
  const std::string name = "inception" + i.name;
  const int one = convolution(net, name + "_1x1", i.one, 1, input);
  rectified(net, name + "_3x3_reduce", i.three_reduce, 1, input);
  const int three = convolution(net, name + "_3x3", i.three, 3);
  rectified(net, name + "_5x5_reduce", i.five_reduce, 1, input);
  const int five = convolution(net, name + "_5x5", i.five, 5);
  net.max_pool(name + "_pool", {.size = 3, .stride = 1, .pad = 1}, input);
  const int pool = convolution(net, name + "_pool_1x1", i.pool, 1);
  net.concat(name + "_concat", {one, three, five, pool});
  return net.relu(name + "_relu");
}

/// An auxiliary classifier over a layer's output; dropout before ReLU is the same function.
void head(nn::NetworkBuilder& net, const std::string& name, int input) {
  net.average_pool(name + "_pool", {.size = 5, .stride = 3, .ceil = true}, input);
  net.conv2d(name + "_conv", {.channels = 128, .kernel = 1});
  net.flatten(name + "_flatten");
  net.relu(name + "_conv_relu");
  net.linear(name + "_fc1", 1024);
  net.dropout(name + "_drop", 0.7);
  net.relu(name + "_relu");
  net.auxiliary_output(net.linear(name + "_fc2", net.classes()), 0.3);
}

}  // namespace

void googlenet_v1(nn::NetworkBuilder& net) {
  net.conv2d("conv1", {.channels = 64, .kernel = 7, .stride = 2, .pad = 3});
  net.relu("conv1_relu");
  net.max_pool("pool1", halve);
  net.lrn("norm1", {});
  rectified(net, "conv2_reduce", 64, 1);
  rectified(net, "conv2", 192, 3);
  net.lrn("norm2", {});
  int x = net.max_pool("pool2", halve);
  x = inception(net, {"3a", 64, 96, 128, 16, 32, 32}, x);
  inception(net, {"3b", 128, 128, 192, 32, 96, 64}, x);
  x = net.max_pool("pool3", halve);
  x = inception(net, {"4a", 192, 96, 208, 16, 48, 64}, x);
  head(net, "head1", x);
  x = inception(net, {"4b", 160, 112, 224, 24, 64, 64}, x);
  x = inception(net, {"4c", 128, 128, 256, 24, 64, 64}, x);
  x = inception(net, {"4d", 112, 144, 288, 32, 64, 64}, x);
  head(net, "head2", x);
  inception(net, {"4e", 256, 160, 320, 32, 128, 128}, x);
  x = net.max_pool("pool4", halve);
  x = inception(net, {"5a", 256, 160, 320, 32, 128, 128}, x);
  inception(net, {"5b", 384, 192, 384, 48, 128, 128}, x);
  net.global_average_pool("pool5");
  net.dropout("drop5", 0.4);
  net.linear("fc", net.classes());
}

}  // namespace precsim::models
