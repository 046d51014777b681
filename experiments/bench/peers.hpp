// Other libraries in the same run (built with -DPRECSIM_BENCH_PEERS=ON).
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "experiments/bench/products.hpp"

namespace precsim::bench {

/// What bounds a peer: the kernel's ceilings, or VDPBF16PS.
enum class Bound : std::uint8_t { integer, fp32, bf16 };

/// One row per peer. A function that is null, or returns nothing, says that the peer has no such product.
struct Peer {
  std::string_view name;     ///< "libxsmm int16"
  std::string (*library)();  ///< with its version
  std::optional<Contender> (*gemm)(const OperandsPtr& operands);
  std::optional<Contender> (*convolution)(const OperandsPtr& operands);
  Bound bound;
};

/// Sampled outputs against sums in double; `relative` to the sum of the products' magnitudes. `value`: a result's
/// element by its place.
std::string check_close(const Operands& operands, double relative, const std::function<double(const Place&)>& value);
/// The distance that summing in FP32, in whatever order, stays within.
double fp32_distance(const Operands& operands);

/// None in a build without peers.
std::span<const Peer> peers();

/// The peers that have this product. Those of 16 bits are compared with the contender `integer`, those of FP32 with
/// `fp32` too.
std::vector<Contender> peer_contenders(const OperandsPtr& operands, bool convolution, const std::string& integer,
                                       const std::string& fp32, const Setup& setup);

}  // namespace precsim::bench
