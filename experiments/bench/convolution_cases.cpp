// Convolutions: every layer of two networks, three passes, INT16 and FP32.
#include <fmt/format.h>

#include "experiments/bench/ceiling.hpp"
#include "experiments/bench/networks.hpp"
#include "experiments/bench/peers.hpp"
#include "experiments/bench/products.hpp"
#include "sim/kernels/native/conv.hpp"

namespace precsim::bench {
namespace {

namespace native = kernels::native;
using kernels::Pass;

constexpr std::int64_t chain = 64;
constexpr Layer tiny_layer{"3x3_5_7", 5, 7, 3, 1, 6, 1};
constexpr std::int64_t tiny_batch = 2;
/// The layers whose proof of `auto` is timed.
constexpr std::string_view proved_layers[] = {"s3_1x1_512_128", "s4_3x3_256"};

Contender convolution(const OperandsPtr& operands, bool integer, const Setup& setup) {
  const auto run = std::make_shared<ProductRun>(operands, integer, integer_accumulators(chain));
  const native::Semantics semantics{chain, arith::OverflowRule::wrap, 2 * Operands::exponent};
  const KernelCeilings& ceilings = ceilings_of(setup.kernel);
  Contender contender;
  contender.what = {integer ? "int16" : "fp32", run->macs(), [run, semantics, &kernel = *setup.kernel.native] {
                      const Operands& of = *run->operands;
                      if (run->integer) {
                        native::convolve(kernel, of.shape, of.pass, of.left_codes.data(), of.right_codes.data(),
                                         semantics, run->result.data());
                      } else {
                        native::convolve(kernel, of.shape, of.pass, of.left_values.data(), of.right_values.data(),
                                         semantics, run->result.data());
                      }
                    }};
  contender.ceiling = register_ceiling(integer ? ceilings.integer : ceilings.floating);
  contender.check = [run] { return run->check(); };
  return contender;
}

std::vector<Contender> prepare(const kernels::ConvShape& shape, Pass pass, bool with_proof, const Setup& setup) {
  const OperandsPtr operands = normal_operands(shape, pass);
  std::vector<Contender> contenders{convolution(operands, true, setup), convolution(operands, false, setup)};
  if (with_proof) {
    contenders.push_back(proved_product(operands, setup));
  }
  for (Contender& peer : peer_contenders(operands, true, "int16", "fp32", setup)) {
    contenders.push_back(std::move(peer));
  }
  return contenders;
}

void add_layer(std::vector<Case>& cases, std::string_view group, std::int64_t batch, const Layer& layer,
               std::string_view network, bool first) {
  const bool with_proof =
      std::find(std::begin(proved_layers), std::end(proved_layers), layer.name) != std::end(proved_layers);
  for (const Pass pass : kernels::passes) {
    if (first && pass == Pass::input_gradient) {
      continue;
    }
    cases.push_back({fmt::format("conv/{}/{}/{}", group, layer.name, name(pass)),
                     Unit::macs,
                     false,
                     {network, name(pass), layer.multiplicity, first},
                     [shape = conv_shape(layer, batch), pass, with_proof](const Setup& setup) {
                       return prepare(shape, pass, with_proof, setup);
                     }});
  }
}

}  // namespace

std::vector<Case> convolution_cases() {
  std::vector<Case> cases;
  for (const Network& network : networks) {
    for (const Layer& layer : network.layers) {
      add_layer(cases, network.name, network.batch, layer, network.name, &layer == network.layers.data());
    }
  }
  add_layer(cases, "tiny", tiny_batch, tiny_layer, "", false);
  return cases;
}

}  // namespace precsim::bench
