// A small convolutional network with batch normalization.
#include "sim/models/models.hpp"

namespace precsim::models {

void cnn_bn(nn::NetworkBuilder& net) {
  net.conv2d("conv1", {.channels = 16, .kernel = 3, .pad = 1, .bias = false});
  net.batch_norm("bn1");
  net.relu("relu1");
  net.conv2d("conv2", {.channels = 32, .kernel = 3, .stride = 2, .pad = 1, .bias = false});
  net.batch_norm("bn2");
  net.relu("relu2");
  net.conv2d("conv3", {.channels = 64, .kernel = 3, .stride = 2, .pad = 1, .bias = false});
  net.batch_norm("bn3");
  net.relu("relu3");
  net.global_average_pool("pool");
  net.linear("fc", net.classes());
}

}  // namespace precsim::models
