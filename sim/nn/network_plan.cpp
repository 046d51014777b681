// What a network decides once: the precision plan of every layer, what is stored in which form, and for how long.
#include <fmt/format.h>

#include <map>

#include "formats/error.hpp"
#include "sim/nn/network.hpp"

namespace precsim::nn {
namespace {

/// How a layer wants its input stored; formats that are converted for each use are stored as FP32.
std::string stored_name(const ProductLayer& layer) {
  const std::optional<formats::Conversion>& conversion = layer.input_storage();
  return !conversion || formats::is_fp32(*conversion->format) ? "fp32" : conversion->name();
}

}  // namespace

Network::Network(NetworkBuilder builder, const PrecisionPlan& plan, bool has_momentum)
    : shapes_(std::move(builder.shapes_)),
      nodes_(std::move(builder.nodes_)),
      auxiliaries_(std::move(builder.auxiliaries_)) {
  configure(plan, has_momentum);
  plan_storage();
  check_masks();
  check_tensor_ids();
  check_readers();
  mark_training_only();
  plan_memory();
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
  for (const NetworkBuilder::Node& node : nodes_) {
    for (const int input : node.inputs) {
      if (input > 0) {
        traits[static_cast<std::size_t>(input) - 1].statistics = true;
      }
    }
  }
  for (const NetworkBuilder::Auxiliary& auxiliary : auxiliaries_) {
    traits[auxiliary.node - 1].classifier = traits[auxiliary.node - 1].product;
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

void Network::check_masks() const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Layer& layer = *nodes_[i].layer;
    const bool moves_elements = layer.kind() == "flatten" || layer.kind() == "dropout" || layer.kind() == "concat";
    if (!moves_elements || !storage_[i + 1] || formats::is_fp32(*storage_[i + 1]->conversion.format)) {
      continue;
    }
    for (const int input : nodes_[i].inputs) {
      if (input > 0 && nodes_[static_cast<std::size_t>(input) - 1].layer->kind() == "relu") {
        throw UserError(
            fmt::format("layers {0} and {1}: what is stored as {2} is the output of {1}, where the gradient of {0} "
                        "cannot see which "
                        "elements are stored as zeros; put {0} behind {1}, which is the same function",
                        nodes_[static_cast<std::size_t>(input) - 1].layer->name(), layer.name(),
                        storage_[i + 1]->conversion.name()));
      }
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
  for (const NetworkBuilder::Auxiliary& auxiliary : auxiliaries_) {
    read[auxiliary.node] = true;
  }
  for (const NetworkBuilder::Node& node : nodes_) {
    for (const int input : node.inputs) {
      read[static_cast<std::size_t>(input)] = true;
    }
  }
  for (std::size_t i = 0; i + 1 < nodes_.size(); ++i) {
    PRECSIM_CHECK(read[i + 1], "no layer reads the output of " + nodes_[i].layer->name());
  }
}

void Network::plan_memory() {
  std::vector<int> readers(nodes_.size() + 1);
  last_reader_.assign(readers.size(), nodes_.size());
  in_memory_.assign(readers.size(), false);
  in_memory_.back() = true;
  for (const NetworkBuilder::Auxiliary& auxiliary : auxiliaries_) {
    in_memory_[auxiliary.node] = true;
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Layer& layer = *nodes_[i].layer;
    in_memory_[i + 1] = in_memory_[i + 1] || layer.keeps_output();
    for (const int input : nodes_[i].inputs) {
      const auto node = static_cast<std::size_t>(input);
      last_reader_[node] = i;
      in_memory_[node] = in_memory_[node] || layer.takes_stored() || ++readers[node] > 1;
    }
  }
  for (const NetworkBuilder::Auxiliary& auxiliary : auxiliaries_) {
    last_reader_[auxiliary.node] = nodes_.size();
  }
}

void Network::mark_training_only() {
  training_only_.assign(nodes_.size() + 1, true);
  training_only_.back() = false;
  for (std::size_t i = nodes_.size(); i > 0; --i) {
    for (const int input : nodes_[i - 1].inputs) {
      const auto node = static_cast<std::size_t>(input);
      training_only_[node] = training_only_[node] && training_only_[i];
    }
  }
}

}  // namespace precsim::nn
