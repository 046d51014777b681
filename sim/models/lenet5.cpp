// LeNet-5 (LeCun et al. 1998) with ReLU, max pooling and full connections between the convolutions.
#include "sim/models/models.hpp"

namespace precsim::models {

void lenet5(nn::NetworkBuilder& net) {
  net.conv2d("conv1", {.channels = 6, .kernel = 5, .pad = 2});
  net.relu("relu1");
  net.max_pool("pool1", {.size = 2, .stride = 2});
  net.conv2d("conv2", {.channels = 16, .kernel = 5});
  net.relu("relu2");
  net.max_pool("pool2", {.size = 2, .stride = 2});
  net.flatten("flatten");
  net.linear("fc1", 120);
  net.relu("relu3");
  net.linear("fc2", 84);
  net.relu("relu4");
  net.linear("fc3", net.classes());
}

}  // namespace precsim::models
