// Initialization of weights.
#include <cmath>

#include "formats/draws.hpp"
#include "formats/grammar.hpp"
#include "sim/nn/network.hpp"

namespace precsim::nn {
namespace {

double normal(const formats::RandomBits& bits, std::uint64_t i) {
  const std::uint64_t pair = i & ~std::uint64_t{1};
  return formats::normal_pair(bits.word(pair), bits.word(pair + 1))[i & 1];
}

void draw(Parameter& parameter, InitScheme scheme, const formats::RandomBits& bits) {
  const auto fan_in = static_cast<double>(parameter.fan_in);
  const double deviation = std::sqrt(2 / fan_in);
  const double bound = std::sqrt(6 / (fan_in + static_cast<double>(parameter.fan_out)));
  for (std::size_t i = 0; i < parameter.values.size(); ++i) {
    parameter.values[i] = static_cast<float>(
        scheme == InitScheme::he ? deviation * normal(bits, i) : bound * (2 * formats::uniform(bits.word(i)) - 1));
  }
}

}  // namespace

InitScheme parse_init(std::string_view text) {
  if (text == "he") {
    return InitScheme::he;
  }
  if (text == "glorot") {
    return InitScheme::glorot;
  }
  throw formats::unknown_name("initialization", text, text, {"he", "glorot"});
}

void Network::initialize(InitScheme scheme, std::uint32_t seed) {
  for (const NamedParameter& p : parameters()) {
    switch (p.parameter->init) {
      case Init::zero:
        std::fill(p.parameter->values.begin(), p.parameter->values.end(), 0.0f);
        break;
      case Init::one:
        std::fill(p.parameter->values.begin(), p.parameter->values.end(), 1.0f);
        break;
      case Init::weight:
        draw(*p.parameter, scheme,
             {seed, formats::Stream::init, 0, formats::tensor_id(p.layer->name() + "/weights"), 0});
        break;
    }
    p.parameter->momentum.clear();
  }
  controllers_.clear();
  for (Layer* layer : layers()) {
    for (const Buffer& buffer : layer->buffers()) {
      std::fill(buffer.values->begin(), buffer.values->end(), buffer.initial);
    }
  }
}

}  // namespace precsim::nn
