// Initialization of weights.
#include <cmath>

#include "formats/elementary.hpp"
#include "formats/grammar.hpp"
#include "sim/nn/network.hpp"

namespace precsim::nn {
namespace {

constexpr double two_pi = 6.283185307179586;

/// (word + 1/2) / 2^32, in (0, 1).
double uniform(std::uint32_t word) {
  return (static_cast<double>(word) + 0.5) * 0x1p-32;
}

double normal(const formats::RandomBits& bits, std::uint64_t i) {
  const std::uint64_t pair = i & ~std::uint64_t{1};
  const double radius = std::sqrt(-2 * formats::log(uniform(bits.word(pair))));
  const double angle = two_pi * uniform(bits.word(pair + 1));
  return radius * ((i & 1) == 0 ? formats::cos(angle) : formats::sin(angle));
}

void draw(Parameter& parameter, InitScheme scheme, const formats::RandomBits& bits) {
  const auto fan_in = static_cast<double>(parameter.fan_in);
  const double deviation = std::sqrt(2 / fan_in);
  const double bound = std::sqrt(6 / (fan_in + static_cast<double>(parameter.fan_out)));
  for (std::size_t i = 0; i < parameter.values.size(); ++i) {
    parameter.values[i] = static_cast<float>(scheme == InitScheme::he ? deviation * normal(bits, i)
                                                                      : bound * (2 * uniform(bits.word(i)) - 1));
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
  for (Layer* layer : layers()) {
    for (const Buffer& buffer : layer->buffers()) {
      std::fill(buffer.values->begin(), buffer.values->end(), buffer.initial);
    }
  }
}

}  // namespace precsim::nn
