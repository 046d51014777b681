// Pieces and their norms.
#include "sim/kernels/audit_pieces.hpp"

#include <algorithm>
#include <cmath>

#include "sim/kernels/squares.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels {
namespace {

constexpr std::int64_t piece_lengths[] = {128, 64, 32, 16};

std::uint32_t root_rounded_up(std::uint64_t square) {
  auto root = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(square)));
  while (root * root < square) {
    ++root;
  }
  return static_cast<std::uint32_t>(root);
}

/// Mean square of the codes.
double mean_square(const Matrix& matrix, const TileKernel& kernel) {
  const std::int64_t lines = matrix.groups * matrix.rows;
  std::uint64_t sum = 0;
#pragma omp parallel for schedule(static) reduction(+ : sum) if (worth_threads(lines * matrix.length()))
  for (std::int64_t line = 0; line < lines; ++line) {
    sum += kernel.squares(matrix.codes.data() + line * matrix.length(), matrix.length());
  }
  return static_cast<double>(sum) / static_cast<double>(matrix.codes.size());
}

/// A chain's slots go into one span where they fit.
void add_chain(std::size_t chain, std::size_t first_piece, std::size_t pieces, std::vector<AuditSpan>& spans) {
  for (std::size_t done = 0; done < pieces;) {
    if (spans.empty() || spans.back().pieces + std::min<std::size_t>(pieces - done, slots_per_span) > slots_per_span) {
      spans.push_back({first_piece + done, 0, {}, {}});
    }
    AuditSpan& span = spans.back();
    const std::size_t count = std::min<std::size_t>(pieces - done, slots_per_span);
    const auto first = static_cast<int>(span.pieces);
    const int last = first + static_cast<int>(count) - 1;
    span.parts.push_back({first, last, chain, done == 0, done + count == pieces});
    if (done + count == pieces) {
      span.ends.push_back(last);
    }
    span.pieces += count;
    done += count;
  }
}

}  // namespace

AuditCut cut_pieces(const std::vector<arith::Chain>& chains, std::int64_t length) {
  AuditCut cut;
  for (std::size_t c = 0; c < chains.size(); ++c) {
    const arith::Chain& chain = chains[c];
    const std::size_t first = cut.pieces.size();
    for (std::int64_t begin = chain.begin; begin < chain.end;) {
      const std::int64_t end = length == 0 ? chain.end : std::min(begin + length, chain.end);
      cut.pieces.push_back({begin, end, chain.block_a, chain.block_b});
      cut.segments.push_back({begin / 2, begin / 2, (end - begin + 1) / 2, 0, end == chain.end});
      begin = end;
    }
    add_chain(c, first, cut.pieces.size() - first, cut.spans);
  }
  return cut;
}

std::int64_t piece_length(const Matrix& left, const Matrix& right, const std::vector<arith::Chain>& chains,
                          const TileKernel& kernel) {
  constexpr double lane_limit = 2147483647.0;
  std::int64_t longest = 0;
  for (const arith::Chain& chain : chains) {
    longest = std::max(longest, chain.end - chain.begin);
  }
  // Random signs: a look finds less than 3.5 standard deviations; the norms of a piece are within 1.5 of their means.
  const double product = std::sqrt(mean_square(left, kernel) * mean_square(right, kernel));
  for (const std::int64_t length : piece_lengths) {
    const auto looked_at = static_cast<double>(std::max<std::int64_t>(longest - length, 0));
    if (product * (1.5 * static_cast<double>(length) + 3.5 * std::sqrt(looked_at)) <= lane_limit) {
      return length;
    }
  }
  return std::end(piece_lengths)[-1];
}

PieceNorms::PieceNorms(const Matrix& matrix, const AuditCut& cut, const TileKernel& kernel)
    : rows_(matrix.rows), pieces_(cut.pieces.size()) {
  const std::vector<std::uint64_t> squares = squares_by_chain(matrix, cut.pieces, kernel);
  norms_.resize(squares.size());
  std::transform(squares.begin(), squares.end(), norms_.begin(), root_rounded_up);
}

void PieceNorms::add_band(std::int64_t group, std::int64_t first, std::int64_t last,
                          std::vector<std::uint32_t>& bands) const {
  const std::size_t begin = bands.size();
  bands.resize(begin + pieces_);
  for (std::int64_t r = first; r < last; ++r) {
    const std::uint32_t* const norms = row(group, r);
    for (std::size_t p = 0; p < pieces_; ++p) {
      bands[begin + p] = std::max(bands[begin + p], norms[p]);
    }
  }
}

}  // namespace precsim::kernels
