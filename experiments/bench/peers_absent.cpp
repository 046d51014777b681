// The peers of a build without peers: none.
#include "experiments/bench/peers.hpp"

namespace precsim::bench {

std::span<const Peer> peers() {
  return {};
}

}  // namespace precsim::bench
