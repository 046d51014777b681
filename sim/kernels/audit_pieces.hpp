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

inline constexpr int slots_per_span = 16;

/// The pieces of one chain within one span: slots [first, last].
struct AuditPart {
  int first, last;
  std::size_t chain;
  bool begins, ends;  ///< the chain
};

/// Consecutive pieces whose lanes are kept together, at most slots_per_span.
struct AuditSpan {
  std::size_t first_piece = 0, pieces = 0;
  std::vector<AuditPart> parts;
  std::vector<std::int32_t> ends;  ///< slots where chains end
};

struct AuditCut {
  std::vector<arith::Chain> pieces;
  std::vector<native::Segment> segments;  ///< one per piece
  std::vector<AuditSpan> spans;
};

/// Chains (even begins) in pieces of this even length, the last one of a chain short; 0: no cut within a chain.
AuditCut cut_pieces(const std::vector<arith::Chain>& chains, std::int64_t length);

/// A piece length for chains that are not proved: the longer, the fewer looks; the shorter, the fewer doubts. Speed
/// alone depends on it.
std::int64_t piece_length(const Matrix& left, const Matrix& right, const std::vector<arith::Chain>& chains,
                          const TileKernel& kernel);

/// Norms of the pieces of a matrix, rounded up: of every row, and the largest of every band of rows.
class PieceNorms {
 public:
  PieceNorms() = default;
  PieceNorms(const Matrix& matrix, const AuditCut& cut, const TileKernel& kernel);

  /// Takes the largest over rows [first, last) of a group into `band`, a list by piece.
  void add_band(std::int64_t group, std::int64_t first, std::int64_t last, std::vector<std::uint32_t>& bands) const;
  const std::uint32_t* row(std::int64_t group, std::int64_t row) const {
    return norms_.data() + static_cast<std::size_t>(group * rows_ + row) * pieces_;
  }

 private:
  std::int64_t rows_ = 0;
  std::size_t pieces_ = 0;
  std::vector<std::uint32_t> norms_;
};

}  // namespace precsim::kernels
