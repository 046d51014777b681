// Pieces and their norms.
#include "sim/kernels/audit_pieces.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/kernels/squares.hpp"
#include "sim/kernels/threads.hpp"

namespace precsim::kernels {
namespace {

constexpr std::int64_t longest_piece = 128;

float root_rounded_up(std::uint64_t square) {
  constexpr double beyond_all_roundings = 1 + 1e-6;
  return static_cast<float>(std::sqrt(static_cast<double>(square)) * beyond_all_roundings);
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

/// The length of a piece that begins `before` products after its chain.
std::int64_t piece_length(std::int64_t before, double product) {
  if (product == 0) {
    return std::numeric_limits<std::int32_t>::max();
  }
  constexpr double lane_limit = 2147483647.0;
  // Random signs: lanes, and the products of norms, spread like sums of so many products.
  constexpr double deviations = 4;
  std::int64_t length = longest_piece;
  for (; length > block_codes; length -= block_codes) {
    if (product * (static_cast<double>(length) + deviations * std::sqrt(static_cast<double>(before + length))) <=
        lane_limit) {
      break;
    }
  }
  return length;
}

/// A chain's slots go into one span where they fit.
void add_chain(std::size_t chain, std::size_t first_piece, std::size_t pieces, std::vector<AuditSpan>& spans) {
  for (std::size_t done = 0; done < pieces;) {
    if (spans.empty() || spans.back().pieces + std::min<std::size_t>(pieces - done, slots_per_span) > slots_per_span) {
      spans.push_back({first_piece + done, 0, 0, {}, {}});
    }
    AuditSpan& span = spans.back();
    const std::size_t count = std::min<std::size_t>(pieces - done, slots_per_span);
    const auto first = static_cast<int>(span.pieces);
    const int last = first + static_cast<int>(count) - 1;
    span.parts.push_back({first, last, chain, done == 0, done + count == pieces});
    if (done == 0) {
      span.from_zero |= 1u << first;
    }
    if (done + count == pieces) {
      span.ends.push_back(last);
    }
    span.pieces += count;
    done += count;
  }
}

}  // namespace

double mean_product(const Matrix& left, const Matrix& right, const TileKernel& kernel) {
  return std::sqrt(mean_square(left, kernel) * mean_square(right, kernel));
}

AuditCut cut_pieces(const std::vector<arith::Chain>& chains, double product) {
  AuditCut cut;
  for (std::size_t c = 0; c < chains.size(); ++c) {
    const arith::Chain& chain = chains[c];
    const std::size_t first = cut.pieces.size();
    for (std::int64_t begin = chain.begin; begin < chain.end;) {
      const std::int64_t end = std::min(begin + piece_length(begin - chain.begin, product), chain.end);
      cut.pieces.push_back({begin, end, chain.block_a, chain.block_b});
      cut.segments.push_back({begin / 2, begin / 2, (end - begin + 1) / 2, 0, end == chain.end});
      begin = end;
    }
    add_chain(c, first, cut.pieces.size() - first, cut.spans);
  }
  return cut;
}

std::vector<float> row_norms(const Matrix& matrix, const AuditCut& cut, const TileKernel& kernel) {
  const std::vector<std::uint64_t> squares = squares_by_chain(matrix, cut.pieces, kernel);
  std::vector<float> norms(squares.size());
  std::transform(squares.begin(), squares.end(), norms.begin(), root_rounded_up);
  return norms;
}

std::vector<float> lane_norms(const Matrix& matrix, const AuditCut& cut, const TileKernel& kernel) {
  const std::vector<float> rows = row_norms(matrix, cut, kernel);
  const auto pieces = static_cast<std::int64_t>(cut.pieces.size());
  const std::int64_t panels = (matrix.rows + line_lanes - 1) / line_lanes;
  std::vector<float> norms(static_cast<std::size_t>(matrix.groups * panels * pieces * line_lanes));
  for (std::int64_t line = 0; line < matrix.groups * matrix.rows; ++line) {
    const std::int64_t row = line % matrix.rows;
    const std::int64_t panel = line / matrix.rows * panels + row / line_lanes;
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      norms[static_cast<std::size_t>((panel * pieces + piece) * line_lanes + row % line_lanes)] =
          rows[static_cast<std::size_t>(line * pieces + piece)];
    }
  }
  return norms;
}

}  // namespace precsim::kernels
