// Running a network forward and backward.
#include "sim/nn/network.hpp"

#include "formats/error.hpp"
#include "formats/hash.hpp"
#include "sim/nn/step_profile.hpp"

namespace precsim::nn {
namespace {

/// The FP32 tensor behind a source that nobody else reads; null where it is not one.
std::shared_ptr<Stored> own_tensor(const SourcePtr& source) {
  auto stored = std::dynamic_pointer_cast<const Stored>(source);
  const bool own = stored != nullptr && stored->codes.empty() && source.use_count() == 2;
  return own ? std::const_pointer_cast<Stored>(std::move(stored)) : nullptr;
}

/// What the time of a layer counts as, its products and conversions apart.
Work own_work(const Layer& layer) {
  return layer.traits().product ? Work::other : layer.kind() == "batch_norm" ? Work::batch_norm : Work::elementwise;
}

}  // namespace

SourcePtr Network::store(std::size_t node, SourcePtr source, const StepContext& context) const {
  if (storage_[node]) {
    return storage_[node]->quantizer->store(source, storage_[node]->conversion, context);
  }
  return in_memory_[node] ? in_memory(source, context.memory) : source;
}

Tensor Network::forward(Tensor images, const StepContext& given, std::vector<Auxiliary>* auxiliaries) {
  PRECSIM_CHECK(auxiliaries_.empty() || !given.training || auxiliaries != nullptr,
                "training forgets the auxiliary outputs");
  StepContext context = given;
  context.memory = memory_.get();
  context.controllers = &controllers_;
  std::vector<SourcePtr> outputs(nodes_.size() + 1);
  outputs[0] = store(0, std::make_shared<Stored>(std::move(images)), context);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (training_only_[i + 1] && !context.training) {
      continue;
    }
    std::vector<SourcePtr> inputs;
    for (const int input : nodes_[i].inputs) {
      inputs.push_back(outputs[static_cast<std::size_t>(input)]);
    }
    Layer& layer = *nodes_[i].layer;
    const Timed timed(context.profile, own_work(layer));
    outputs[i + 1] = store(i + 1, layer.forward(inputs, context), context);
    for (const int input : nodes_[i].inputs) {
      if (last_reader_[static_cast<std::size_t>(input)] == i) {
        outputs[static_cast<std::size_t>(input)].reset();
      }
    }
    if (context.training && layer.keeps_output()) {
      layer.keep_output(in_memory(outputs[i + 1], context.memory));
    }
  }
  for (const NetworkBuilder::Auxiliary& auxiliary : auxiliaries_) {
    if (context.training) {
      auxiliaries->push_back(
          {nodes_[auxiliary.node - 1].layer->name(), auxiliary.loss_weight, evaluate(*outputs[auxiliary.node])});
    }
  }
  return evaluate(*outputs.back());
}

SourcePtr Network::sum(std::vector<SourcePtr> terms, const StepContext& context) const {
  if (terms.size() == 1) {
    return std::move(terms[0]);
  }
  const Timed timed(context.profile, Work::elementwise);
  if (own_tensor(terms[0]) == nullptr && own_tensor(terms[1]) != nullptr) {
    std::swap(terms[0], terms[1]);  // a + b = b + a
  }
  std::shared_ptr<Stored> sum = own_tensor(terms[0]);
  if (sum == nullptr) {
    sum = std::make_shared<Stored>(evaluate(*terms[0], context.memory));
  }
  terms[0].reset();
  sum->statistics.reset();
  const kernels::ElementwiseKernel& kernel = kernels::elementwise_kernel(context.kernel);
  const Shape& shape = sum->shape();
  for (const SourcePtr& term : std::span(terms).subspan(1)) {
    for_runs(shape, [&](std::int64_t first, std::int64_t count) {
      RunScratch scratch(count * shape.c);
      float* const at = sum->tensor.values.data() + first * shape.c;
      kernel.add(count * shape.c, at, term->read(first, count, scratch.data()), at);
    });
  }
  return sum;
}

void Network::backward(Tensor gradient, const StepContext& given, std::vector<Tensor> auxiliary_gradients) {
  PRECSIM_CHECK(auxiliary_gradients.size() == auxiliaries_.size(), "one gradient per auxiliary output");
  StepContext context = given;
  context.memory = memory_.get();
  context.controllers = &controllers_;
  std::vector<std::vector<SourcePtr>> gradients(nodes_.size() + 1);
  gradients.back().push_back(std::make_shared<Stored>(std::move(gradient)));
  for (std::size_t i = 0; i < auxiliaries_.size(); ++i) {
    gradients[auxiliaries_[i].node].push_back(std::make_shared<Stored>(std::move(auxiliary_gradients[i])));
  }
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Layer& layer = *nodes_[i].layer;
    std::vector<SourcePtr> own = std::move(gradients[i + 1]);
    if (!layer.traits().input_gradient && layer.parameters().empty()) {
      continue;
    }
    const Timed timed(context.profile, own_work(layer));
    std::vector<SourcePtr> of_inputs = layer.backward(sum(std::move(own), context), context);
    for (std::size_t j = 0; j < of_inputs.size(); ++j) {
      if (of_inputs[j] != nullptr) {
        gradients[static_cast<std::size_t>(nodes_[i].inputs[j])].push_back(std::move(of_inputs[j]));
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
  for (const ControlState& control : controllers_.state()) {
    hash.text(control.path());
    for (const double number : control.numbers) {
      hash.integer(std::bit_cast<std::uint64_t>(number));
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
    rows.push_back({layer.name(), std::string(layer.kind()), shapes_[i + 1], parameters, layer.macs(inputs), &layer,
                    training_only_[i + 1]});
  }
  return rows;
}

std::vector<Network::ProductRow> Network::products(std::int64_t images) const {
  std::vector<ProductRow> rows;
  for (const NetworkBuilder::Node& node : nodes_) {
    if (const auto* layer = dynamic_cast<const ProductLayer*>(node.layer.get())) {
      Shape input = shapes_[static_cast<std::size_t>(node.inputs[0])];
      input.n = images;
      rows.push_back({layer, layer->shape_for(input)});
    }
  }
  return rows;
}

}  // namespace precsim::nn
