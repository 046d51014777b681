// The table of models.
#include "sim/models/models.hpp"

#include <array>

#include "formats/grammar.hpp"

namespace precsim::models {
namespace {

constexpr std::array<ModelEntry, 3> table{{
    {"mlp", "two hidden layers of 128 and 64 features", mlp},
    {"lenet5", "LeNet-5 with ReLU and max pooling (LeCun et al. 1998); 61,706 parameters on 28x28 gray images", lenet5},
    {"cnn_bn", "three 3x3 convolutions of 16, 32 and 64 channels with batch normalization, global average pooling",
     cnn_bn},
}};

}  // namespace

std::span<const ModelEntry> models() {
  return table;
}

nn::NetworkBuilder build_model(std::string_view name, const nn::Shape& image, std::int64_t classes) {
  for (const ModelEntry& row : table) {
    if (row.name == name) {
      nn::NetworkBuilder net(image, classes);
      row.build(net);
      return net;
    }
  }
  throw formats::unknown_name("model", name, name, table, &ModelEntry::name);
}

}  // namespace precsim::models
