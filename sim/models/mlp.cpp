// A multilayer perceptron.
#include "sim/models/models.hpp"

namespace precsim::models {

void mlp(nn::NetworkBuilder& net) {
  net.flatten("flatten");
  net.linear("fc1", 128);
  net.relu("relu1");
  net.linear("fc2", 64);
  net.relu("relu2");
  net.linear("fc3", net.classes());
}

}  // namespace precsim::models
