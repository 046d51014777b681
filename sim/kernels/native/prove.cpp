// Chains that provably cannot overflow.
#include "sim/kernels/native/prove.hpp"

#include <atomic>

#include "sim/arith/chain.hpp"
#include "sim/kernels/native/chunk_squares.hpp"
#include "sim/kernels/threads.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels::native {
namespace {

class Operands {
 public:
  Operands(const ConvShape& shape, Pass pass, const std::int16_t* left, const std::int16_t* right,
           const TileKernel& kernel)
      : left_(chunk_squares(*kernel.native, shape, pass, Side::left, left)),
        right_(chunk_squares(*kernel.native, shape, pass, Side::right, right)) {
    const ProductShape product = product_shape(shape, pass);
    groups_ = product.groups;
    length_ = product.taps * (product.channels + product.channels % 2);
    work_ = product.rows + product.columns;
  }

  bool proves(std::int64_t chain) {
    const std::int64_t length = chain == arith::chain_to_end ? length_ : chain;
    left_->set_chain(length);
    right_->set_chain(length);
    const std::int64_t chunks = (length_ + length - 1) / length;
    std::atomic<bool> proved = true;
#pragma omp parallel for schedule(static) if (chunks > 1 && worth_threads(work_ * length_))
    for (std::int64_t i = 0; i < groups_ * chunks; ++i) {
      if (proved && !proves_chunk(i / chunks, i % chunks)) {
        proved = false;
      }
    }
    return proved;
  }

 private:
  /// By the cheap bounds where they suffice.
  bool proves_chunk(std::int64_t group, std::int64_t chunk) const {
    return arith::proved(left_->bound(group, chunk), right_->bound(group, chunk)) ||
           arith::proved(left_->largest(group, chunk), right_->largest(group, chunk));
  }

  std::unique_ptr<ChunkSquares> left_, right_;
  std::int64_t groups_ = 1, length_ = 0, work_ = 0;
};

}  // namespace

ProvedChain prove_chain(const ConvShape& shape, Pass pass, const std::int16_t* left, const std::int16_t* right,
                        arith::Atom atom, const TileKernel& kernel) {
  Operands operands(shape, pass, left, right, kernel);
  const std::int64_t shortest = arith::chain_multiple(atom);
  for (std::int64_t length = arith::longest_proved_chain; length >= shortest; length /= 2) {
    if (operands.proves(length)) {
      return {length, true};
    }
  }
  return {shortest, false};
}

bool is_proved(const ConvShape& shape, Pass pass, const std::int16_t* left, const std::int16_t* right,
               std::int64_t chain, const TileKernel& kernel) {
  return Operands(shape, pass, left, right, kernel).proves(chain);
}

}  // namespace precsim::kernels::native
