// VGG-16 (Simonyan and Zisserman 2015, configuration D).
#include <fmt/format.h>

#include "sim/models/models.hpp"

namespace precsim::models {

void vgg16(nn::NetworkBuilder& net) {
  struct Stage {
    int convolutions;
    std::int64_t channels;
  };
  int stage = 0;
  for (const Stage& s : {Stage{2, 64}, Stage{2, 128}, Stage{3, 256}, Stage{3, 512}, Stage{3, 512}}) {
    ++stage;
    for (int i = 1; i <= s.convolutions; ++i) {
      net.conv2d(fmt::format("conv{}_{}", stage, i), {.channels = s.channels, .kernel = 3, .pad = 1});
      net.relu(fmt::format("relu{}_{}", stage, i));
    }
    net.max_pool(fmt::format("pool{}", stage), {.size = 2, .stride = 2});
  }
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
