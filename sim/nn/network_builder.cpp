// Building networks layer by layer.
#include <fmt/format.h>

#include "formats/error.hpp"
#include "sim/nn/dropout.hpp"
#include "sim/nn/elementwise_layers.hpp"
#include "sim/nn/merge_layers.hpp"
#include "sim/nn/network.hpp"

namespace precsim::nn {

std::string to_string(const Shape& shape) {
  return fmt::format("({}, {}, {}, {})", shape.n, shape.h, shape.w, shape.c);
}

NetworkBuilder::NetworkBuilder(const Shape& image, std::int64_t classes) : classes_(classes), shapes_{image} {}

const Shape& NetworkBuilder::shape_of(int node) const {
  return node == previous ? shapes_.back() : shapes_[static_cast<std::size_t>(node)];
}

int NetworkBuilder::append(std::unique_ptr<Layer> layer, std::vector<int> inputs) {
  for (const Node& other : nodes_) {
    if (other.layer->name() == layer->name()) {
      throw UserError(fmt::format("layer {} is there twice; every layer needs a name of its own", layer->name()));
    }
  }
  std::vector<Shape> shapes;
  for (int& input : inputs) {
    input = input == previous ? static_cast<int>(nodes_.size()) : input;
    shapes.push_back(shape_of(input));
  }
  shapes_.push_back(layer->output_shape(shapes));
  nodes_.push_back({std::move(layer), std::move(inputs)});
  return static_cast<int>(nodes_.size());
}

void NetworkBuilder::auxiliary_output(int layer, double loss_weight) {
  const Shape logits{1, 1, 1, classes_};
  if (shape_of(layer) != logits) {
    throw UserError(fmt::format("an auxiliary output must be {} logits, not {}", classes_, to_string(shape_of(layer))));
  }
  auxiliaries_.push_back({layer == previous ? nodes_.size() : static_cast<std::size_t>(layer), loss_weight});
}

int NetworkBuilder::conv2d(std::string name, const Conv2dOptions& options, int input) {
  return append(ProductLayer::conv2d(std::move(name), shape_of(input).c, options), {input});
}
int NetworkBuilder::linear(std::string name, std::int64_t features, int input) {
  return append(ProductLayer::linear(std::move(name), shape_of(input).c, features), {input});
}
int NetworkBuilder::batch_norm(std::string name, int input) {
  return append(nn::batch_norm(std::move(name), shape_of(input).c), {input});
}
int NetworkBuilder::relu(std::string name, int input) {
  return append(nn::relu(std::move(name)), {input});
}
int NetworkBuilder::max_pool(std::string name, const PoolOptions& options, int input) {
  return append(nn::max_pool(std::move(name), options), {input});
}
int NetworkBuilder::average_pool(std::string name, const PoolOptions& options, int input) {
  return append(nn::average_pool(std::move(name), options), {input});
}
int NetworkBuilder::global_average_pool(std::string name, int input) {
  return append(nn::global_average_pool(std::move(name)), {input});
}
int NetworkBuilder::flatten(std::string name, int input) {
  return append(nn::flatten(std::move(name)), {input});
}

int NetworkBuilder::add(std::string name, int left, int right) {
  return append(nn::add(std::move(name)), {left, right});
}
int NetworkBuilder::shortcut(std::string name, std::int64_t channels, std::int64_t stride, int input) {
  return append(nn::shortcut(std::move(name), channels, stride), {input});
}
int NetworkBuilder::lrn(std::string name, const LrnOptions& options, int input) {
  return append(nn::lrn(std::move(name), options), {input});
}
int NetworkBuilder::dropout(std::string name, double rate, int input) {
  return append(nn::dropout(std::move(name), rate), {input});
}
int NetworkBuilder::concat(std::string name, std::vector<int> inputs) {
  return append(nn::concat(std::move(name)), std::move(inputs));
}

}  // namespace precsim::nn
