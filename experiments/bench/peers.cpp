// Peers as contenders.
#include "experiments/bench/peers.hpp"

#include <fmt/format.h>

#include <cmath>

#include "experiments/bench/ceiling.hpp"

namespace precsim::bench {

std::string check_close(const Operands& operands, double relative, const std::function<double(const Place&)>& value) {
  for (const Place& place : sample_places(operands.shape, operands.pass)) {
    const ExactOutput exact = exact_output(operands, place);
    const double actual = value(place);
    if (!(std::abs(actual - exact.sum) <= relative * exact.magnitude)) {
      return fmt::format("output {} is {}, in double {}", place.index, actual, exact.sum);
    }
  }
  return {};
}

double fp32_distance(const Operands& operands) {
  const kernels::ProductShape product = product_shape(operands.shape, operands.pass);
  return 8 * 0x1p-24 * std::sqrt(static_cast<double>(product.taps * product.channels));
}

namespace {

RegisterLoop loop_of(Bound bound, const Setup& setup) {
  const KernelCeilings& ceilings = ceilings_of(setup.kernel);
  switch (bound) {
    case Bound::integer:
      return ceilings.integer;
    case Bound::fp32:
      return ceilings.floating;
    case Bound::bf16:
      return bf16_loop();
  }
  return {};
}

}  // namespace

std::vector<Contender> peer_contenders(const OperandsPtr& operands, bool convolution, const std::string& integer,
                                       const std::string& fp32, const Setup& setup) {
  std::vector<Contender> contenders;
  for (const Peer& peer : peers()) {
    const auto make = convolution ? peer.convolution : peer.gemm;
    if (make == nullptr) {
      continue;
    }
    if (std::optional<Contender> contender = make(operands)) {
      contender->what.name = peer.name;
      contender->what.work = static_cast<double>(operands->shape.macs());
      contender->ceiling = register_ceiling(loop_of(peer.bound, setup));
      contender->against = {integer};
      if (peer.bound == Bound::fp32) {
        contender->against.push_back(fp32);
      }
      contenders.push_back(std::move(*contender));
    }
  }
  return contenders;
}

}  // namespace precsim::bench
