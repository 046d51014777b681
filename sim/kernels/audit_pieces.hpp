// How the audit cuts a reduction: chains into pieces, at whose ends lanes are looked at, and pieces into spans.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/arith/chain.hpp"
#include "sim/kernels/matrix.hpp"
#include "sim/kernels/native/native_kernel.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::kernels {

inline constexpr int slots_per_span = 8;

/// The pieces of one chain within one span: slots [first, last].
struct AuditPart {
  int first, last;
  std::size_t chain;
  bool begins, ends;  ///< the chain
};

/// Consecutive pieces whose lanes are kept together, at most slots_per_span.
struct AuditSpan {
  std::size_t first_piece = 0, pieces = 0;
  std::uint32_t from_zero = 0;  ///< slots whose pieces begin chains
  std::vector<AuditPart> parts;
  std::vector<std::int32_t> ends;  ///< slots where chains end
};

struct AuditCut {
  std::vector<arith::Chain> pieces;
  std::vector<native::Segment> segments;  ///< one per piece
  std::vector<AuditSpan> spans;
};

/// The geometric mean of the mean squares of the codes of both sides.
double mean_product(const Matrix& left, const Matrix& right, const TileKernel& kernel);

/// Chains (even begins) in pieces that end with the chain or after a multiple of 16 products: the longer, the fewer
/// looks; the shorter, the fewer doubts. Lanes grow along a chain, so that its pieces get shorter. Speed alone depends
/// on it. `product`: a typical |a * b|; 0: no cut within a chain.
AuditCut cut_pieces(const std::vector<arith::Chain>& chains, double product);

/// Norms of the pieces of a matrix, rounded up: [group][row][piece].
std::vector<float> row_norms(const Matrix& matrix, const AuditCut& cut, const TileKernel& kernel);
/// [group][panel][piece][line_lanes], zero beyond the last row.
std::vector<float> lane_norms(const Matrix& matrix, const AuditCut& cut, const TileKernel& kernel);

}  // namespace precsim::kernels
