// AlexNet (Krizhevsky et al. 2012) as Caffe defines it: one tower with grouped convolutions, 227x227 images without
// border. 224x224 fits as well.
#include "sim/models/models.hpp"

namespace precsim::models {

void alexnet(nn::NetworkBuilder& net) {
  constexpr nn::PoolOptions pool{.size = 3, .stride = 2, .ceil = true};
  net.conv2d("conv1", {.channels = 96, .kernel = 11, .stride = 4});
  net.relu("relu1");
  net.lrn("norm1", {});
  net.max_pool("pool1", pool);
  net.conv2d("conv2", {.channels = 256, .kernel = 5, .pad = 2, .groups = 2});
  net.relu("relu2");
  net.lrn("norm2", {});
  net.max_pool("pool2", pool);
  net.conv2d("conv3", {.channels = 384, .kernel = 3, .pad = 1});
  net.relu("relu3");
  net.conv2d("conv4", {.channels = 384, .kernel = 3, .pad = 1, .groups = 2});
  net.relu("relu4");
  net.conv2d("conv5", {.channels = 256, .kernel = 3, .pad = 1, .groups = 2});
  net.relu("relu5");
  net.max_pool("pool5", pool);
  net.flatten("flatten");
  // Dropout before ReLU is the same function, and ReLU's result is then what is stored.
  net.linear("fc6", 4096);
  net.dropout("drop6", 0.5);
  net.relu("relu6");
  net.linear("fc7", 4096);
  net.dropout("drop7", 0.5);
  net.relu("relu7");
  net.linear("fc8", net.classes());
}

}  // namespace precsim::models
