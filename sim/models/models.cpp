// The table of models.
#include "sim/models/models.hpp"

#include <array>

#include "formats/grammar.hpp"

namespace precsim::models {
namespace {

constexpr nn::Shape mnist{1, 28, 28, 1};
constexpr nn::Shape cifar{1, 32, 32, 3};

constexpr nn::Shape imagenet{1, 224, 224, 3};

constexpr std::array<ModelEntry, 15> table{{
    {"mlp", "two hidden layers of 128 and 64 features", mnist, 10, mlp},
    {"lenet5", "LeNet-5 with ReLU and max pooling (LeCun et al. 1998); 61,706 parameters", mnist, 10, lenet5},
    {"cnn_bn", "three 3x3 convolutions of 16, 32 and 64 channels with batch normalization", mnist, 10, cnn_bn},
    {"resnet20", "ResNet-20 with shortcuts without parameters (He et al. 2016); 269,722 parameters", cifar, 10,
     resnet20},
    {"resnet32", "the same with 32 layers; 464,154 parameters", cifar, 10, resnet32},
    {"resnet44", "the same with 44 layers; 658,586 parameters", cifar, 10, resnet44},
    {"resnet56", "the same with 56 layers; 853,018 parameters", cifar, 10, resnet56},
    {"resnet110", "the same with 110 layers; 1,727,962 parameters", cifar, 10, resnet110},
    {"resnet18", "ResNet-18 (He et al. 2016); 11,689,512 parameters", imagenet, 1000, resnet18},
    {"resnet34", "the same with 34 layers; 21,797,672 parameters", imagenet, 1000, resnet34},
    {"resnet50", "ResNet-50 v1.5, which strides in 3x3 convolutions; 25,557,032 parameters", imagenet, 1000, resnet50},
    {"resnet101", "the same with 101 layers; 44,549,160 parameters", imagenet, 1000, resnet101},
    {"vgg16", "VGG-16 (Simonyan and Zisserman 2015); 138,357,544 parameters", imagenet, 1000, vgg16},
    {"alexnet",
     "AlexNet as in Caffe, grouped (Krizhevsky et al. 2012); 60,965,224 parameters",
     {1, 227, 227, 3},
     1000,
     alexnet},
    {"googlenet_v1", "GoogLeNet as in Caffe (Szegedy et al. 2015); 6,998,552 parameters, 6,379,728 more in training",
     imagenet, 1000, googlenet_v1},
}};

}  // namespace

std::span<const ModelEntry> models() {
  return table;
}

const ModelEntry& find_model(std::string_view name) {
  for (const ModelEntry& row : table) {
    if (row.name == name) {
      return row;
    }
  }
  throw formats::unknown_name("model", name, name, table, &ModelEntry::name);
}

nn::NetworkBuilder build_model(std::string_view name, const nn::Shape& image, std::int64_t classes) {
  nn::NetworkBuilder net(image, classes);
  find_model(name).build(net);
  return net;
}

}  // namespace precsim::models
