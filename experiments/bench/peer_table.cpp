// The table of peers.
#include "experiments/bench/peer_makers.hpp"
#include "experiments/bench/peers.hpp"

namespace precsim::bench {
namespace {

constexpr Peer table[] = {
    {"libxsmm int16", libxsmm_version, libxsmm_int16, nullptr, Bound::integer},
    {"libxsmm fp32", libxsmm_version, libxsmm_fp32, nullptr, Bound::fp32},
    {"oneDNN sgemm", onednn_version, onednn_sgemm, nullptr, Bound::fp32},
    {"OpenBLAS sgemm", openblas_version, openblas_sgemm, nullptr, Bound::fp32},
    {"oneDNN fp32 direct", onednn_version, nullptr, onednn_convolution_fp32, Bound::fp32},
    {"oneDNN bf16", onednn_version, nullptr, onednn_convolution_bf16, Bound::bf16},
};

}  // namespace

std::span<const Peer> peers() {
  return table;
}

std::vector<float> columns_fastest(const Operands& operands) {
  const std::int64_t columns = operands.shape.oc;
  const std::int64_t length = operands.shape.ic;
  std::vector<float> matrix(operands.right_values.size());
  for (std::int64_t column = 0; column < columns; ++column) {
    for (std::int64_t k = 0; k < length; ++k) {
      matrix[static_cast<std::size_t>(k * columns + column)] =
          operands.right_values[static_cast<std::size_t>(column * length + k)];
    }
  }
  return matrix;
}

}  // namespace precsim::bench
