// The longest chain that provably cannot overflow, by Cauchy-Schwarz (numerics 4).
#include <algorithm>
#include <vector>

#include "sim/kernels/multiply.hpp"
#include "sim/kernels/squares.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels {
namespace {

/// Pieces that chains of 32, 64, ... 512 are whole runs of.
constexpr std::int64_t piece_length = 32;

/// Merges runs of pieces into chains: chain c consists of the pieces from first[c] up to first[c + 1].
std::vector<std::size_t> runs_of_pieces(const std::vector<arith::Chain>& pieces,
                                        const std::vector<arith::Chain>& chains) {
  std::vector<std::size_t> first;
  std::size_t piece = 0;
  for (const arith::Chain& chain : chains) {
    while (pieces[piece].begin < chain.begin) {
      ++piece;
    }
    first.push_back(piece);
  }
  first.push_back(pieces.size());
  return first;
}

/// Largest sums of squares per group and chain over all rows of a matrix.
std::vector<std::uint64_t> largest_squares(const Matrix& matrix, const std::vector<std::uint64_t>& pieces,
                                           const std::vector<std::size_t>& first) {
  const std::size_t per_row = first.back();
  const std::size_t chains = first.size() - 1;
  std::vector<std::uint64_t> largest(static_cast<std::size_t>(matrix.groups) * chains);
  for (std::size_t line = 0; line < static_cast<std::size_t>(matrix.groups * matrix.rows); ++line) {
    std::uint64_t* of_group = largest.data() + line / static_cast<std::size_t>(matrix.rows) * chains;
    const std::uint64_t* of_row = pieces.data() + line * per_row;
    for (std::size_t c = 0; c < chains; ++c) {
      std::uint64_t squares = 0;
      for (std::size_t piece = first[c]; piece < first[c + 1]; ++piece) {
        squares += of_row[piece];
      }
      of_group[c] = std::max(of_group[c], squares);
    }
  }
  return largest;
}

bool all_proved(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!arith::proved(a[i], b[i])) {
      return false;
    }
  }
  return true;
}

/// The sums of squares of one cutting, and the question whether coarser chains are proved.
class Pieces {
 public:
  Pieces(const Matrix& left, const Matrix& right, std::int64_t length, const TileKernel& kernel)
      : left_(left),
        right_(right),
        layout_(reduction_layout(left, right)),
        pieces_(arith::cut(layout_, length)),
        left_squares_(squares_by_chain(left, pieces_, kernel)),
        right_squares_(squares_by_chain(right, pieces_, kernel)) {}

  bool proves(std::int64_t length) const {
    const std::vector<std::size_t> first = runs_of_pieces(pieces_, arith::cut(layout_, length));
    return all_proved(largest_squares(left_, left_squares_, first), largest_squares(right_, right_squares_, first));
  }

 private:
  const Matrix& left_;
  const Matrix& right_;
  arith::ReductionLayout layout_;
  std::vector<arith::Chain> pieces_;
  std::vector<std::uint64_t> left_squares_;
  std::vector<std::uint64_t> right_squares_;
};

std::uint64_t sum_of(const std::vector<std::uint64_t>& blocks, std::int64_t first, std::int64_t last) {
  std::uint64_t sum = 0;
  for (std::int64_t block = first; block < last; ++block) {
    sum += blocks[static_cast<std::size_t>(block)];
  }
  return sum;
}

const TileKernel& or_portable(const TileKernel* kernel) {
  return kernel == nullptr ? tile_kernels().back() : *kernel;
}

}  // namespace

std::vector<std::uint64_t> squares_by_chain(const Matrix& matrix, const std::vector<arith::Chain>& chains,
                                            const TileKernel& kernel) {
  const std::int64_t lines = matrix.groups * matrix.rows;
  std::vector<std::uint64_t> squares(static_cast<std::size_t>(lines) * chains.size());
#pragma omp parallel if (worth_threads(lines * matrix.length()))
  {
    std::vector<std::uint64_t> blocks(static_cast<std::size_t>(matrix.length() / block_codes));
#pragma omp for schedule(static)
    for (std::int64_t line = 0; line < lines; ++line) {
      const std::int16_t* const codes = matrix.codes.data() + line * matrix.length();
      kernel.audit->squares(codes, matrix.length() / block_codes, blocks.data());
      std::uint64_t* to = squares.data() + static_cast<std::size_t>(line) * chains.size();
      for (const arith::Chain& chain : chains) {
        *to++ = chain.begin % block_codes == 0 && chain.end % block_codes == 0
                    ? sum_of(blocks, chain.begin / block_codes, chain.end / block_codes)
                    : kernel.squares(codes + chain.begin, chain.end - chain.begin);
      }
    }
  }
  return squares;
}

bool is_proved(const Matrix& left, const Matrix& right, std::int64_t length, const TileKernel* kernel) {
  return Pieces(left, right, length, or_portable(kernel)).proves(length);
}

ProvedChain prove_chain(const Matrix& left, const Matrix& right, arith::Atom atom, const TileKernel* kernel) {
  std::int64_t length = arith::longest_proved_chain;
  const Pieces pieces(left, right, piece_length, or_portable(kernel));
  for (; length >= piece_length; length /= 2) {
    if (pieces.proves(length)) {
      return {length, true};
    }
  }
  const std::int64_t shortest = arith::chain_multiple(atom);
  for (; length >= shortest; length /= 2) {
    if (is_proved(left, right, length, kernel)) {
      return {length, true};
    }
  }
  return {shortest, false};
}

}  // namespace precsim::kernels
