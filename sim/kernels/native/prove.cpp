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
  Operands(const ConvShape& shape, Pass pass, CodeOperand left, CodeOperand right, const TileKernel& kernel)
      : sides_(chunk_squares(*kernel.native, shape, pass, left, right)) {
    const ProductShape product = product_shape(shape, pass);
    groups_ = product.groups;
    length_ = product.taps * (product.channels + product.channels % 2);
    work_ = product.rows + product.columns;
  }

  bool proves(std::int64_t chain) {
    const std::int64_t length = chain == arith::chain_to_end ? length_ : chain;
    sides_.one->set_chain(length);
    sides_.other->set_chain(length);
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
  bool proves_chunk(std::int64_t group, std::int64_t chunk) const {
    return !sides_.other->exceeds(group, chunk, arith::most_proved(sides_.one->largest(group, chunk)));
  }

  SquaresOfSides sides_;
  std::int64_t groups_ = 1, length_ = 0, work_ = 0;
};

}  // namespace

ProvedChain prove_chain(const ConvShape& shape, Pass pass, CodeOperand left, CodeOperand right, arith::Atom atom,
                        const TileKernel& kernel) {
  Operands operands(shape, pass, left, right, kernel);
  const std::int64_t shortest = arith::chain_multiple(atom);
  for (std::int64_t length = arith::longest_proved_chain; length >= shortest; length /= 2) {
    if (operands.proves(length)) {
      return {length, true};
    }
  }
  return {shortest, false};
}

bool is_proved(const ConvShape& shape, Pass pass, CodeOperand left, CodeOperand right, std::int64_t chain,
               const TileKernel& kernel) {
  return Operands(shape, pass, left, right, kernel).proves(chain);
}

}  // namespace precsim::kernels::native
