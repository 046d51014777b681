// Running a network forward and backward; its plan and its storage.
#include "sim/nn/network.hpp"

#include <fmt/format.h>

#include <map>

#include "formats/error.hpp"
#include "formats/hash.hpp"

namespace precsim::nn {
namespace {

void add_to(Tensor& sum, Tensor&& term) {
  if (sum.values.empty()) {
    sum = std::move(term);
    return;
  }
  for (std::size_t i = 0; i < sum.values.size(); ++i) {
    sum.values[i] += term.values[i];
  }
}

/// How a layer wants its input stored; formats that are converted for each use are stored as FP32.
std::string stored_name(const ProductLayer& layer) {
  const std::optional<formats::Conversion>& conversion = layer.input_storage();
  return !conversion || formats::is_fp32(*conversion->format) ? "fp32" : conversion->name();
}

}  // namespace

Network::Network(NetworkBuilder builder, const PrecisionPlan& plan, bool has_momentum)
    : shapes_(std::move(builder.shapes_)), nodes_(std::move(builder.nodes_)) {
  configure(plan, has_momentum);
  plan_storage();
  check_tensor_ids();
  check_readers();
}

void Network::configure(const PrecisionPlan& plan, bool has_momentum) {
  std::vector<LayerTraits> traits;
  std::vector<bool> learns{false};
  int last_product = -1;
  bool seen_convolution = false;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    LayerTraits own = nodes_[i].layer->traits();
    bool before = false;
    for (const int input : nodes_[i].inputs) {
      before = before || learns[static_cast<std::size_t>(input)];
    }
    own.input_gradient = before;
    own.first_convolution = !seen_convolution && nodes_[i].layer->kind() == "conv2d";
    seen_convolution = seen_convolution || own.first_convolution;
    last_product = own.product ? static_cast<int>(i) : last_product;
    learns.push_back(before || !nodes_[i].layer->parameters().empty());
    traits.push_back(own);
  }
  if (last_product >= 0) {
    traits[static_cast<std::size_t>(last_product)].classifier = true;
  }
  plan.check(traits, has_momentum);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].layer->configure(traits[i], plan.layer(traits[i]));
  }
}

void Network::plan_storage() {
  storage_.resize(nodes_.size() + 1);
  std::vector<const ProductLayer*> readers(storage_.size());
  for (const NetworkBuilder::Node& consumer : nodes_) {
    const auto* product = dynamic_cast<const ProductLayer*>(consumer.layer.get());
    if (product == nullptr) {
      continue;
    }
    const auto node = static_cast<std::size_t>(consumer.inputs[0]);
    if (readers[node] != nullptr && stored_name(*readers[node]) != stored_name(*product)) {
      throw UserError(fmt::format(
          "plan: layers {} and {} read one tensor, which is stored once; their activations must be stored alike, "
          "not as {} and as {}",
          readers[node]->name(), product->name(), stored_name(*readers[node]), stored_name(*product)));
    }
    readers[node] = product;
    if (!storage_[node] && product->input_storage()) {
      storage_[node] = Storage{*product->input_storage(), &product->input_quantizer()};
    }
  }
}

void Network::check_tensor_ids() const {
  std::map<std::uint32_t, std::string> known;
  for (const NetworkBuilder::Node& node : nodes_) {
    std::vector<std::string> names;
    for (const RoleEntry& role : roles()) {
      names.push_back(fmt::format("{}/{}", node.layer->name(), role.name));
    }
    for (const Pass pass : kernels::passes) {
      names.push_back(fmt::format("{}/{}", node.layer->name(), kernels::name(pass)));
    }
    for (const std::string& name : names) {
      const auto [at, added] = known.emplace(formats::tensor_id(name), name);
      if (!added) {
        throw UserError(
            fmt::format("tensors {} and {} have the same 32-bit tensor id; rename a layer", at->second, name));
      }
    }
  }
}

void Network::check_readers() const {
  std::vector<bool> read(nodes_.size() + 1, false);
  for (const NetworkBuilder::Node& node : nodes_) {
    for (const int input : node.inputs) {
      read[static_cast<std::size_t>(input)] = true;
    }
  }
  for (std::size_t i = 0; i + 1 < nodes_.size(); ++i) {
    PRECSIM_CHECK(read[i + 1], "no layer reads the output of " + nodes_[i].layer->name());
  }
}

StoredPtr Network::store(std::size_t node, Tensor tensor, const StepContext& context) const {
  if (storage_[node]) {
    return std::make_shared<Stored>(storage_[node]->quantizer->store(tensor, storage_[node]->conversion, context));
  }
  auto stored = std::make_shared<Stored>();
  stored->bytes = tensor.shape.size() * static_cast<std::int64_t>(sizeof(float));
  stored->tensor = std::move(tensor);
  return stored;
}

Tensor Network::forward(Tensor images, const StepContext& context) {
  std::vector<StoredPtr> stored{store(0, std::move(images), context)};
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    std::vector<StoredPtr> inputs;
    for (const int input : nodes_[i].inputs) {
      inputs.push_back(stored[static_cast<std::size_t>(input)]);
    }
    stored.push_back(store(i + 1, nodes_[i].layer->forward(inputs, context), context));
    if (context.training) {
      nodes_[i].layer->keep_output(stored.back());
    }
  }
  return stored.back()->tensor;
}

void Network::backward(Tensor gradient, const StepContext& context) {
  std::vector<Tensor> gradients(nodes_.size() + 1);
  gradients.back() = std::move(gradient);
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Layer& layer = *nodes_[i].layer;
    if (!layer.traits().input_gradient && layer.parameters().empty()) {
      continue;
    }
    std::vector<Tensor> of_inputs = layer.backward(std::move(gradients[i + 1]), context);
    for (std::size_t j = 0; j < of_inputs.size(); ++j) {
      if (!of_inputs[j].values.empty()) {
        add_to(gradients[static_cast<std::size_t>(nodes_[i].inputs[j])], std::move(of_inputs[j]));
      }
    }
  }
}

std::vector<Layer*> Network::layers() const {
  std::vector<Layer*> layers;
  for (const NetworkBuilder::Node& node : nodes_) {
    layers.push_back(node.layer.get());
  }
  return layers;
}

std::vector<NamedParameter> Network::parameters() const {
  std::vector<NamedParameter> parameters;
  for (Layer* layer : layers()) {
    for (Parameter* parameter : layer->parameters()) {
      parameters.push_back({layer, parameter});
    }
  }
  return parameters;
}

std::int64_t Network::parameter_count() const {
  std::int64_t count = 0;
  for (const NamedParameter& p : parameters()) {
    count += static_cast<std::int64_t>(p.parameter->values.size());
  }
  return count;
}

std::string Network::state_hash() const {
  formats::Hash64 hash;
  const auto add = [&](const std::vector<float>& values) {
    for (const float value : values) {
      hash.integer(std::bit_cast<std::uint32_t>(value));
    }
  };
  for (Layer* layer : layers()) {
    hash.text(layer->name());
    for (const Parameter* parameter : layer->parameters()) {
      hash.text(parameter->name);
      add(parameter->values);
      add(parameter->momentum);
    }
    for (const Buffer& buffer : layer->buffers()) {
      hash.text(buffer.name);
      add(*buffer.values);
    }
  }
  return hash.hex();
}

std::vector<Network::LayerRow> Network::rows() const {
  std::vector<LayerRow> rows;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Layer& layer = *nodes_[i].layer;
    std::vector<Shape> inputs;
    for (const int input : nodes_[i].inputs) {
      inputs.push_back(shapes_[static_cast<std::size_t>(input)]);
    }
    std::int64_t parameters = 0;
    for (const Parameter* parameter : layer.parameters()) {
      parameters += static_cast<std::int64_t>(parameter->values.size());
    }
    rows.push_back({layer.name(), std::string(layer.kind()), shapes_[i + 1], parameters, layer.macs(inputs), &layer});
  }
  return rows;
}

}  // namespace precsim::nn
