// What layers share: parameters, and what is saved for the backward pass.
#include "sim/nn/layer.hpp"

#include "sim/nn/quantizer.hpp"

namespace precsim::nn {

Parameter Parameter::make(std::string name, std::vector<std::int64_t> dimensions, Init init) {
  Parameter parameter;
  parameter.name = std::move(name);
  parameter.init = init;
  std::int64_t size = 1;
  for (const std::int64_t d : dimensions) {
    size *= d;
  }
  parameter.dimensions = std::move(dimensions);
  parameter.values.resize(static_cast<std::size_t>(size));
  parameter.gradient.resize(static_cast<std::size_t>(size));
  return parameter;
}

StoredPtr Layer::save(const StoredPtr& stored, const StepContext& context) const {
  StoredPtr saved = stored;
  if (plan().saves_separately) {
    const Quantizer quantizer(name(), Role::saved);
    saved = std::make_shared<Stored>(quantizer.store(*stored, plan().of(Role::saved), context));
  }
  if (context.totals != nullptr) {
    context.totals->saved_bytes += static_cast<std::uint64_t>(saved->bytes);
  }
  return saved;
}

}  // namespace precsim::nn
