// Collecting the tensors of a network's state, and putting them back.
#include "sim/nn/training_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "formats/error.hpp"
#include "formats/words.hpp"

namespace precsim::nn {
namespace {

/// Where a tensor of the state lives.
struct Place {
  StateTensor tensor;  ///< without values
  std::vector<float>* values;
  bool may_be_absent;
};

std::vector<Place> places(const Network& network) {
  std::vector<Place> places;
  for (Layer* layer : network.layers()) {
    for (Parameter* p : layer->parameters()) {
      places.push_back({{"parameters", layer->name(), p->name, p->dimensions, {}}, &p->values, false});
      places.push_back({{"momentum", layer->name(), p->name, p->dimensions, {}}, &p->momentum, true});
    }
    for (const Buffer& buffer : layer->buffers()) {
      const auto size = static_cast<std::int64_t>(buffer.values->size());
      places.push_back({{"buffers", layer->name(), buffer.name, {size}, {}}, buffer.values, false});
    }
  }
  return places;
}

std::size_t size_of(const std::vector<std::int64_t>& dimensions) {
  std::int64_t size = 1;
  for (const std::int64_t d : dimensions) {
    size *= d;
  }
  return static_cast<std::size_t>(size);
}

}  // namespace

std::vector<StateTensor> state_tensors(const Network& network) {
  std::vector<StateTensor> tensors;
  for (Place& place : places(network)) {
    if (!place.may_be_absent || !place.values->empty()) {
      place.tensor.values = *place.values;
      tensors.push_back(std::move(place.tensor));
    }
  }
  return tensors;
}

void check_controllers(const Network& network, std::span<const ControlState> states, std::int64_t steps) {
  std::set<std::string> known;
  for (const ControlState& state : states) {
    if (!known.insert(state.path()).second) {
      throw UserError(fmt::format("the saved state has the exponents of {} twice", state.path()));
    }
    bool planned = false;
    for (const Layer* layer : network.layers()) {
      for (const RoleEntry& role : roles()) {
        for (const Pass pass : kernels::passes) {
          planned = planned || (layer->name() == state.layer && role.name == state.role &&
                                layer->plan().of(role.role, pass).format->name() == state.format);
        }
      }
    }
    if (!planned) {
      throw UserError(fmt::format("the saved state has exponents of {} as {}, which the plan does not have",
                                  state.path(), formats::quote(state.format)));
    }
  }
  for (const Layer* layer : network.layers()) {
    const bool expected = steps > 0 && layer->traits().product &&
                          layer->plan().of(Role::weights, Pass::forward).format->make_controller() != nullptr;
    const auto weights = [&](const ControlState& state) {
      return state.layer == layer->name() && state.role == name(Role::weights);
    };
    if (expected && std::ranges::none_of(states, weights)) {
      throw UserError(
          fmt::format("the saved state has no exponents of {}/weights, which the plan needs", layer->name()));
    }
  }
}

void restore_tensors(Network& network, std::span<const StateTensor> tensors) {
  std::map<std::string, const StateTensor*> given;
  for (const StateTensor& tensor : tensors) {
    if (!given.emplace(tensor.path(), &tensor).second) {
      throw UserError(fmt::format("the saved state has the tensor {} twice", tensor.path()));
    }
  }
  std::vector<std::pair<std::vector<float>*, const StateTensor*>> moves;
  for (const Place& place : places(network)) {
    const std::string path = place.tensor.path();
    const auto found = given.find(path);
    if (found == given.end()) {
      if (!place.may_be_absent) {
        throw UserError(fmt::format("the saved state has no tensor {}, which the model needs", path));
      }
      moves.emplace_back(place.values, nullptr);
      continue;
    }
    const StateTensor& tensor = *found->second;
    if (tensor.dimensions != place.tensor.dimensions || tensor.values.size() != size_of(tensor.dimensions)) {
      throw UserError(fmt::format("the tensor {} of the saved state has the shape ({}), but the model needs ({})", path,
                                  fmt::join(tensor.dimensions, ", "), fmt::join(place.tensor.dimensions, ", ")));
    }
    moves.emplace_back(place.values, &tensor);
    given.erase(found);
  }
  if (!given.empty()) {
    throw UserError(
        fmt::format("the saved state has a tensor {}, which the model does not have", given.begin()->first));
  }
  for (const auto& [values, tensor] : moves) {
    *values = tensor == nullptr ? std::vector<float>() : tensor->values;
  }
}

}  // namespace precsim::nn
