// The table of models.
#pragma once

#include <span>
#include <string_view>

#include "sim/nn/network.hpp"

namespace precsim::models {

/// One row per model; `build` adds its layers for images of the builder's shape.
struct ModelEntry {
  std::string_view name;
  std::string_view summary;
  nn::Shape image;       ///< what it is usually given
  std::int64_t classes;  ///< the same
  void (*build)(nn::NetworkBuilder&);
};
std::span<const ModelEntry> models();
/// Raises UserError for an unknown name (lists the known).
const ModelEntry& find_model(std::string_view name);

/// The builder filled by a model; raises UserError for an unknown name (lists the known) or a shape that does not fit.
nn::NetworkBuilder build_model(std::string_view name, const nn::Shape& image, std::int64_t classes);

void mlp(nn::NetworkBuilder& net);
void lenet5(nn::NetworkBuilder& net);
void cnn_bn(nn::NetworkBuilder& net);
void resnet20(nn::NetworkBuilder& net);
void resnet32(nn::NetworkBuilder& net);
void resnet44(nn::NetworkBuilder& net);
void resnet56(nn::NetworkBuilder& net);
void resnet110(nn::NetworkBuilder& net);
void resnet18(nn::NetworkBuilder& net);
void resnet34(nn::NetworkBuilder& net);
void resnet50(nn::NetworkBuilder& net);
void resnet101(nn::NetworkBuilder& net);
void vgg16(nn::NetworkBuilder& net);
void alexnet(nn::NetworkBuilder& net);
void googlenet_v1(nn::NetworkBuilder& net);

}  // namespace precsim::models
